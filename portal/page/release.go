package page

import "time"

// Release is "/releases/{id}".
type Release struct {
	Shell
	Product, ProductURL string
	Name, Vendor        string // Name is the version or period
	State               string // queued, evaluating, evaluated, withdrawn
	StateNote           string // as "third of 5 in the queue", "by the vendor, 3 Nov: wrong image"
	Live                string // address of the running or last evaluation
	Refresh             string // address of this page; while queued or evaluating, with scripts, State is fetched anew from it
	Clock               *Clock
	Facts               []Pair    // who submitted, when, previous release …
	Embargo             time.Time // 00:00 UTC of that day; zero: none
	Disagree            []Disagreement
	DisagreeNote        string // about the vendor's own dossier, when nothing differs
	Schemes             []SchemeRow
	Artifacts           []Artifact
	Tree, Compare       string // addresses
	Grants              []Grant
	Assignments         []Assignment
	Elevations          []Elevation
	Receipt             *Receipt
	Attempts            []Attempt
	Dossiers            []Dossier
	Credentials         []CredentialRow
	Threads             []Link // talk about the release
	Risks               []Risk
	Actions             []Form // see AgainForm and its neighbours
}

// Disagreement is a requirement on which the vendor's own dossier and the lab's differ.
type Disagreement struct {
	Scheme, Requirement, Name, URL string
	Vendor, Lab                    string // verdicts
	Cause                          string // as "other as-of date", "the lab saw 2 more services", may be empty
}

// SchemeRow is one scheme under which the release stands. Changes is as "3 newly pass, 0 newly fail against 4.2.0".
type SchemeRow struct {
	Name, Edition, URL string
	Counts             Counts
	Note               string // instead of counts, as "waits for the evaluation"
	Waits              string // as "21 need a running instance, 3 a person"
	Changes            string
	Attempts           int
}

// Artifact is a file of the release as received.
type Artifact struct {
	ID, Name, Digest, URL string
	Size                  int64
	Note                  string
}

// Grant is leave to see. End, if there is one, is the form that withdraws it.
type Grant struct {
	Party, Level string
	Scope        string // "this release" or "all of Edge Router X"
	From, Until  time.Time
	Given        string // by whom
	Seal         *Seal
	State        string // as "from 15 Dec", "ended", "held back by the embargo"; empty: in force
	End          *Form
}

// Assignment lets a person of the lab work on the release.
type Assignment struct {
	Person string
	As     string // evaluator, second
	By     string
	Since  time.Time
	End    *Form
}

// Elevation is special leave that a person of the lab took, with the reason; the owner sees it.
type Elevation struct {
	Person, Reason string
	From, Until    time.Time
	Active         bool
}

// Receipt says what was received, and who signed what.
type Receipt struct {
	Digest   string // of what the party signed
	SignedBy string // key, webauthn, lab
	Key      string // its name or fingerprint
	When     time.Time
	Person   string
	URL      string // the statement
	Seal     *Seal
}

// Attempt is an accepted submission of the release for a scheme.
type Attempt struct {
	Number int
	Scheme string
	When   time.Time
	Result string // in words
	URL    string
}

// Dossier is one dossier of the release. Downloads are HTML, SARIF, JSON, CSV and the whole as a zip.
type Dossier struct {
	Digest, URL string
	Made        time.Time
	By          string // "lab" or "vendor", with the program's build
	Why         string // first evaluation, judged by hand, judged anew
	Predecessor string // digest, may be empty
	Downloads   []Link
	Current     bool
	Seal        *Seal
}

// CredentialRow is a credential of the release.
type CredentialRow struct {
	Scheme, URL   string
	State         string // valid, suspended, revoked, expired
	Issued, Until time.Time
	Note          string
}

// Risk is one that a party accepts. It changes no verdict.
type Risk struct {
	Party, Reason string
	What, URL     string // the finding or requirement
	Until         time.Time
	Expired       bool
	End           *Form
}

func (v Release) polls() bool {
	return v.Refresh != "" && (v.State == "queued" || v.State == "evaluating")
}

func (v Release) modules() []string {
	if v.polls() {
		return []string{htmx, "passkey.mjs"}
	}
	return []string{"passkey.mjs"}
}

// signedBy says what a signature is worth.
func signedBy(by string) string {
	switch by {
	case "key":
		return "the party's own key"
	case "webauthn":
		return "a person's passkey (WebAuthn)"
	case "lab":
		return "ATTESTED-BY-LAB: the party signed nothing"
	}
	return Visible(by)
}
