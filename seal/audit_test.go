package seal

import (
	"bytes"
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// busyLab is a lab in which everything has happened once.
func busyLab(t *testing.T) (*testLab, *Sealed) {
	t.Helper()
	l := newLab(t)
	l.seal(router)
	mended := router
	mended.image, mended.run = "r1b", "second"
	s := l.seal(mended)
	l.seal(mended, func(o *Options) { o.Profile = "artifact" })
	ctx := t.Context()
	if err := Suspend(ctx, l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	n, _, err := Notice(ctx, l.Lab, s.ID, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Answered(ctx, l.Lab, s.ID, n, "Example", "agrees", "yes"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Notice(ctx, l.Lab, s.ID, "not answered"); err != nil {
		t.Fatal(err)
	}
	if err := Revoke(ctx, l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	return l, s
}

func (l *testLab) audit() *Report {
	l.t.Helper()
	r, err := Audit(l.t.Context(), l.Lab, true, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func TestAudit(t *testing.T) {
	t.Parallel()
	l, _ := busyLab(t)
	r := l.audit()
	if r.Count() != 0 {
		t.Fatalf("a sound lab: %q", r.findings)
	}
	if text := strings.Join(r.Lines(), "\n"); !strings.Contains(text, " 0 unexplained\n") || !strings.Contains(text, "\n4 files of evidence, 0 more that belong") || strings.Contains(text, "not checked") {
		t.Errorf("the report is\n%s", text)
	}
}

// Every row that can be changed is found and named by its table.
func TestAuditRows(t *testing.T) {
	t.Parallel()
	l, s := busyLab(t)
	for _, c := range []struct{ table, do, undo string }{
		{"credentials", `UPDATE credentials SET revoked = 0 WHERE revoked = 1`, `UPDATE credentials SET revoked = 1 WHERE id = '` + s.ID.String() + `'`},
		{"credentials", `UPDATE credentials SET superseded = 1 - superseded`, `UPDATE credentials SET superseded = 1 - superseded`},
		{"credentials", `UPDATE credentials SET place = place + 1`, `UPDATE credentials SET place = place - 1`},
		{"credentials", `UPDATE credentials SET scheme = scheme || 'x'`, `UPDATE credentials SET scheme = 'a'`},
		{"attempts", `UPDATE attempts SET attempt = attempt + 7`, `UPDATE attempts SET attempt = attempt - 7`},
		{"attempts", `INSERT INTO attempts VALUES ('x', 'a', 1, '', '', '')`, `DELETE FROM attempts WHERE case_id = 'x'`},
		{"secrets", `UPDATE secrets SET dossier = dossier || 'x'`, `UPDATE secrets SET dossier = substr(dossier, 1, 64)`},
		{"notices", `UPDATE notices SET answer_by = answer_by - 1`, `UPDATE notices SET answer_by = answer_by + 1`},
		{"series", `UPDATE series SET sequence = sequence + 1`, `UPDATE series SET sequence = sequence - 1`},
		{"registers", `UPDATE registers SET upto = upto + 1000`, `UPDATE registers SET upto = upto - 1000`},
	} {
		exec := func(query string) {
			t.Helper()
			if err := l.DB.Tx(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.ExecContext(t.Context(), query)
				return err
			}); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		}
		exec(c.do)
		if r := l.audit(); r.Count() == 0 || !strings.Contains(r.findings[0], "table "+c.table) {
			t.Errorf("%s: %q", c.do, r.findings)
		}
		exec(c.undo)
	}
	if r := l.audit(); r.Count() != 0 {
		t.Errorf("in the end: %q", r.findings)
	}
}

// A bit of every file of the evidence and of the log is flipped in turn, and the audit names the file.
func TestAuditFiles(t *testing.T) {
	t.Parallel()
	l, _ := busyLab(t)
	for _, folder := range []string{"evidence", "log"} {
		root := filepath.Join(l.Dir, folder)
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			good, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			bad := bytes.Clone(good)
			bad[len(bad)/2] ^= 4
			if err := os.Chmod(path, 0o600); err != nil {
				return err
			}
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				return err
			}
			if text := strings.Join(l.audit().findings, "\n"); !strings.Contains(text, filepath.ToSlash(rel)) {
				t.Errorf("a bit of %s/%s flipped: %q", folder, rel, text)
			}
			return os.WriteFile(path, good, 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
