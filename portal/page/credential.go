package page

import "time"

// Credential is "/credentials/{id}".
type Credential struct {
	Shell
	Product, Release, ReleaseURL string
	Vendor                       string
	Scheme, Edition, SchemeURL   string
	State, StateNote             string // valid, suspended, revoked, expired; as "revoked 3 Nov: key lost"
	Counts                       Counts
	Issued, Until                time.Time
	Attempts                     int
	Lab, Independence            string   // self, contracted, independent
	Agreed                       []string // who of the lab agreed
	Publication                  string   // how far it is published, in words
	Download, File               string   // address and file name of the bundle
	Size                         int64
	Commands                     []string // to check it offline; the first is enough
	Try                          string   // what else to try, as flipping a byte; may be empty
	Badge                        string   // a line to paste whose target verifies, may be empty
	Facts                        []Pair   // dossier, statement, subjects
	Seal                         *Seal
	Actions                      []Form
}

// RevokeForm changes the status of a credential. Fields: status (suspended, revoked, valid), reason.
func RevokeForm(action string) Form {
	return Form{
		ID: "status", Title: "Suspend or revoke", Action: action, Folded: true, Submit: "Change the status", Danger: true,
		Fields: []Field{
			{Name: "status", Label: "New status", Kind: "radio", Required: true, Options: []Option{
				{Value: "suspended", Label: "Suspended", Help: "can become valid again"},
				{Value: "revoked", Label: "Revoked", Help: "for ever"},
				{Value: "valid", Label: "Valid again", Help: "ends a suspension"},
			}},
			Reason("It is published with the status."),
		},
	}
}

// Statement is any statement, shown as what it says and as its JSON, with its place in the ledger.
type Statement struct {
	Shell
	Kind      string // in words, as "grant", "receipt"
	About     Link
	SignedBy  string
	When      time.Time
	Digest    string // of the envelope
	Facts     []Pair
	JSON      string // indented
	Seal      *Seal
	Proof     []Pair // leaf hash, tree size, root, path; marked data-ledger
	Downloads []Link // the envelope, the proof
	Commands  []string
}

// Failure is an error's page. A thing that the reader may not see is a 404 like one that is not there. Empty Heading and Words are filled by status.
type Failure struct {
	Shell
	Status         int
	Heading, Words string
	Retry          time.Duration // with 429 and 503: when to try again
	Ref            string        // what to name to the lab, with 500
	Back           Link
}

func (v Failure) heading() string {
	if v.Heading != "" {
		return Visible(v.Heading)
	}
	switch v.Status {
	case 400, 422:
		return "That could not be read"
	case 401:
		return "Sign in first"
	case 404:
		return "Nothing here that you may see"
	case 405:
		return "That can't be done here"
	case 409:
		return "Somebody was faster"
	case 413:
		return "Too large"
	case 429:
		return "Too many requests"
	case 503:
		return "Not now"
	}
	return "Something broke on our side"
}

func (v Failure) words() string {
	if v.Words != "" {
		return prose(v.Words)
	}
	switch v.Status {
	case 404:
		return "The address is wrong, or what it names is not for you. Both look the same on purpose."
	case 409:
		return "What you wanted to change has changed. Look at it again, then decide."
	case 429:
		return "You, or somebody with your token, asked too often."
	case 500:
		return "It was recorded. Nothing that you sent was half done."
	}
	return ""
}

func stateMark(state string) string {
	switch state {
	case "valid":
		return "✓"
	case "revoked":
		return "✗"
	}
	return "!"
}

func stateClass(state string) string {
	switch state {
	case "valid":
		return "vp"
	case "revoked":
		return "vf"
	}
	return "vi"
}

// joined lists names.
func joined(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return audience(names)
}
