package records

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/store"
	"github.com/probat-lab/probat/store/storetest"
)

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, r *Records)) {
	t.Run("sqlite", func(t *testing.T) { test(t, lite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, postgres(t)) })
}

func lite(t testing.TB) *Records {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "lab.db"))
}

// postgres is a database whose texts are ordered as a dictionary would, not by bytes, and whose tables belong to a role that is no superuser.
func postgres(t testing.TB) *Records {
	t.Helper()
	return open(t, postgresURL(t, "lab"))
}

func postgresURL(t testing.TB, role string) string {
	t.Helper()
	u, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	name := "r" + strings.ToLower(rand.Text())
	storetest.Admin(t, `DO $$ BEGIN CREATE ROLE lab LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	storetest.Admin(t, `CREATE DATABASE `+name+` OWNER lab TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`)
	t.Cleanup(func() { storetest.Admin(t, `DROP DATABASE `+name+` WITH (FORCE)`) })
	q := u.Query()
	q.Set("user", role)
	u.Path, u.RawQuery = "/"+name, q.Encode()
	return u.String()
}

func open(t testing.TB, u string) *Records {
	t.Helper()
	db, err := store.Open(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(db)
}

// day is a time in whole seconds, as rows hold them.
var day = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// must is the value of a call that has to succeed: must(call())(t).
func must[T any](x T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// ids are what a list's things are called, in its order.
func ids[T any](list []T, id func(T) string) string {
	var all []string
	for _, x := range list {
		all = append(all, id(x))
	}
	return strings.Join(all, " ")
}

// write runs a transaction that has to succeed.
func write(t testing.TB, r *Records, steps ...func(tx *sql.Tx) error) {
	t.Helper()
	ok(t, r.Tx(t.Context(), func(tx *sql.Tx) error {
		for _, step := range steps {
			if err := step(tx); err != nil {
				return err
			}
		}
		return nil
	}))
}

// refuse runs a transaction that has to fail.
func refuse(t testing.TB, r *Records, what string, want error, step func(tx *sql.Tx) error) {
	t.Helper()
	wantErr(t, what, r.Tx(t.Context(), step), want)
}

// erase empties the tables from which it follows who sees what.
func erase(t testing.TB, r *Records) {
	t.Helper()
	write(t, r, func(tx *sql.Tx) error {
		for _, table := range []string{"held", "words", "assignments", "grants", "releases", "products", "people", "parties"} {
			if _, err := tx.ExecContext(t.Context(), `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	})
}

func sorted(list []string) []string { slices.Sort(list); return list }
