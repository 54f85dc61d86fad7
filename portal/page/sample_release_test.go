package page

import "time"

func releaseSamples() []shown {
	full := Release{
		Shell: vendorShell("Edge Router X 4.2.1", "Products"), Product: "Edge Router X", ProductURL: "/p/1", Name: "4.2.1", Vendor: "Alpha Networks", State: "evaluated", StateNote: "21 Nov, in 4 minutes", Live: "/evaluations/1",
		Clock:   &Clock{Who: "Alpha Networks", Act: "must answer", Due: now.Add(6*24*time.Hour + time.Hour)},
		Facts:   []Pair{{Name: "Handed in", Value: "20 Nov 2026 08:12 UTC by Ada Almgren"}, {Name: "Release before", Value: "4.2.0", URL: "/r/2"}},
		Embargo: time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC),
		Disagree: []Disagreement{
			{Scheme: "TS 33.117", Requirement: "4.3.2.1", Name: "No unneeded services", URL: "/w/1", Vendor: Pass, Lab: Fail, Cause: "the vendor's declaration named telnet, the one handed in does not"},
			{Scheme: "CRA Annex I", Requirement: "I.2(a)", Name: "No known exploitable flaws", URL: "/w/2", Vendor: NotAssessed, Lab: Inconclusive, Cause: "other reference: flaws of 19 Nov"},
		},
		Schemes: []SchemeRow{
			{Name: "TS 33.117", Edition: "V18.1.0", URL: "/r/1/s/1", Counts: Counts{31, 3, 2, 24, 13}, Waits: "21 need a running instance, 3 a person", Changes: "3 newly pass, 0 newly fail against 4.2.0", Attempts: 2},
			{Name: "EN 303 645", Edition: "V3.1.3", Note: "waits for the evaluation", Attempts: 1},
		},
		Artifacts: []Artifact{{ID: "router", Name: "edge-router-x-4.2.1.img", Digest: digestA, URL: "/d/1", Size: 73_400_320, Note: "possession shown by full upload"}},
		Tree:      "/r/1/tree", Compare: "/compare?a=2&b=1", Grants: grantsSample(),
		Assignments: []Assignment{{Person: "Chiara Conti", As: "evaluator", By: "Rita Rossi", Since: at(20, 9, 0)}, {Person: "Sergio Sala", As: "second", By: "Rita Rossi", Since: at(20, 9, 1)}},
		Elevations:  []Elevation{{Person: "Otto Orsi", Reason: "The unpacker stopped: looked at the container to mend it.", From: at(20, 10, 0), Until: at(20, 11, 0)}, {Person: "Otto Orsi", Reason: "Again.", From: at(28, 9, 0), Until: at(28, 10, 0), Active: true}},
		Receipt:     &Receipt{Digest: digestB, SignedBy: "webauthn", Key: "Ada's laptop", When: at(20, 8, 12), Person: "Ada Almgren", URL: "/statements/1", Seal: &Seal{Index: 48100, URL: "/ledger/48100", Witnesses: "2 of 3"}},
		Attempts:    []Attempt{{Number: 1, Scheme: "TS 33.117", When: at(2, 8, 0), Result: "evaluated, not issued", URL: "/e/1"}, {Number: 2, Scheme: "TS 33.117", When: at(20, 8, 12), Result: "evaluated", URL: "/e/2"}},
		Dossiers:    dossiersSample(), Threads: []Link{{Text: "No unneeded services", URL: "/t/1", Note: "3 messages, disputed"}},
		Credentials: []CredentialRow{{Scheme: "TS 33.117 V18.1.0", URL: "/c/1", State: "valid", Issued: at(22, 9, 0), Until: time.Date(2027, 5, 22, 0, 0, 0, 0, time.UTC), Note: "in the public register"}, {Scheme: "CRA Annex I", URL: "/c/2", State: "revoked", Issued: at(3, 9, 0), Until: at(4, 0, 0)}},
		Risks:       []Risk{{Party: "Operator North", Reason: "Behind our own jump host.", What: "telnetd, tcp 23", URL: "/f/1", Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}},
		Actions:     releaseActions(),
	}
	queued := Release{
		Shell: labShell("Core AMF 9.0.4", "Products"), Product: "Core AMF", Name: "9.0.4", Vendor: "Cetus Core", State: "queued", StateNote: "third of 5", Live: "/evaluations/4", Refresh: "/releases/4",
		DisagreeNote: "The vendor's own dossier and the lab's agree on all 60 requirements.",
	}
	queued.Line = &Line{Kind: "elevation", Text: "You see this release by special leave: “unpacker stopped”.", Ends: at(28, 11, 0), End: &Form{ID: "end-leave", Action: "/leave/end", Submit: "End it now"}}
	return []shown{{"release", full}, {"release-queued", queued}}
}

func dossiersSample() []Dossier {
	downloads := []Link{{Text: "HTML", URL: "/d/1/html"}, {Text: "SARIF", URL: "/d/1/sarif"}, {Text: "JSON", URL: "/d/1/json"}, {Text: "CSV", URL: "/d/1/csv"}, {Text: "whole dossier (zip)", URL: "/d/1/zip"}}
	return []Dossier{
		{Digest: digestB, URL: "/d/2", Made: at(21, 9, 30), By: "lab, probat 0.7.0", Why: "judged by hand", Predecessor: digestA, Downloads: downloads, Current: true, Seal: &Seal{Index: 48190, URL: "/ledger/48190"}},
		{Digest: digestA, Made: at(20, 8, 20), By: "vendor, probat 0.6.2", Why: "first evaluation", Downloads: downloads[:2]},
	}
}

func releaseActions() []Form {
	again := AgainForm("/r/1/again", []Option{{Value: "ts-33.117", Label: "TS 33.117 V18.1.0", Chosen: true}, {Value: "cra-annex-i", Label: "CRA Annex I"}})
	withdraw := WithdrawForm("/r/1/withdraw")
	withdraw.Fields[0].Error = "Say why."
	agree := AgreeForm("/r/1/agree", "ts-33.117")
	agree.Blocked = "You judged 4.2.4.2.2 here, so two others have to agree."
	return []Form{
		again, CancelForm("/r/1/cancel"), withdraw,
		GrantForm("/r/1/grants", []Option{{Value: "n", Label: "Operator North"}, {Value: "s", Label: "Operator South"}}, []Option{{Value: "release", Label: "this release", Chosen: true}, {Value: "product", Label: "all of Edge Router X"}}),
		AssignForm("/r/1/assign", []Option{{Value: "c", Label: "Chiara Conti"}}), ElevateForm("/r/1/elevate"), agree,
	}
}

func workList() []WorkGroup {
	return []WorkGroup{
		{"Fails", []WorkItem{{ID: "4.2.4.2.2", Name: "System account identification", URL: "/w/1", Verdict: Fail}, {ID: "4.3.2.1", Name: "No unneeded services", URL: "/w/2", Verdict: Fail, Current: true}, {ID: "4.2.3.2.3", Name: "Passwords stored soundly", URL: "/w/3", Verdict: Fail}}},
		{"Cannot tell", []WorkItem{{ID: "4.3.2.5", Name: "Software past its support", URL: "/w/4", Verdict: Inconclusive}, {ID: "4.3.2.3", Name: "No unused software", URL: "/w/5", Verdict: Inconclusive}}},
		{"Holds", []WorkItem{{ID: "4.3.2.7", Name: "File rights are restrictive", URL: "/w/6", Verdict: Pass}, {ID: "4.2.3.4.2.3", Name: "No default credentials", URL: "/w/7", Verdict: Pass}, {ID: "4.3.4.10", Name: "No directory listings", URL: "/w/8", Verdict: Pass}}},
		{"Waits for …", []WorkItem{{ID: "4.2.2.2.2", Name: "TLS profile, both ends", URL: "/w/9", Verdict: NotAssessed, Note: "running instance"}, {ID: "4.4.4", Name: "Robust to malformed input", URL: "/w/10", Verdict: NotAssessed, Note: "person"}}},
		{"Does not apply", []WorkItem{{ID: "4.3.4.2", Name: "No web server privileges", URL: "/w/11", Verdict: NotApplicable}}},
	}
}

func text(s string) []TextPart { return []TextPart{{Text: s}} }

func workSamples() []shown {
	work := Work{
		Shell: labShell("4.3.2.1 No unneeded services", "Products"), Product: "Edge Router X", Release: "4.2.1", ReleaseURL: "/r/1", Scheme: "TS 33.117", Edition: "V18.1.0", SchemeURL: "/schemes/1",
		Counts: Counts{31, 3, 2, 24, 13}, Waits: "21 need a running instance, 3 a person", Against: "Against 4.2.0: 3 newly pass, 0 newly fail.", Groups: workList(), Prev: "/w/1", Next: "/w/3",
		Talk: &Talk{
			Clock: &Clock{Who: "Alpha Networks", Act: "must answer", Due: now.Add(6*24*time.Hour + time.Hour)}, URL: "/t/1",
			Messages: []Message{
				{ID: "1", Party: "Operator North", Person: "Nils Nord", When: at(20, 14, 2), Audience: []string{"Rome Lab", "Alpha Networks"}, Text: "Is telnet on in the build that ships to us?"},
				{ID: "2", Party: "Alpha Networks", Person: "Ada Almgren", When: at(20, 15, 10), Audience: []string{"Rome Lab", "Operator North"}, Kind: "plans a fix in 4.2.2", Text: "Yes. Field service asked for it.\nWe will remove it.", Attached: []Link{{Text: "release-notes-4.2.2.pdf", URL: "/b/1"}}},
				{ID: "3", Party: "Rome Lab", When: at(21, 9, 30), Audience: []string{"Alpha Networks", "Regulator"}, Text: "The verdict stands for 4.2.1. It is settled when a later release shows it gone.", Seal: &Seal{Index: 48188, URL: "/ledger/48188"}},
			},
			Compose: &Compose{Action: "/t/1", Parties: []Option{{Value: "a", Label: "Alpha Networks", Help: "vendor", Chosen: true}, {Value: "n", Label: "Operator North", Help: "operator"}}, Kinds: []Option{{Value: "message", Label: "a message"}, {Value: "dispute", Label: "a dispute"}}, Upload: true},
			Linked:  []Link{{Text: "4.2.0", URL: "/t/0", Note: "2 messages"}}, Seal: &Seal{Index: 48190, URL: "/ledger/48190", Witnesses: "2 of 3"},
		},
		At: &Requirement{
			ID: "4.3.2.1", Name: "No unneeded services", Words: "Only the services that the product needs may be reachable, and each has to be in the vendor's documentation.", Verdict: Fail, Note: "1 of 9 services", Since: "fails since 3.8.1",
			Evidence: []Excerpt{{
				Says: "telnetd, tcp 23, every interface, at boot", But: ": not declared", Address: "router!/image0!/etc/inittab", URL: "/r/1/evidence/1",
				Lines:  []TextLine{{No: 6, Parts: text("::sysinit:/etc/init.d/rcS")}, {No: 7, Hit: true, Parts: text("::respawn:/usr/sbin/telnetd -F -l /bin/login")}, {No: 8, Parts: text("ttyS0::respawn:/sbin/getty 115200 ttyS0")}},
				Digest: digestA, From: 181, To: 226, SeenBy: "services 3", Also: "also in 4.2.0, first in 3.8.1",
			}},
			Tests:     []Test{{ID: "undeclared-service", Means: "artifact", Strength: "indicative", Result: "fails", Why: "9 examined, 0 unknown, nothing unobserved", ComparedWith: "declaration, services: 8 entries"}, {ID: "port-scan", Means: "live", Strength: "decisive", Result: "not run", Why: "needs-instance"}},
			PassNeeds: []string{"live: a port scan of the running instance (not run yet)"}, Answers: []Link{{Text: "CRA I.2(j)", URL: "/x", Note: "part"}, {Text: "EN 303 645 5.6-1", Note: "part"}},
			Links: []Link{{Text: "All 9 services", URL: "/f"}, {Text: "Open the file", URL: "/e"}}, Risks: []Risk{{Party: "Operator North", Reason: "Behind our jump host.", What: "telnetd, tcp 23", Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}},
			Actions: []Form{AcceptForm("/accept")},
		},
	}
	none := work
	none.At, none.Talk, none.Prev = nil, nil, ""
	hand := work
	hand.Groups = workList()
	hand.At = handSample()
	hand.Talk = &Talk{Compose: work.Talk.Compose}
	return []shown{{"requirement", work}, {"requirement-none", none}, {"requirement-by-hand", hand}}
}

func handSample() *Requirement {
	judge := JudgeForm("/judge", "crash-handling", []Option{{Value: "e1", Label: "console capture, 20 Nov", Help: digestA[:12]}, {Value: "e2", Label: "photo of the rack"}})
	judge.Sign = "/judge/sign"
	second := CountersignForm("j1", "/j/1/countersign")
	second.Sign = "/j/1/sign"
	return &Requirement{
		ID: "4.4.4", Name: "Robust to malformed input", Words: "Malformed packets must not stop the product or let anything in.", Verdict: NotAssessed, Note: "needs-person",
		Evidence:   []Excerpt{{Says: "root's password hash", But: " is of a weak kind", Address: "router!/rootfs.squashfs!/etc/shadow", Lines: []TextLine{{No: 1, Hit: true, Parts: []TextPart{{Text: "root:"}, {Text: "$1$abcd", Masked: "password hash"}, {Text: ":18000:0:99999:7:::"}}}}, Digest: digestB, Masked: "password hash"}},
		Procedures: []Procedure{{Test: "crash-handling", Means: "live", Words: "Send each malformed packet of the set while watching the console.\nNote what restarts.", Expected: []string{"console capture", "pcap of what was sent"}, Persons: 2, Drafted: []Link{{Text: "list of open ports", URL: "/e/9"}}}},
		Judgements: []Judgement{{Test: "crash-handling", Verdict: Pass, Reason: "All 212 packets sent.\nNothing restarted.", Person: "Chiara Conti", Party: "Rome Lab", When: at(21, 8, 0), Cites: []Link{{Text: "console capture", URL: "/e/1"}, {Text: "pcap", URL: "/e/2"}}, Waiting: "waits for a countersignature by a second person", Seal: &Seal{Index: 48201, Pending: true}, Actions: []Form{second}}},
		Findings:   []Finding{{Title: "sshd allows root by password", URL: "/f/3", Test: "root-login", Severity: "high", Address: "router!/rootfs.squashfs!/etc/ssh/sshd_config", Places: 2, Since: "since 4.0.0", Accepted: true}}, FindingsMore: Link{Text: "All 14", URL: "/f"},
		Unobserved: []Pair{{Name: "router!/@0x40000.bin", Value: "entropy of encryption: may hide services, accounts", URL: "/n/1"}}, Actions: []Form{judge},
	}
}
