package credential_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

func TestFleet(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	in := input(l)
	in.Files = nil
	var held []credential.Held
	digest := func(i int) string { return strings.Repeat(string("0123456789abcdef"[i]), 64) }
	add := func(name string, i int, in credential.Input, bend func(c *credentialtest.Credential) []byte) {
		c := l.NewCredential()
		c.Issue.Subjects[0].Digest.SHA256 = digest(i)
		held = append(held, credential.Held{Name: name, Result: credential.Verify(bend(c), in)})
	}
	plain := func(c *credentialtest.Credential) []byte { return c.Seal() }
	standing := func(s statement.Standing) func(c *credentialtest.Credential) []byte {
		return func(c *credentialtest.Credential) []byte {
			c.Seal()
			return c.Refresh(2, noon, with(c.Index, s))
		}
	}
	later := in
	later.Now = noon.AddDate(0, 3, 0)
	expired := in
	expired.Now = noon.AddDate(3, 0, 0)
	nobody := in
	nobody.Trust = nil
	add("a", 1, in, plain)
	add("b", 2, later, plain)
	add("c", 3, in, standing(statement.Revoked))
	add("d", 4, in, standing(statement.Suspended))
	add("e", 5, in, standing(statement.Superseded))
	add("f", 6, expired, plain)
	add("g", 7, nobody, plain)
	add("h", 8, in, func(c *credentialtest.Credential) []byte { c.Issue.Core.Counts.Fail = 1; return c.Seal() })
	add("i", 9, in, func(c *credentialtest.Credential) []byte {
		c.Seal()
		p := *c.Parts.First
		p.Checkpoint = l.Checkpoint(noon)
		c.Parts.First = l.Prove(p.Index, p.Checkpoint)
		return c.Refresh(3, noon, nil)
	})
	// One digest, two credentials: the better counts, both are named.
	add("j", 5, in, plain)
	held = append(held, credential.Held{Name: "k", Result: credential.Verify([]byte("no zip"), in)})

	var csv strings.Builder
	csv.WriteString("Host,Digest\r\n")
	for i := 1; i < 11; i++ {
		csv.WriteString("h" + digest(i)[:1] + ",sha256:" + strings.ToUpper(digest(i)) + "\n")
	}
	hosts, err := credential.ParseInventory([]byte(csv.String()))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range credential.Fleet(hosts, held, "") {
		got = append(got, r.Host+" "+string(r.State)+" "+strings.Join(r.Credentials, ", "))
	}
	wanted := []string{
		"h1 covered a: VALID", "h2 stale b: VALID-STALE", "h3 revoked c: REVOKED", "h4 suspended d: SUSPENDED", "h5 covered e: SUPERSEDED, j: VALID",
		"h6 expired f: EXPIRED", "h7 invalid g: NOT-PINNED", "h8 not-passed h: NOT-PASSED", "h9 unwitnessed i: VALID-UNWITNESSED", "ha unknown ",
	}
	if d := cmp.Diff(wanted, got); d != "" {
		t.Error(d)
	}
	if r := credential.Fleet(hosts[4:5], held, "")[0]; r.Outcome != "PASSED" || len(r.Groups) != 1 || r.Groups[0].Credential != "j" || r.Groups[0].Counts.Of != 42 || len(r.Withdrawn) != 0 {
		t.Errorf("%+v", r)
	}
	for _, w := range credential.Words() {
		if w == credential.OtherFile { // an inventory gives digests, not files
			continue
		}
		r := credential.Fleet([]credential.Host{{Name: "x", Digest: digest(1)}}, []credential.Held{{Name: "n", Result: &credential.Result{Word: w, Facts: held[0].Result.Facts}}}, "")
		if s := r[0].State; s == credential.Unknown || (s == credential.IsInvalid) != !w.Authentic() {
			t.Errorf("%s is %s", w, s)
		}
	}
	if len(credential.States()) != 10 || !slices.Contains(credential.States(), credential.Unknown) {
		t.Error(credential.States())
	}
}

// TestFleetGroups: a host is as good as the worst of the schemes and profiles, each by its best credential; the order of the files does not matter.
func TestFleetGroups(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	in := input(l)
	in.RequirePassed = false
	var held []credential.Held
	index := int64(100)
	add := func(name string, s statement.Standing, bend func(*credential.Issue)) {
		c := l.NewCredential()
		index++
		c.Index, c.Issue.Core.Status.Index = index, index
		bend(&c.Issue)
		zip := c.Seal()
		if s != "" {
			zip = c.Refresh(index, noon, with(c.Index, s))
		}
		held = append(held, credential.Held{Name: name, Result: credential.Verify(zip, in)})
	}
	failed := func(i *credential.Issue) { i.Core.Counts.Fail = 1 }
	profile := func(i *credential.Issue) {
		i.Core.Policy.Profile, i.Core.ProfileCounts = "part", &statement.Counts{Pass: 3}
	}
	other := func(i *credential.Issue) { i.Core.Policy.Scheme = "other" }
	check := func(policy, state, outcome string, groups, withdrawn int) {
		t.Helper()
		for range 2 {
			slices.Reverse(held)
			r := credential.Fleet([]credential.Host{{Name: "x", Digest: credentialtest.Image}}, held, policy)[0]
			if string(r.State) != state || r.Outcome != outcome || len(r.Groups) != groups || len(r.Withdrawn) != withdrawn {
				t.Errorf("%+v", r)
			}
		}
	}
	add("a", "", func(*credential.Issue) {})
	check("", "covered", "PASSED", 1, 0)
	add("b", statement.Revoked, func(*credential.Issue) {})
	check("", "covered", "PASSED", 1, 1) // one of the group is good, and the other is said
	add("c", "", profile)
	check("", "covered", "PASSED", 2, 1)
	add("d", statement.Suspended, other)
	check("", "suspended", "PASSED", 3, 2)
	check("TS-33.117", "covered", "PASSED", 2, 1)
	check("other", "suspended", "PASSED", 1, 1)
	check("none", "unknown", "", 0, 0)
	add("e", statement.Superseded, other)
	add("f", "", func(i *credential.Issue) { other(i); failed(i) })
	check("", "covered", "FAILED", 3, 2) // the newest of the other scheme stands, and failed
	check("TS-33.117", "covered", "PASSED", 2, 1)
	if g := credential.Fleet([]credential.Host{{Name: "x", Digest: credentialtest.Image}}, held, "")[0].Groups; g[1].Profile != "part" || g[1].Counts.Of != 3 || g[2].Credential != "f" || g[2].Counts.Fail != 1 {
		t.Errorf("%+v", g)
	}
}

func TestParseInventory(t *testing.T) {
	d := strings.Repeat("0a", 32)
	for csv, want := range map[string][]credential.Host{
		"":                                 {},
		"host,digest\n":                    {},
		"a," + d:                           {{Name: "a", Digest: d}},
		"\xef\xbb\xbfhost,digest\na," + d:  {{Name: "a", Digest: d}},
		"\"a,b\", sha256:" + d + "\n":      {{Name: "a,b", Digest: d}},
		"\"a,b\",sha256:" + d + "\n":       {{Name: "a,b", Digest: d}},
		"a," + strings.ToUpper(d) + "\r\n": {{Name: "a", Digest: d}},
		"a,b\n":                            nil,
		"a\n":                              nil,
		"a," + d + ",c\n":                  nil,
		"," + d + "\n":                     nil,
		"a," + d[1:] + "\n":                nil,
		"a,sha512:" + d + "\n":             nil,
		"a,\"" + d + "\n":                  nil,
		"a," + d + "\nhost,digest\n":       nil,
		strings.Repeat("a", 513) + "," + d: nil,
		"\x1b[31mred," + d + "\n":          {{Name: "\x1b[31mred", Digest: d}}, // printing escapes it
		"a," + d + "\n\n\nb," + d + "\n":   {{Name: "a", Digest: d}, {Name: "b", Digest: d}},
	} {
		got, err := credential.ParseInventory([]byte(csv))
		if (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v", csv, got, err)
			continue
		}
		if err == nil && !cmp.Equal(want, got) {
			t.Errorf("%q: %v", csv, got)
		}
	}
}

func TestInventoryTooLarge(t *testing.T) {
	if _, err := credential.ParseInventory(make([]byte, credential.MaxInventory+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
}

func FuzzParseInventory(f *testing.F) {
	f.Add([]byte("host,digest\na," + strings.Repeat("0a", 32) + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		hosts, err := credential.ParseInventory(data)
		if err != nil {
			return
		}
		for _, h := range hosts {
			if h.Name == "" || len(h.Digest) != 64 || h.Digest != strings.ToLower(h.Digest) {
				t.Errorf("%+v", h)
			}
		}
		if rows := credential.Fleet(hosts, nil, ""); len(rows) != len(hosts) {
			t.Errorf("%d rows for %d hosts", len(rows), len(hosts))
		}
	})
}
