package page

import (
	"strings"
	"time"
)

func liveSamples() []shown {
	runs := Evaluation{
		Shell: vendorShell("Evaluation", "Products"), Product: "Edge Router X", Release: "4.2.1", ReleaseURL: "/r/1", State: "evaluating", StateNote: "observe", Events: "/evaluations/1/events", Refresh: "/evaluations/1",
		Phases: []Phase{{"Receive", "done", "70.0 MiB"}, {"Unpack", "runs", "12 containers"}, {"Observe", "waits", ""}, {"Judge", "waits", "3 schemes"}, {"Seal", "waits", ""}},
		Files:  18302, Bytes: 412_345_678, Container: "router!/rootfs.squashfs!/opt/app/image.tar", Started: at(28, 9, 26), Left: "about 3 minutes, from past runs",
		Slowest: []Slow{{"router!/rootfs.squashfs", "41 s"}, {"elf 3", "12 s"}}, Log: []string{"09:26:01 opened router as uImage", "09:26:02 opened image0 as squashfs, xz", "09:27:14 left out: /dev/console, a device"},
		Fixed: []Pair{{Name: "As of", Value: "2026-11-28"}, {Name: "Build", Value: "probat 0.7.0", Mono: true}}, Actions: []Form{CancelForm("/evaluations/1/cancel")},
	}
	ended := runs
	ended.State, ended.StateNote, ended.Events, ended.Ended, ended.Left = "error", "the sandbox ended: memory", "", at(28, 9, 31), ""
	ended.Alarm = "The same job gave another digest than on 20 Nov: 9f2c41…e07a. People of the lab look at it."
	return []shown{{"evaluation", runs}, {"evaluation-ended", ended}}
}

func treeSamples() []shown {
	tree := Tree{
		Shell: labShell("Tree", "Products"), Product: "Edge Router X", Release: "4.2.1", ReleaseURL: "/r/1",
		Crumbs:  []Link{{Text: "router", URL: "?at=router"}, {Text: "image0", URL: "?at=2"}, {Text: "rootfs.squashfs", URL: "?at=3"}, {Text: "etc", Current: true}},
		Address: "router!/image0!/rootfs.squashfs!/etc", Node: []Pair{{Name: "Type", Value: "folder"}, {Name: "SHA-256", Value: digestA, Mono: true}}, OpenNote: "A folder has no bytes of its own.",
		Rows: []NodeRow{
			{Name: "ssh", URL: "?at=ssh", Folder: true, Size: -1, Type: "folder", Mode: "drwxr-xr-x", Digest: digestA},
			{Name: "inittab", URL: "?at=i", Size: 1204, Type: "text", Mode: "-rw-r--r--", Digest: digestB, Note: "1 finding"},
			{Name: "shadow", URL: "?at=s", Size: 812, Type: "text", Mode: "-rw-------", Digest: digestA},
			{Name: "a\u202egpj.exe\x07" + strings.Repeat("x", 200), URL: "?at=x", Size: 9_812_331, Type: "ELF", Digest: digestB},
		},
		Pager: Pager{First: 1, Last: 4, Total: 412, Next: "?from=5"}, Facts: []FactRow{{Kind: "service", Observer: "services 3", Attributes: []Pair{{Name: "program", Value: "telnetd", Mono: true}, {Name: "port", Value: "23"}}}},
		Findings: []Finding{{Title: "telnetd is not declared", URL: "/f/1", Test: "undeclared-service", Severity: "high"}}, Unobserved: []Pair{{Name: "etc/keys.bin", Value: "entropy of encryption"}},
	}
	unmask := UnmaskForm("/r/1/evidence/1/unmask")
	lines := []TextLine{{No: 1, Hit: true, Parts: []TextPart{{Text: "root:"}, {Text: "secret", Masked: "password hash"}, {Text: ":18000:0:99999:7:::"}}}, {No: 2, Parts: text("daemon:*:18000:0:99999:7:::")}, {No: 3, Parts: text("\tadmin\x1b[31m:!:" + strings.Repeat("long", 60))}}
	ev := Evidence{
		Shell: labShell("shadow", "Products"), Product: "Edge Router X", Release: "4.2.1", ReleaseURL: "/r/1", Title: "shadow", Address: "router!/image0!/etc/shadow", NodeURL: "/tree", Digest: digestA, Size: 812,
		Views: []Link{{Text: "Text", URL: "?view=text", Current: true}, {Text: "Hex", URL: "?view=hex"}, {Text: "Download", URL: "?raw"}}, Lines: lines, Mask: []string{"password hash: one of 2 in this file"}, Unmask: &unmask, Jump: "/evidence/1", Keep: []Pair{{Name: "view", Value: "text"}}, From: 0, To: 812, Whole: 812, Shows: "cited by 4.2.3.2.3",
	}
	hex := ev
	hex.Lines, hex.Views = nil, []Link{{Text: "Text", URL: "?view=text"}, {Text: "Hex", URL: "?view=hex", Current: true}}
	for row := range 4 {
		r := HexRow{Offset: int64(row * 16)}
		for i := range 16 {
			if row == 3 && i == 5 {
				break
			}
			r.Bytes = append(r.Bytes, HexByte{Value: byte(row*16 + i + 60), Masked: row == 1 && i > 3 && i < 12, Hit: row == 2 && i < 9})
		}
		hex.Hex = append(hex.Hex, r)
	}
	json := ev
	json.Lines, json.JSON, json.Unmasked, json.Unmask, json.Mask = nil, "{\n  \"program\": \"telnetd\",\n  \"port\": 23\n}", "You see it unmasked. Reason: checking the kind of hash.", nil, nil
	empty := ev
	empty.Lines = nil
	return []shown{{"tree", tree}, {"evidence-text", ev}, {"evidence-hex", hex}, {"evidence-json", json}, {"evidence-empty", empty}}
}

func compareSamples() []shown {
	change := func(id, name, from, to, cause string) Change {
		return Change{ID: id, Name: name, URL: "/w/1", From: from, To: to, Cause: cause, Files: []Link{{Text: "router!/image0!/usr/lib/libssl.so.3", URL: "/tree"}}}
	}
	return []shown{{"compare", Compare{
		Shell: vendorShell("4.2.0 and 4.2.1", "Products"), A: Side{Product: "Edge Router X", Release: "4.2.0", URL: "/r/2", Digest: digestA}, B: Side{Product: "Edge Router X", Release: "4.2.1", URL: "/r/1", Digest: digestB, Note: "judged anew"}, Swap: "/compare?a=1&b=2",
		Schemes: []CompareScheme{{
			Name: "TS 33.117", EditionA: "V18.0.0", EditionB: "V18.1.0", Carried: 41, CarriedNote: "their inputs are byte-identical",
			NewlyMet:    []Change{change("4.3.2.5", "Software past its support", Fail, Pass, "libssl.so 3.0.11 → 3.0.15")},
			NewlyFailed: []Change{change("4.3.2.1", "No unneeded services", Pass, Fail, "telnetd starts at boot")}, NotComparable: []Change{change("4.2.9", "New in this edition", "", NotAssessed, "")}, Other: []Change{change("4.4.4", "Robust to malformed input", NotAssessed, Inconclusive, "")},
		}},
		Files: []FileChange{{Address: "router!/image0!/usr/lib/libssl.so.3", URL: "/tree", A: digestA, B: digestB, Words: "libssl 3.0.11 → 3.0.15", Decided: 1}, {Address: "router!/image0!/usr/sbin/telnetd", B: digestB, Words: "new", Decided: 1}}, FilesSum: "212 files changed, 3 added, 41 removed, 18,302 identical",
		Choose: []Field{{Name: "a", Label: "Before", Kind: "select", Options: []Option{{Value: "2", Label: "4.2.0", Chosen: true}}}, {Name: "b", Label: "After", Kind: "select", Options: []Option{{Value: "1", Label: "4.2.1", Chosen: true}}}},
	}}}
}

func listSamples() []shown {
	search := Search{Shell: labShell("telnet", ""), Words: "telnet", Groups: []HitGroup{
		{Name: "findings", Total: 3, Hits: []Hit{{Title: "telnetd, tcp 23: not declared", URL: "/f/1", About: "Edge Router X 4.2.1", Words: []HitWord{{Text: "::respawn:/usr/sbin/"}, {Text: "telnet", Match: true}, {Text: "d -F"}}}}, More: "/search?q=telnet&in=findings"},
		{Name: "messages", Total: 1, Hits: []Hit{{Title: "Operator North, 20 Nov", URL: "/t/1#m-1", About: "4.3.2.1"}}},
	}}
	search.Query = "telnet"
	filters := []Link{{Text: "All", URL: "?", Current: true}, {Text: "Talk", URL: "?in=talk"}, {Text: "Judgements", URL: "?in=judge"}}
	queue := Queue{Shell: labShell("To judge by hand", "Inbox"), Filters: filters, Rows: []QueueRow{
		{Release: "Edge Router X 4.2.1", ReleaseURL: "/r/1", Scheme: "TS 33.117", Requirement: "4.4.4", URL: "/w/10", Name: "Robust to malformed input", State: "a countersignature", Drafted: 2, Persons: 2, Person: "Chiara Conti", Due: now.Add(50 * time.Hour)},
		{Release: "Managed NOC 2026-Q3", Scheme: "CRA Annex I", Requirement: "II.2", Name: "Flaws are handled without delay", State: "a judgement"},
	}}
	threads := Threads{Shell: vendorShell("Talk", "Inbox"), Heading: "Talk", Filters: filters, Rows: []ThreadRow{{Title: "No unneeded services", URL: "/t/1", About: "Edge Router X 4.2.1, TS 33.117 4.3.2.1", Last: at(21, 9, 30), LastBy: "Rome Lab", Count: 3, Parties: []string{"Rome Lab", "Alpha Networks", "Operator North"}, State: "disputed", Clock: &Clock{Who: "Alpha Networks", Act: "must answer", Due: now.Add(-2 * time.Hour)}}}}
	one := Threads{Shell: vendorShell("No unneeded services", "Inbox"), Heading: "No unneeded services", About: Link{Text: "Edge Router X 4.2.1", URL: "/r/1"}, Facts: []Pair{{Name: "Fingerprint", Value: digestA, Mono: true}}, Talk: workSamples()[0].view.(Work).Talk}
	counts := Counts{31, 3, 2, 24, 13}
	table := Table{
		Shell: labShell("Ledger", "Ledger"), Heading: "Ledger", Sub: "Every act that matters, in its order.", Ledger: true, Facts: []Pair{{Name: "Size", Value: "48,190"}, {Name: "Root", Value: digestB, Mono: true}}, Columns: []string{"Entry", "What", "When", "Digest"}, Path: "/ledger", Filters: []Field{{Name: "kind", Label: "Kind", Kind: "search"}},
		Rows: [][]Datum{{{Text: "48,190", URL: "/ledger/48190", Mono: true}, {Text: "receipt", Note: "by the lab"}, {When: at(21, 9, 30)}, {Digest: digestA}}, {{Text: "48,189", Mono: true}, {State: "valid"}, {Counts: &counts}, {}}},
	}
	return []shown{
		{"search", search},
		{"search-nothing", Search{Shell: labShell("Search", ""), Words: "zzz", Hint: "Releases, requirements, findings, file names, facts, messages and statements can be searched."}},
		{"inbox", Inbox{Shell: vendorShell("Inbox", "Inbox"), Mine: tasksSample()[:2], Others: tasksSample()[2:], Filters: filters}},
		{"inbox-empty", Inbox{Shell: vendorShell("Inbox", "Inbox")}},
		{"queue", queue},
		{"queue-empty", Queue{Shell: labShell("To judge by hand", "Inbox")}},
		{"threads", threads},
		{"thread", one},
		{"threads-empty", Threads{Shell: vendorShell("Talk", "Inbox"), Heading: "Talk"}},
		{"table", table},
		{"table-empty", Table{Shell: publicShell("Register"), Heading: "Register", Empty: "No credential was published yet.", Command: "probat verify NAME.probat.zip --trust lab.trust"}},
	}
}

func credentialSamples() []shown {
	c := Credential{
		Shell: vendorShell("Credential", "Register"), Product: "Edge Router X", Release: "4.2.1", ReleaseURL: "/r/1", Vendor: "Alpha Networks", Scheme: "TS 33.117", Edition: "V18.1.0", SchemeURL: "/s/1", State: "valid", Counts: Counts{31, 3, 2, 24, 13}, Issued: at(22, 9, 0), Until: time.Date(2027, 5, 22, 9, 0, 0, 0, time.UTC), Attempts: 2,
		Lab: "Rome Lab", Independence: "independent", Agreed: []string{"Rita Rossi", "Sergio Sala"}, Publication: "in the public register", Download: "/c/1/edge.probat.zip", File: "edge-router-x_4.2.1_ts-33.117.probat.zip", Size: 28_412,
		Commands: []string{"probat verify edge-router-x_4.2.1_ts-33.117.probat.zip --trust lab.trust --file edge-router-x-4.2.1.img"}, Try: "Flip a byte of it and run it again: it says INVALID.",
		Facts: []Pair{{Name: "Dossier", Value: digestB, Mono: true, URL: "/d/2"}, {Name: "Subject", Value: digestA, Mono: true}}, Seal: &Seal{Index: 48195, URL: "/ledger/48195", Witnesses: "2 of 3"}, Actions: []Form{PublishForm("/c/1/publish", "register"), RevokeForm("/c/1/status")},
	}
	gone := c
	gone.State, gone.StateNote, gone.Actions, gone.Badge = "revoked", "27 Nov: the image was withdrawn by its vendor.", nil, `<a href="https://lab.example/c/1">checked by Rome Lab</a>`
	s := Statement{
		Shell: labShell("Statement", "Ledger"), Kind: "grant", About: Link{Text: "Edge Router X 4.2.1", URL: "/r/1"}, SignedBy: "Rome Lab", When: at(1, 9, 0), Digest: digestA, Facts: []Pair{{Name: "To", Value: "Operator North"}, {Name: "Level", Value: "evidence"}}, JSON: "{\n  \"_type\": \"https://in-toto.io/Statement/v1\",\n  \"predicate\": {\"level\": \"evidence\"}\n}",
		Seal: &Seal{Index: 48112, URL: "/ledger/48112"}, Proof: []Pair{{Name: "Leaf", Value: digestB, Mono: true}, {Name: "Tree size", Value: "48,190"}}, Downloads: []Link{{Text: "Envelope (DSSE)", URL: "/x"}}, Commands: []string{"probat verify statement.json"},
	}
	return []shown{{"credential", c}, {"credential-revoked", gone}, {"statement", s}}
}

func submitSamples() []shown {
	submit := Submit{
		Shell: vendorShell("Submit a release", "Products"), Endpoint: "/uploads/", Most: 8 << 30, Command: "probat submit router.img --to http://localhost:8080 --token T --declaration product.yaml --scheme ts-33.117 --wait",
		Uploads: []Upload{{Name: "artifact", Label: "Artifacts", Help: "Images, packages, SBOM. A service or process has none.", Several: true, Done: []Pair{{Name: "edge-router-x-4.2.1.img", Value: "/uploads/1"}}}, {Name: "dossier", Label: "Your own dossier (zip)", Error: "It is no dossier: dossier.json is missing."}},
		Form: Form{ID: "submit", Action: "/submit", Submit: "Submit", Sign: "/submit/sign", Error: "The release 4.2.1 is here already.", Fields: []Field{
			{Name: "product", Label: "Product", Kind: "select", Options: []Option{{Value: "1", Label: "Edge Router X"}, {Value: "", Label: "a new one"}}},
			{Name: "release", Label: "Version or period", Required: true, Value: "4.2.1", Error: "There is one of this name."},
			{Name: "scheme", Label: "Schemes", Kind: "checks", Options: []Option{{Value: "ts", Label: "TS 33.117 V18.1.0", Chosen: true}, {Value: "cra", Label: "CRA Annex I"}}},
			{Name: "embargo", Label: "Embargo until", Kind: "date", Help: "00:00 UTC. Until then only you, the lab and regulators see it."},
			{Name: "sure", Label: "I may hand this in", Kind: "checkbox", Required: true},
		}},
	}
	sets := []Fieldset{
		{Legend: "Product", Path: "product", Help: "What it is and who makes it.", Fields: []Field{{Name: "product.name", Label: "Name", Value: "Edge Router X", Required: true}, {Name: "product.vendor", Label: "Vendor", Value: "Beta", Error: "It is Alpha Networks who hands this in; leave it empty."}}},
		{Legend: "Services", Path: "services", Help: "Everything that listens, with why.", List: true, Add: "Add a service", Entries: []Fieldset{
			{Legend: "Service 1", Path: "services.0", Fields: []Field{{Name: "services.0.protocol", Label: "Protocol", Value: "tcp", Required: true}, {Name: "services.0.port", Label: "Port", Kind: "number", Value: "22"}, {Name: "services.0.why", Label: "Why", Value: "management"}}},
			{Legend: "Service 2", Path: "services.1", Fields: []Field{{Name: "services.1.protocol", Label: "Protocol", Value: "udp", Required: true}, {Name: "services.1.port", Label: "Port", Kind: "number", Value: "161"}, {Name: "services.1.why", Label: "Why", Value: "SNMPv3"}}},
		}},
		{Legend: "Privileged programs", Path: "privileged", List: true, Add: "Add a program"},
	}
	form := Declaration{
		Shell: vendorShell("Declaration", "Products"), Product: "Edge Router X", Release: "4.2.1", ReleaseURL: "/r/1", Action: "/declarations/1", Check: "/declarations/check", Submit: "Save", Sets: sets, Other: Link{Text: "Edit as YAML", URL: "?as=yaml"}, Drafted: "Drafted from what was observed: 8 services, 12 accounts. Read it before you stand behind it.",
		Problems: []Problem{{Where: "product.vendor", Text: "is another party's name", Field: "product.vendor"}}, Sign: "/declarations/1/sign",
	}
	yaml := form
	yaml.Text, yaml.Problems, yaml.Told, yaml.YAML, yaml.Other = true, nil, true, "\nproduct:\n  name: Edge Router X\nservices:\n  - {protocol: tcp, port: 22}\n", Link{Text: "Edit as a form", URL: "?as=form"}
	return []shown{{"submit", submit}, {"declaration", form}, {"declaration-yaml", yaml}}
}

func peopleSamples() []shown {
	end := func(id string) *Form { return &Form{ID: "end-" + id, Action: "/end/" + id, Submit: "End"} }
	account := Account{
		Shell: vendorShell("Your account", ""), Login: "ada", Secret: &Secret{Words: "The new token. It is shown only now.", Value: "probat_9sk2f0s9d8f7s6d5f4"}, Begin: "/passkey", Finish: "/passkey/finish",
		Passkeys: []Passkey{{Name: "laptop", Made: at(1, 9, 0), Last: at(27, 9, 0), End: end("p1")}}, Sessions: []Session{{Where: "Firefox on Linux", How: "passkey", Begun: at(28, 8, 0), Last: at(28, 9, 29), Current: true}, {Where: "Chromium on Android", How: "password", Begun: at(21, 8, 0), Last: at(21, 9, 0), End: end("s2")}},
		Tokens: []Token{{Name: "pipeline", Scope: "submit, read own", Made: at(1, 9, 0), Ends: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), End: end("t1")}}, Forms: []Form{TokenForm("/tokens", []Option{{Value: "submit", Label: "submit releases"}, {Value: "read", Label: "read what you may read", Chosen: true}})},
	}
	party := Party{
		Shell: vendorShell("Alpha Networks", ""), Name: "Alpha Networks", Class: "vendor", Facts: []Pair{{Name: "Identity provider", Value: "https://id.alpha.example"}, {Name: "Here since", Value: "1 Nov 2026"}},
		Members:     []Member{{Name: "Ada Almgren", Login: "ada", Role: "admin", How: "passkey", Since: at(1, 9, 0), Last: at(28, 9, 29), You: true}, {Name: "Ben Berg", Login: "ben", Role: "member", How: "OIDC", Actions: []Form{{ID: "role-ben", Title: "Change", Action: "/m/ben", Folded: true, Submit: "Change", Fields: []Field{{Name: "role", Label: "Role", Kind: "select", Options: []Option{{Value: "reader", Label: "reader"}, {Value: "member", Label: "member", Chosen: true}}}}}, {ID: "remove-ben", Action: "/m/ben/remove", Submit: "Remove", Danger: true}}}},
		Invitations: []Invitation{{Name: "Cleo Carr", Role: "reader", By: "Ada Almgren", Made: at(27, 9, 0), Ends: at(30, 9, 0), State: "waits", End: end("i1")}},
		Keys:        []Key{{Name: "release signing 2026", Fingerprint: "SHA256:" + digestA, From: at(1, 0, 0), State: "valid", Seal: &Seal{Index: 48001, URL: "/ledger/48001"}, End: end("k1")}},
		Actions:     []Form{InviteForm("/invite"), KeyForm("/keys"), ProviderForm("/provider", "https://id.alpha.example", "probat"), PartyForm("/parties")}, Tokens: []Token{{Name: "pipeline", Person: "Ada Almgren", Scope: "submit", Ends: at(30, 0, 0), Last: at(27, 3, 0)}},
	}
	return []shown{{"account", account}, {"party", party}, {"party-new", Party{Shell: vendorShell("Beta", ""), Name: "Beta", Class: "vendor"}}}
}

func failureSamples() []shown {
	return []shown{
		{"error-404", Failure{Shell: labShell("Not here", ""), Status: 404, Back: Link{Text: "To the products", URL: "/products"}}},
		{"error-429", Failure{Shell: labShell("Slower", ""), Status: 429, Retry: 40 * time.Second}},
		{"error-500", Failure{Shell: publicShell("Broken"), Status: 500, Ref: "req-7f3a"}},
	}
}
