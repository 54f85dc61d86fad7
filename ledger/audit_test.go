package ledger

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

const theSeries = "00000000000000000000000000000001"

// listOf encodes a status list in which some credentials stand.
func listOf(set ...int) string {
	b := make([]byte, 64)
	for _, i := range set {
		b[i/8] |= 0x80 >> (i % 8)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return "u" + base64.RawURLEncoding.EncodeToString(z.Bytes())
}

func status(sequence int64, revoked ...int) func(Place) statement.Predicate {
	return func(p Place) statement.Predicate {
		return &statement.Status{
			Act: common(p), Sequence: sequence, Series: theSeries, ValidUntil: statement.FormatTime(moment),
			Lists: []statement.StatusList{
				{EncodedList: listOf(revoked...), Purpose: "revocation"}, {EncodedList: listOf(), Purpose: "suspension"}, {EncodedList: listOf(), Purpose: "refresh"},
			},
		}
	}
}

func edition(p Place) statement.Predicate {
	return &statement.Edition{Act: common(p), Policy: statement.Policy{Digest: zeros, Edition: "V1", Scheme: "x"}, Title: "Title"}
}

func register(from, to int64, previous string, entries ...statement.RegisterEntry) func(Place) statement.Predicate {
	if entries == nil {
		entries = []statement.RegisterEntry{}
	}
	return func(p Place) statement.Predicate {
		return &statement.Register{Act: common(p), Entries: entries, From: from, To: to, Previous: previous}
	}
}

func change(s statement.Standing) func(Place) statement.Predicate {
	return func(p Place) statement.Predicate {
		c := &statement.Change{Act: common(p), Credential: zeros, Reason: "Reason.", Standing: s}
		if s == statement.Revoked {
			c.Notice = zeros
		}
		return c
	}
}

func listed(e Entry) statement.RegisterEntry {
	return statement.RegisterEntry{ID: e.ID.String(), Index: e.Index, Type: e.Type}
}

// must appends a statement.
func (l *lab) must(caseID string, predicate func(Place) statement.Predicate, rows ...func(context.Context, *sql.Tx, Entry) error) Entry {
	l.t.Helper()
	act := Act{Case: caseID, Sign: l.signer(predicate)}
	if len(rows) > 0 {
		act.Rows = rows[0]
	}
	e, err := l.Append(context.Background(), act)
	if err != nil {
		l.t.Fatal(err)
	}
	return e
}

// audit returns the findings as text.
func (l *lab) audit(o AuditOptions) *Report {
	l.t.Helper()
	r, err := l.Audit(context.Background(), o)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// TestAuditOfMeaning: what statements say about each other.
func TestAuditOfMeaning(t *testing.T) {
	type story func(l *lab)
	for name, test := range map[string]struct {
		story story
		want  []string // findings, in order; each a part of one
	}{
		"register": {func(l *lab) {
			e := l.must("", edition)
			r := l.must("", register(0, 1, "", listed(e)))
			l.must("", register(1, 2, r.ID.String(), listed(r)))
		}, nil},
		"absent from the register": {func(l *lab) {
			l.must("", edition)
			l.must("", register(0, 1, ""))
		}, []string{"entry 0: a public statement of type \"" + statement.TypeEdition + "\" is absent from the register in entry 1"}},
		"registers with a gap": {func(l *lab) {
			l.must("", edition)
			l.must("", register(1, 1, ""))
		}, []string{"entry 1: the register begins at 1", "entry 0: a public statement of type \"" + statement.TypeEdition + "\" that no register covers"}},
		"register of something else": {func(l *lab) {
			e := l.must("", edition)
			wrong := listed(e)
			wrong.ID = zeros
			l.must("", register(0, 1, "", wrong))
		}, []string{"entry 1: the register has another statement as entry 0"}},
		"register of nothing": {func(l *lab) {
			e := l.must("", submission)
			l.must("", register(0, 1, "", statement.RegisterEntry{ID: e.ID.String(), Index: 0, Type: statement.TypeEdition}))
		}, []string{"entry 1: the register lists entry 0, which is no public statement"}},
		"status": {func(l *lab) {
			l.must("", status(1))
			l.must("", status(2, 3, 9))
			l.must("", status(3, 3, 9, 500))
		}, nil},
		"status goes back": {func(l *lab) {
			l.must("", status(1))
			l.must("", status(2))
			l.must("", status(2))
		}, []string{"entry 2: status list 2 of its series follows number 2"}},
		"revoked no more": {func(l *lab) {
			l.must("", status(1, 8, 9))
			l.must("", status(2, 9))
		}, []string{"entry 1: what was revoked is not revoked any more (byte 1"}},
		"status that is none": {func(l *lab) {
			l.must("", func(p Place) statement.Predicate {
				s := status(1)(p).(*statement.Status)
				s.Lists[0].EncodedList = "uAAAA"
				return s
			})
		}, []string{"entry 0: its revocation list"}},
		"reinstated after revocation": {func(l *lab) {
			l.must("", change(statement.Suspended))
			l.must("", change(statement.Reinstated))
			l.must("", change(statement.Revoked))
			l.must("", change(statement.Reinstated))
		}, []string{"entry 3: it makes a revoked credential reinstated"}},
		"erased": {func(l *lab) {
			e := l.must("", submission)
			l.must("", func(p Place) statement.Predicate {
				return &statement.Erasure{Act: common(p), Erased: []string{e.ID.String()}, Reason: "Asked for."}
			}, func(ctx context.Context, tx *sql.Tx, _ Entry) error { return Erase(ctx, tx, e.ID) })
			if got, err := l.Statement(l.t.Context(), e.ID); err != nil || got.Envelope != nil || got.ID != e.ID {
				l.t.Errorf("the erased statement: %v", err)
			}
		}, nil},
		"erased by nobody": {func(l *lab) {
			e := l.must("", submission)
			if err := l.db.Tx(l.t.Context(), func(tx *sql.Tx) error { return Erase(l.t.Context(), tx, e.ID) }); err != nil {
				l.t.Fatal(err)
			}
		}, []string{"entry 0: the leaf has no content and no act erased it"}},
		"erasure that is none": {func(l *lab) {
			e := l.must("", submission)
			l.must("", func(p Place) statement.Predicate {
				return &statement.Erasure{Act: common(p), Erased: []string{e.ID.String()}, Reason: "Asked for."}
			})
		}, []string{"entry 1: it says that the content of"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			test.story(l)
			if _, err := l.Publish(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, signatures := range []bool{true, false} {
				r := l.audit(AuditOptions{Signatures: signatures, Keys: l.judge})
				if len(r.Findings) != len(test.want) {
					t.Fatalf("signatures %v: %d findings, want %d:\n%s", signatures, len(r.Findings), len(test.want), r)
				}
				for i, want := range test.want {
					if !strings.HasPrefix(r.Findings[i].String(), want) {
						t.Errorf("finding %d: %s, want %s", i, r.Findings[i], want)
					}
				}
				if name == "erased" && (r.Erased != 1 || r.Erasures[0].String() != "entry 0: erased by act 1" || r.Unexplained() != 0) {
					t.Errorf("erased:\n%s", r)
				}
				if name == "erased by nobody" && r.Unexplained() != 1 {
					t.Errorf("unexplained:\n%s", r)
				}
			}
		})
	}
}

// TestAuditFindsFlips flips a bit in every kind of thing that is stored: the audit finds it and names it, and reading that thing fails.
func TestAuditFindsFlips(t *testing.T) {
	w := newFakeWitness(t, "a.example/w")
	l := newLab(t, witnessed(t, 1, w))
	id := newCase()
	for range 40 {
		l.must(id, submission)
	}
	for range 7 {
		l.add(35)
	}
	l.grow(1)
	first := l.must("", submission)
	l.grow(8)
	if _, _, err := l.Wait(soon(t), first.Index); err != nil {
		t.Fatal(err)
	}
	l.until("the latest checkpoint is witnessed", func() bool { return l.lines() == 2 })
	l.sound()
	l.shut()
	quoted := func(s string) string { return "'" + s + "'" }
	for name, test := range map[string]struct {
		damage func(c *lab)
		want   string // the object
	}{
		"tile of hashes":      {func(c *lab) { c.flipFile("tile/0/000", 4000) }, "object tile/0/000"},
		"partial tile":        {func(c *lab) { c.flipFile("tile/0/001.p/39", 100) }, "object tile/0/001.p/39"},
		"upper tile":          {func(c *lab) { c.flipFile("tile/1/000.p/1", 3) }, "object tile/1/000.p/1"},
		"entry bundle":        {func(c *lab) { c.flipFile("tile/entries/000", 60000) }, "object tile/entries/000"},
		"partial bundle":      {func(c *lab) { c.flipFile("tile/entries/001.p/39", 100) }, "object tile/entries/001.p/39"},
		"older partial tile":  {func(c *lab) { c.flipFile("tile/0/001.p/30", 100) }, "object tile/0/001.p/30"},
		"tile cut off":        {func(c *lab) { c.cutFile("tile/0/000") }, "object tile/0/000"},
		"bundle cut off":      {func(c *lab) { c.cutFile("tile/entries/000") }, "object tile/entries/000"},
		"tile gone":           {func(c *lab) { c.removeFile("tile/0/000") }, "object tile/0/000"},
		"bundle gone":         {func(c *lab) { c.removeFile("tile/entries/001.p/39") }, "object tile/entries/001.p/39"},
		"checkpoint text":     {func(c *lab) { c.flipFile("checkpoint", 30) }, "object checkpoint"},
		"checkpoint line":     {func(c *lab) { c.flipFile("checkpoint", 150) }, "object checkpoint"},
		"checkpoint gone":     {func(c *lab) { c.removeFile("checkpoint") }, "object checkpoint"},
		"stray":               {func(c *lab) { c.writeFile("tile/0/002.p/7", "x") }, "object tile/0/002.p/7"},
		"stray of the future": {func(c *lab) { c.writeFile("tile/entries/001.p/200", "x") }, "object tile/entries/001.p/200"},
		"foreign object":      {func(c *lab) { c.writeFile("notes.txt", "x") }, "object notes.txt"},
		"content":             {func(c *lab) { flip(t, c, "ledger_entries", "payload", " WHERE number = 17") }, "entry 17"},
		"identity":            {func(c *lab) { flip(t, c, "ledger_entries", "id", " WHERE number = 17") }, "entry 17"},
		"signature":           {func(c *lab) { flip(t, c, "ledger_entries", "signature", " WHERE number = 290") }, "entry 290"},
		"hash":                {func(c *lab) { flip(t, c, "ledger_entries", "hash", " WHERE number = 290") }, "entry 290"},
		"public key":          {func(c *lab) { flip(t, c, "ledger_keys", "spki", "") }, "entry 0"},
		"type": {
			func(c *lab) {
				c.exec("UPDATE ledger_entries SET type = " + quoted(statement.TypeEdition) + " WHERE number = 5")
			}, "entry 5",
		},
		"case":            {func(c *lab) { c.exec("UPDATE ledger_entries SET case_id = " + quoted(newCase()) + " WHERE number = 5") }, "entry 5"},
		"number in case":  {func(c *lab) { c.exec("UPDATE ledger_entries SET case_number = 99 WHERE number = 5") }, "entry 5"},
		"entry gone":      {func(c *lab) { c.exec("DELETE FROM ledger_entries WHERE number = 5") }, "entry 5"},
		"last entry gone": {func(c *lab) { c.exec("DELETE FROM ledger_entries WHERE number = 294") }, "entry 294"},
		"content gone":    {func(c *lab) { c.exec("UPDATE ledger_entries SET payload = NULL WHERE number = 5") }, "entry 5"},
		"entry too many": {
			func(c *lab) {
				c.exec(`INSERT INTO ledger_entries (number, id, hash, signature, key, type, payload)
				SELECT 295, zeroblob(32), hash, signature, key, type, payload FROM ledger_entries WHERE number = 3`)
			}, "head",
		},
		"edge":              {func(c *lab) { flip(t, c, "ledger_head", "edge", "") }, "head"},
		"root":              {func(c *lab) { flip(t, c, "ledger_head", "root", "") }, "head"},
		"head's size":       {func(c *lab) { c.exec("UPDATE ledger_head SET size = 303") }, "head"},
		"kept checkpoint":   {func(c *lab) { flip(t, c, "ledger_checkpoints", "note", " WHERE size = 295") }, "checkpoint of 295 acts"},
		"older checkpoint":  {func(c *lab) { flip(t, c, "ledger_checkpoints", "note", " WHERE size = 286") }, "checkpoint of 286 acts"},
		"signed size":       {func(c *lab) { c.exec("UPDATE ledger_head SET signed_size = 286") }, "object checkpoint"},
		"index of database": {func(c *lab) { c.damageIndex() }, "database file"},
	} {
		t.Run(name, func(t *testing.T) {
			c := l.copied(t)
			c.config.Policy = l.config.Policy
			test.damage(c)
			c.config.ReadOnly = true
			var err error
			if c.Ledger, err = Open(t.Context(), c.config); err != nil {
				// What cannot be opened at all is audited by who has opened it before.
				t.Logf("opening says %v", err)
				if c.Ledger, err = newLedger(c.config); err != nil {
					t.Fatal(err)
				}
			}
			// What the statement says otherwise than the database, and the database's own index, only the whole audit can see.
			deep := map[string]bool{"type": true, "case": true, "index of database": true}[name]
			r := c.audit(AuditOptions{Signatures: deep})
			found := false
			for _, f := range r.Findings {
				found = found || f.Object == test.want
			}
			if !found {
				t.Errorf("no finding names %q:\n%s", test.want, r)
			}
			if len(r.Findings) > 8 && name != "public key" {
				t.Errorf("%d findings for one damage:\n%s", len(r.Findings), r)
			}
		})
	}
}

func (l *lab) exec(query string) {
	l.t.Helper()
	for _, q := range []string{"PRAGMA foreign_keys = 0", "PRAGMA ignore_check_constraints = 1", query} {
		if _, err := l.db.ExecContext(l.t.Context(), q); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *lab) file(name string) string { return filepath.Join(l.dir, "log", filepath.FromSlash(name)) }

func (l *lab) change(name string, f func([]byte) []byte) {
	l.t.Helper()
	b, err := os.ReadFile(l.file(name))
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(l.file(name), f(b), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) flipFile(name string, at int) {
	l.t.Helper()
	l.change(name, func(b []byte) []byte { b[at] ^= 1; return b })
}

func (l *lab) cutFile(name string) {
	l.t.Helper()
	l.change(name, func(b []byte) []byte { return b[:len(b)-1] })
}

func (l *lab) removeFile(name string) {
	l.t.Helper()
	if err := os.Remove(l.file(name)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) writeFile(name, text string) {
	l.t.Helper()
	if err := os.MkdirAll(filepath.Dir(l.file(name)), 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(l.file(name), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// damageIndex flips a bit in the pages of the index over the identities.
func (l *lab) damageIndex() {
	l.t.Helper()
	var id []byte
	if err := l.db.QueryRowContext(l.t.Context(), "SELECT id FROM ledger_entries WHERE number = 100").Scan(&id); err != nil {
		l.t.Fatal(err)
	}
	l.exec("PRAGMA wal_checkpoint(TRUNCATE)")
	if err := l.db.Close(); err != nil {
		l.t.Fatal(err)
	}
	path := filepath.Join(l.dir, "lab.sqlite")
	b, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	// The identity stands in its row (before the leaf's hash) and in the index (before nothing of the kind): flip it where no hash follows.
	var hash []byte
	l.connect()
	if err := l.db.QueryRowContext(l.t.Context(), "SELECT hash FROM ledger_entries WHERE number = 100").Scan(&hash); err != nil {
		l.t.Fatal(err)
	}
	if err := l.db.Close(); err != nil {
		l.t.Fatal(err)
	}
	flipped := 0
	for at := 0; ; {
		i := bytes.Index(b[at:], id)
		if i < 0 {
			break
		}
		at += i + len(id)
		if !bytes.HasPrefix(b[at:], hash) {
			b[at-10] ^= 1
			flipped++
		}
	}
	if flipped == 0 { // one is in the index; pages that were split leave older ones
		l.t.Fatal("the identity is in no index")
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		l.t.Fatal(err)
	}
	l.connect()
	l.config.Tiles = l.tiles
}

// TestAuditOfKeys names who signed with what.
func TestAuditOfKeys(t *testing.T) {
	l := newLab(t)
	l.must("", submission)
	l.must("", status(1))
	l.grow(1)
	for name, test := range map[string]struct {
		purpose statement.Purpose
		known   bool
		want    int
	}{
		"issuing": {statement.ForIssuing, true, 0}, "ledger": {statement.ForLedger, true, 1}, "log": {statement.ForLog, true, 3}, "nobody": {"", false, 3},
	} {
		r := l.audit(AuditOptions{Keys: func([]byte) (statement.Purpose, bool) { return test.purpose, test.known }})
		if len(r.Findings) != test.want {
			t.Errorf("%s: %d findings, want %d:\n%s", name, len(r.Findings), test.want, r)
		}
	}
	if text := l.audit(AuditOptions{}).String(); !strings.Contains(text, "3 leaves, 3 opened, 0 erased, 0 unexplained") || strings.Count(text, "not checked") != 2 {
		t.Errorf("the report:\n%s", text)
	}
}

// TestAuditWhileAppending finds nothing although the ledger grows under it.
func TestAuditWhileAppending(t *testing.T) {
	l := newLab(t)
	l.grow(200)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				l.grow(7)
			}
		}
	}()
	for range 6 {
		l.sound()
	}
	close(stop)
	<-done
	l.sound()
}

// TestInsertedAct holds that acts cannot be put in between or in another order without being seen.
func TestInsertedAct(t *testing.T) {
	l := newLab(t)
	id := newCase()
	var last Entry
	for range 3 {
		last = l.must(id, submission)
	}
	l.grow(0)
	if r := l.audit(AuditOptions{Keys: func([]byte) (statement.Purpose, bool) { return "", false }, MaxFindings: 2}); r.Total != 3 || len(r.Findings) != 2 {
		t.Errorf("%d findings of which %d are listed, want 3 and 2", r.Total, len(r.Findings))
	}
	// Two acts of the case change places, with all that the database says of them.
	l.exec("UPDATE ledger_entries SET number = 1000 WHERE number = 0")
	l.exec("UPDATE ledger_entries SET number = 0 WHERE number = 1")
	l.exec("UPDATE ledger_entries SET number = 1 WHERE number = 1000")
	r := l.audit(AuditOptions{Signatures: true})
	for _, want := range []string{"entry 0", "entry 1", "object tile/0/000.p/3", "head", "checkpoint of 3 acts"} {
		found := false
		for _, f := range r.Findings {
			found = found || f.Object == want
		}
		if !found {
			t.Errorf("no finding names %q:\n%s", want, r)
		}
	}
	if _, err := proof.ParseTilePath("tile/0/000.p/3"); err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range l.InCase(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if n == 3 && e.ID != last.ID {
			t.Error("the last act of the case is another")
		}
	}
	// Drop one from the case: whoever reads the case notices.
	l.exec("DELETE FROM ledger_entries WHERE number = 2")
	l.exec(fmt.Sprintf("UPDATE ledger_entries SET case_number = 3 WHERE number = %d", 1))
	var seen error
	for _, err := range l.InCase(t.Context(), id) {
		seen = err
	}
	if seen == nil {
		t.Error("an act of the case is gone and nobody notices")
	}
}
