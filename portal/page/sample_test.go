package page

import (
	"time"

	"github.com/a-h/templ"
)

var now = time.Date(2026, 11, 28, 9, 30, 0, 0, time.UTC)

// shown is one page of the gallery, with the name of its files.
type shown struct {
	name string
	view interface{ Page() templ.Component }
}

func shell(title string, current string, party, class, role, person string) Shell {
	s := Shell{Title: title, Lab: "Rome Lab", Version: "0.7.0", Once: "q3f9", Now: now, Who: &Who{Party: party, Class: class, Role: role, Person: person, URL: "/account"}}
	for _, n := range []string{"Products", "Schemes", "Inbox", "Register", "Ledger"} {
		l := Link{Text: n, URL: "/" + n, Current: n == current}
		if n == "Inbox" {
			l.Note = "3"
		}
		s.Nav = append(s.Nav, l)
	}
	return s
}

func labShell(title, current string) Shell {
	return shell(title, current, "Rome Lab", "lab", "evaluator", "Chiara Conti")
}

func vendorShell(title, current string) Shell {
	return shell(title, current, "Alpha Networks", "vendor", "admin", "Ada Almgren")
}

func publicShell(title string) Shell {
	return Shell{Title: title, Lab: "Rome Lab", Version: "0.7.0", Once: "q3f9", Now: now, Nav: []Link{{Text: "Register", URL: "/register"}, {Text: "Ledger", URL: "/ledger"}}}
}

func at(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC)
}

const (
	digestA = "9f2c41d7a7b7f2f0c5b1f8a4f6f7be5a3f1cc0a1f7d05a33f3d8b1a49b6fe07a"
	digestB = "04d1b7c2a19d5e0f4a8f3a6f50c1d27b99a3ea5b8c6d4f1e2a7b3c9d8e5f6a10"
)

func gallery() []shown {
	var all []shown
	for _, part := range [][]shown{entrySamples(), overviewSamples(), releaseSamples(), workSamples(), liveSamples(), treeSamples(), compareSamples(), listSamples(), credentialSamples(), submitSamples(), peopleSamples(), failureSamples()} {
		all = append(all, part...)
	}
	return all
}

func entrySamples() []shown {
	home := Home{
		Shell: vendorShell("Home", ""), Person: "Ada Almgren", Party: "Alpha Networks", Class: "vendor", Role: "admin",
		Demo: "This is a demo on your own machine. Everything in it is made up and goes away with it.",
		Tries: []Try{
			{"See what the lab found", "Edge Router X 4.2.1 fails three requirements of TS 33.117. Open one and see the bytes that decided.", Link{Text: "Open the first", URL: "/r"}},
			{"Answer a question", "Operator North asks whether telnet is on in the build that ships. The clock runs for you.", Link{Text: "Read the question", URL: "/t"}},
			{"Break a credential", "Download it, flip one byte, and let probat verify say INVALID.", Link{Text: "To the credential", URL: "/c"}},
		},
		Waiting:     tasksSample(),
		WaitingMore: Link{Text: "The whole inbox", URL: "/inbox"},
	}
	empty := home
	empty.Tries, empty.Waiting, empty.Demo, empty.WaitingMore = nil, nil, "", Link{}
	empty.Notices = []Notice{{Kind: "done", Text: "You are signed in.", Link: Link{Text: "Undo", URL: "/signout"}}, {Kind: "error", Text: "A passkey could not be made."}, {Kind: "warn", Text: "Your token ends tomorrow."}}
	empty.Line = &Line{Kind: "session", Text: "Audit session: Edge Router X", Ends: at(28, 18, 0)}
	in := SignIn{Shell: publicShell("Sign in"), Action: "/signin", Begin: "/signin/passkey", Finish: "/signin/passkey/finish", Next: "/products", Providers: []Link{{Text: "Alpha Networks", URL: "/oidc/a"}, {Text: "Operator North", URL: "/oidc/b"}}}
	wrong := in
	wrong.Error, wrong.Login = "Name and password do not belong together.", "ada"
	blocked := in
	blocked.Blocked, blocked.Providers = "Too many tries for this name. Try again in 4 minutes.", nil
	link := OneTime{Shell: publicShell("Sign in"), Person: "Ada Almgren", Party: "Alpha Networks", Role: "admin", Action: "/link", Hidden: []Pair{{Name: "token", Value: "s3cr3t"}}, Expires: at(29, 9, 30)}
	used := OneTime{Shell: publicShell("Sign in"), Error: "It was used already, or its time is over. Ask whoever sent it for a new one."}
	setup := SetUp{Shell: publicShell("Set up"), Person: "Ben Berg", Party: "Alpha Networks", Login: "ben", Action: "/setup", Least: 12, Begin: "/passkey", Finish: "/passkey/finish", Later: "/"}
	failed := setup
	failed.Error, failed.Begin = "The two passwords differ.", ""
	return []shown{{"home", home}, {"home-empty", empty}, {"signin", in}, {"signin-wrong", wrong}, {"signin-blocked", blocked}, {"link", link}, {"link-used", used}, {"setup", setup}, {"setup-wrong", failed}}
}

func tasksSample() []Task {
	return []Task{
		{What: "Answer: is telnet on in the build that ships to us?", URL: "/t/1", About: "Edge Router X 4.2.1, 4.3.2.1", AboutURL: "/r/1", Who: "Alpha Networks", Due: now.Add(6*24*time.Hour + time.Hour), Mine: true},
		{What: "Counter-evidence for 4.2.3.2.3", URL: "/t/2", About: "Edge Router X 4.2.1", AboutURL: "/r/1", Who: "Alpha Networks", Due: now.Add(-5 * time.Hour), Mine: true},
		{What: "Countersign the verdict on 4.2.4.2.2", URL: "/j/1", About: "Core AMF 9.0.4", AboutURL: "/r/4", Who: "Rome Lab", Since: at(20, 9, 0)},
	}
}

func schemesSample() []Link {
	return []Link{{Text: "TS 33.117", URL: "/schemes/ts-33.117", Note: "V18.1.0"}, {Text: "CRA Annex I", URL: "/schemes/cra-annex-i", Note: "2024/2847"}, {Text: "EN 303 645", URL: "/schemes/en-303-645", Note: "V3.1.3"}}
}

func rowsSample() []ReleaseRow {
	cells := func(a, b, c Counts) []Cell {
		return []Cell{{Asked: true, URL: "/r/1/s/1", Counts: a}, {Asked: true, URL: "/r/1/s/2", Counts: b}, {Asked: c != Counts{}, URL: "/r/1/s/3", Counts: c}}
	}
	return []ReleaseRow{
		{Product: "Edge Router X", ProductURL: "/p/1", Release: "4.2.1", ReleaseURL: "/r/1", Vendor: "Alpha Networks", Notes: []string{"Credential 7 Nov, valid until 7 May, independent lab"}, Cells: cells(Counts{31, 3, 2, 24, 13}, Counts{9, 1, 1, 8, 2}, Counts{22, 2, 3, 28, 13})},
		{Product: "Edge Router X", ProductURL: "/p/1", Release: "4.2.0", ReleaseURL: "/r/2", Vendor: "Alpha Networks", Notes: []string{"Superseded by 4.2.1"}, Cells: cells(Counts{28, 6, 2, 24, 13}, Counts{8, 2, 1, 8, 2}, Counts{20, 4, 3, 28, 13})},
		{Product: "gNB Baseband 7", Release: "22.10-p3", ReleaseURL: "/r/3", Vendor: "Borealis Radio", Notes: []string{"In evaluation: 41 of 60 persons' judgements done"}, Cells: cells(Counts{24, 0, 4, 33, 12}, Counts{7, 0, 2, 12, 0}, Counts{})},
		{Product: "Core AMF", Release: "9.0.4", Vendor: "Cetus Core", Notes: []string{"Answer due in 3 days, Cetus Core"}, Cells: []Cell{{Asked: true, Note: "queued, third of 5"}, {Asked: true, Counts: Counts{6, 2, 0, 13, 0}, Note: "summary only"}, {}}},
	}
}

func overviewSamples() []shown {
	full := Overview{
		Shell: shell("Products", "Products", "Operator North", "operator", "auditor", "Nils Nord"),
		Sub:   "Counts of requirements with their denominators. Nothing is added up over schemes.", Schemes: schemesSample(), Rows: rowsSample(),
		Filters: []Field{
			{Name: "vendor", Label: "Vendor", Kind: "select", Options: []Option{{Label: "all"}, {Value: "a", Label: "Alpha Networks", Chosen: true}}},
			{Name: "state", Label: "State", Kind: "select", Options: []Option{{Label: "all"}, {Value: "evaluated", Label: "evaluated"}}},
			{Name: "name", Label: "Name", Kind: "search"},
		},
		Pager: Pager{First: 1, Last: 4, Total: 204, Next: "/products?from=4"}, Submit: "/submit", Compare: []Link{{Text: "Edge Router X 4.2.0 and 4.2.1", URL: "/compare?a=2&b=1"}},
	}
	empty := Overview{Shell: vendorShell("Products", "Products"), Server: "http://localhost:8080", Submit: "/submit"}
	product := Product{
		Shell: vendorShell("Edge Router X", "Products"), Name: "Edge Router X", Vendor: "Alpha Networks", Kind: "equipment", Facts: []Pair{{Name: "Declared use", Value: "border of an operator's network"}},
		Schemes: schemesSample(), Releases: rowsSample()[:2], Grants: grantsSample(), Submit: "/submit?product=1",
		Actions: []Form{GrantForm("/grants", []Option{{Value: "n", Label: "Operator North"}}, []Option{{Value: "product", Label: "all of Edge Router X", Chosen: true}})},
	}
	return []shown{{"overview", full}, {"overview-empty", empty}, {"product", product}}
}

func grantsSample() []Grant {
	end := EndGrantForm("g1", "/grants/1/end")
	return []Grant{
		{Party: "Operator North", Level: "evidence", Scope: "this release", From: at(1, 0, 0), Until: time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC), Given: "Ada Almgren", Seal: &Seal{Index: 48112, URL: "/ledger/48112"}, End: &end},
		{Party: "Operator South", Level: "summary", Scope: "all of Edge Router X", From: at(3, 0, 0), Given: "Ada Almgren", State: "held back by the embargo"},
	}
}
