package page

// The forms of acts, with the names of their fields. Who calls them may change words, add Hidden fields and set Error or Blocked.

// AgainForm submits a release for evaluation again. Field: scheme (several).
func AgainForm(action string, schemes []Option) Form {
	return Form{
		ID: "again", Title: "Submit for evaluation again", Action: action, Folded: true, Submit: "Submit again",
		Intro:  "It counts as an attempt for each scheme.",
		Fields: []Field{{Name: "scheme", Label: "Schemes", Kind: "checks", Options: schemes}},
	}
}

// CancelForm stops a queued or running evaluation. No field.
func CancelForm(action string) Form {
	return Form{ID: "cancel", Title: "Cancel the evaluation", Action: action, Folded: true, Submit: "Cancel it", Danger: true, Intro: "What was recorded so far is thrown away. The attempt stays counted."}
}

// WithdrawForm withdraws a release. Field: reason.
func WithdrawForm(action string) Form {
	return Form{
		ID: "withdraw", Title: "Withdraw the release", Action: action, Folded: true, Submit: "Withdraw", Danger: true,
		Intro:  "The release stays visible to those who could see it, marked as withdrawn. Attempts are not subtracted.",
		Fields: []Field{Reason("Who can see the release can read it.")},
	}
}

// GrantForm gives a party leave to see. Fields: party, scope (radio), level (summary, verdict, evidence, source), from, until (dates).
func GrantForm(action string, parties, scopes []Option) Form {
	return Form{
		ID: "grant", Title: "Let a party see it", Action: action, Folded: true, Submit: "Grant",
		Fields: []Field{
			{Name: "party", Label: "Party", Kind: "select", Required: true, Options: parties},
			{Name: "scope", Label: "What", Kind: "radio", Required: true, Options: scopes},
			{Name: "level", Label: "Level", Kind: "radio", Required: true, Options: []Option{
				{Value: "summary", Label: "Summary", Help: "names, counts, credential", Chosen: true},
				{Value: "verdict", Label: "Verdict", Help: "and verdicts, reasons, titles of findings"},
				{Value: "evidence", Label: "Evidence", Help: "and addresses, facts, names in the tree, decisive bytes, declaration, SBOM"},
				{Value: "source", Label: "Source", Help: "and any file, but never the whole artifact"},
			}},
			{Name: "from", Label: "From", Kind: "date", Help: "00:00 UTC of that day; empty: now, or the end of the embargo"},
			{Name: "until", Label: "Until", Kind: "date", Help: "00:00 UTC of that day; empty: until withdrawn"},
		},
	}
}

// EndGrantForm withdraws the grant with this id. No field.
func EndGrantForm(id, action string) Form {
	return Form{ID: "end-grant-" + id, Action: action, Submit: "Withdraw grant"}
}

// AssignForm lets a person of the lab work on a release. Fields: person, as (evaluator, second).
func AssignForm(action string, people []Option) Form {
	return Form{
		ID: "assign", Title: "Assign a person", Action: action, Folded: true, Submit: "Assign",
		Fields: []Field{
			{Name: "person", Label: "Person", Kind: "select", Required: true, Options: people},
			{Name: "as", Label: "As", Kind: "select", Options: []Option{{Value: "evaluator", Label: "evaluator"}, {Value: "second", Label: "second evaluator"}}},
		},
	}
}

// ElevateForm takes special leave on a release. Fields: reason, hours.
func ElevateForm(action string) Form {
	return Form{
		ID: "elevate", Title: "See it without being assigned", Action: action, Folded: true, Submit: "Take leave",
		Intro: "It ends by itself. The owner sees that it was taken, by whom, and why.",
		Fields: []Field{
			Reason("The owner reads it."),
			{Name: "hours", Label: "For how long", Kind: "select", Options: []Option{{Value: "1", Label: "1 hour", Chosen: true}, {Value: "4", Label: "4 hours"}, {Value: "8", Label: "8 hours"}}},
		},
	}
}

// AgreeForm agrees to issue a credential. Fields: days (validity), reason (a note, optional).
func AgreeForm(action, scheme string) Form {
	return Form{
		ID: "agree-" + safeID(scheme), Title: "Agree to issue under " + scheme, Action: action, Folded: true, Submit: "Agree",
		Intro:  "Two people of the lab have to agree, neither of whom judged or countersigned here. The second agreement issues it.",
		Hidden: []Pair{{Name: "scheme", Value: scheme}},
		Fields: []Field{
			{Name: "days", Label: "Valid for, in days", Kind: "number", Value: "180", Required: true},
			{Name: "note", Label: "Note", Kind: "textarea", Rows: 2},
		},
	}
}

// PublishForm chooses how far a credential is published. Field: publish (register, parties, none).
func PublishForm(action, chosen string) Form {
	return Form{
		ID: "publish", Title: "How far it is published", Action: action, Submit: "Choose",
		Fields: []Field{{Name: "publish", Label: "Publication", Kind: "radio", Required: true, Options: []Option{
			{Value: "register", Label: "In the public register", Help: "anyone can find and download it", Chosen: chosen == "register"},
			{Value: "parties", Label: "To parties with a grant", Help: "level summary is enough", Chosen: chosen == "parties"},
			{Value: "none", Label: "To nobody", Help: "the owner and the lab have it; only its hash is in the ledger", Chosen: chosen == "none"},
		}}},
	}
}

// JudgeForm is a person's verdict on one test. Fields: verdict (pass, fail, inconclusive), reason, cites (several), evidence (a file).
func JudgeForm(action, test string, evidence []Option) Form {
	return Form{
		ID: "judge-" + safeID(test), Title: "Judge " + test, Action: action, Submit: "Record the verdict", Upload: true,
		Hidden: []Pair{{Name: "test", Value: test}},
		Fields: []Field{
			{Name: "verdict", Label: "Verdict", Kind: "radio", Required: true, Options: []Option{
				{Value: Pass, Label: "✓ Pass"}, {Value: Fail, Label: "✗ Fail"}, {Value: Inconclusive, Label: "? Inconclusive"},
			}},
			Reason("What was done, what was seen, and why that decides it."),
			{Name: "cites", Label: "Evidence that it rests on", Kind: "checks", Options: evidence},
			{Name: "evidence", Label: "Upload evidence", Help: "A photo, a console capture, a pcap. It is hashed on arrival.", Kind: "file"},
		},
	}
}

// CountersignForm agrees with the judgement with this id, or refuses. Fields: agree (yes, no), reason.
func CountersignForm(id, action string) Form {
	return Form{
		ID: "countersign-" + safeID(id), Title: "Countersign", Action: action, Folded: true, Submit: "Record",
		Fields: []Field{
			{Name: "agree", Label: "Having looked at the evidence", Kind: "radio", Required: true, Options: []Option{{Value: "yes", Label: "I agree"}, {Value: "no", Label: "I don't agree: it is judged again"}}},
			{Name: "reason", Label: "Reason", Kind: "textarea", Rows: 3, Help: "Needed if you don't agree."},
		},
	}
}

// AcceptForm accepts a risk for the reader's party. Fields: reason, until (date).
func AcceptForm(action string) Form {
	return Form{
		ID: "accept", Title: "Accept the risk", Action: action, Folded: true, Submit: "Accept",
		Intro:  "For your party only. It changes no verdict and no count, and it ends.",
		Fields: []Field{Reason(""), {Name: "until", Label: "Until", Kind: "date", Required: true}},
	}
}

// UnmaskForm shows what is masked, once. Field: reason.
func UnmaskForm(action string) Form {
	return Form{ID: "unmask", Title: "Show what is masked", Action: action, Folded: true, Submit: "Show", Intro: "The reason is recorded, and the owner sees it.", Fields: []Field{Reason("")}}
}

// Reason is the compulsory field "reason".
func Reason(help string) Field {
	return Field{Name: "reason", Label: "Reason", Help: help, Kind: "textarea", Rows: 3, Required: true}
}
