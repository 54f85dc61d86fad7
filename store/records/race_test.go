package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/portal/upload"
	"github.com/probat-lab/probat/portal/upload/uploadtest"
)

// race runs a step in several goroutines at once; of those that return nil, there must be one. The others must return lost.
func race(t *testing.T, what string, lost error, step func(i int) error) {
	t.Helper()
	const most = 8
	start, errs := make(chan struct{}), make([]error, most)
	var wg sync.WaitGroup
	for i := range most {
		wg.Go(func() {
			<-start
			errs[i] = step(i)
		})
	}
	close(start)
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, lost) {
			t.Errorf("%s: %v", what, err)
		}
	}
	equal(t, what+": won", won, 1)
}

var errLost = errors.New("lost")

func swapped(done bool, err error) error {
	if err == nil && !done {
		return errLost
	}
	return err
}

// submit adds a release of acme with jobs.
func submit(t testing.TB, r *Records, jobs ...string) {
	t.Helper()
	ctx := t.Context()
	settle(t, r)
	p := Product{ID: "router", Owner: "acme", Name: "Router", Kind: "equipment"}
	x := Release{ID: "one", Product: p, Name: "1.0", State: "submitted", Schemes: []string{"s"}, Created: day, Case: "case"}
	write(t, r, func(tx *sql.Tx) error { _, err := r.FindProduct(ctx, tx, p, "router"); return err },
		func(tx *sql.Tx) error { return r.AddRelease(ctx, tx, &x, []byte("key")) })
	for i, id := range jobs {
		write(t, r, func(tx *sql.Tx) error {
			return r.AddJob(ctx, tx, Job{ID: id, Release: "one", Inputs: json.RawMessage(`{"a":1}`), Person: "ann", Created: day.Add(time.Duration(i) * time.Second)})
		})
	}
}

// TestJobs follows the contract of package work: a lease that is over is lost, also for who had it, and can be given back early.
func TestJobs(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		submit(t, r, "a", "b", "c")
		hour, past := time.Now().Add(time.Hour), time.Now().Add(-time.Second)
		waiting := func(want string) {
			t.Helper()
			equal(t, "waiting", strings.Join(must(r.Waiting(ctx, 10))(t), " "), want)
		}
		take := func(id, worker string, until time.Time) bool { return must(r.Take(ctx, id, worker, until))(t) }
		extend := func(id, worker string, until time.Time) bool { return must(r.Extend(ctx, id, worker, until))(t) }
		waiting("a b c")
		equal(t, "at most", len(must(r.Waiting(ctx, 2))(t)), 2)
		equal(t, "take", take("a", "w", hour), true)
		equal(t, "take again", take("a", "w", hour), false)
		equal(t, "take what is not there", take("x", "w", hour), false)
		waiting("b c")
		equal(t, "extend", extend("a", "w", hour.Add(time.Hour)), true)
		equal(t, "extend less", extend("a", "w", hour), true)
		equal(t, "extend another's", extend("a", "v", hour), false)
		equal(t, "taken", must(r.TakenJob(ctx, "a", "w"))(t).Tries, 1)
		_, err := r.TakenJob(ctx, "a", "v")
		wantErr(t, "taken by another", err, ErrNotFound)

		equal(t, "give back", extend("a", "w", past), true)
		waiting("a b c")
		equal(t, "extend what was given back", extend("a", "w", hour), false)
		equal(t, "take what was given back", take("a", "v", hour), true)
		equal(t, "tries", must(r.TakenJob(ctx, "a", "v"))(t).Tries, 2)
		refuse(t, r, "a late result", ErrNotFound, func(tx *sql.Tx) error { return r.EndJob(ctx, tx, Job{ID: "a", State: "done"}, "w", day) })
		write(t, r, func(tx *sql.Tx) error {
			return r.EndJob(ctx, tx, Job{ID: "a", State: "done", Dossier: "d", Result: "r"}, "v", day)
		})
		refuse(t, r, "a second result", ErrNotFound, func(tx *sql.Tx) error { return r.EndJob(ctx, tx, Job{ID: "a", State: "failed"}, "v", day) })
		equal(t, "extend what is done", extend("a", "v", hour), false)
		equal(t, "take what is done", take("a", "v", hour), false)

		equal(t, "take with a lease that is over", take("b", "w", past), true)
		equal(t, "extend it", extend("b", "w", hour), false)
		equal(t, "take it again", take("b", "w", hour), true)
		write(t, r, func(tx *sql.Tx) error { return r.CancelJob(ctx, tx, "b", day) }, func(tx *sql.Tx) error { return r.CancelJob(ctx, tx, "c", day) })
		refuse(t, r, "cancel what is done", ErrNotFound, func(tx *sql.Tx) error { return r.CancelJob(ctx, tx, "a", day) })
		equal(t, "extend what was cancelled", extend("b", "w", hour), false)
		waiting("")
		write(t, r, func(tx *sql.Tx) error {
			same, err := SameInputs(ctx, tx, "one", `{"a":1}`, "b")
			equal(t, "the same inputs", ids(same, func(j Job) string { return j.ID + j.Result }), "ar")
			return err
		})
		view := r.As(access.Viewer{Party: "acme", Person: "ann", At: day})
		equal(t, "jobs", ids(must(view.Jobs(ctx, "one"))(t), func(j Job) string { return j.ID + " " + j.State }), "c cancelled b cancelled a done")
	})
}

func TestRaces(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		submit(t, r, "a", "b")
		worker := func(i int) string { return fmt.Sprint("worker ", i) }
		hour := time.Now().Add(time.Hour)
		race(t, "take", errLost, func(i int) error { return swapped(r.Take(ctx, "a", worker(i), hour)) })
		must(r.Take(ctx, "b", "w", hour))(t)
		race(t, "end", ErrNotFound, func(int) error {
			return r.Tx(ctx, func(tx *sql.Tx) error { return r.EndJob(ctx, tx, Job{ID: "b", State: "done"}, "w", day) })
		})
		write(t, r, func(tx *sql.Tx) error { return r.AddLink(ctx, tx, []byte("l"), Link{Person: "ann"}) })
		race(t, "link", ErrNotFound, func(int) error { _, err := r.UseLink(ctx, []byte("l"), day); return err })
		ok(t, r.AddPasskey(ctx, Passkey{ID: []byte("k"), Person: "ann", Counter: 5, Body: json.RawMessage(`{}`)}, day))
		race(t, "passkey", ErrNotFound, func(i int) error { return r.PasskeyUsed(ctx, []byte("k"), 5, uint32(6+i), false) })

		u := Upload{ID: "u", Party: "acme", Person: "ann", Size: 1, Expires: day}
		ok(t, r.AddUpload(ctx, u, 1, 1))
		claim := func(int) error {
			return r.Tx(ctx, func(tx *sql.Tx) error { return ClaimUpload(ctx, tx, "acme", "u") })
		}
		wantErr(t, "claimed before it is complete", claim(0), ErrNotFound)
		u.Place, u.Address, u.Object, u.Wrapped = 1, "a", "o", []byte("w")
		race(t, "save", ErrMoved, func(int) error { return r.SaveUpload(ctx, 0, u) })
		wantErr(t, "claimed by another party", r.Tx(ctx, func(tx *sql.Tx) error { return ClaimUpload(ctx, tx, "lab", "u") }), ErrNotFound)
		race(t, "claim, or delete", ErrNotFound, func(i int) error {
			if i%2 == 0 {
				return r.DropUpload(ctx, "acme", "u", 1)
			}
			return claim(i)
		})
		race(t, "a party", ErrTaken, func(i int) error {
			return r.Tx(ctx, func(tx *sql.Tx) error {
				return r.AddParty(ctx, tx, Party{ID: fmt.Sprint(i), Class: access.Vendor, Name: "X"}, "x", day)
			})
		})
		race(t, "state", ErrNotFound, func(int) error {
			return r.Tx(ctx, func(tx *sql.Tx) error {
				return r.SetReleaseState(ctx, tx, "one", "evaluating", "", "submitted", "failed")
			})
		})
	})
}

// TestOnce: of requests with one word, one is done; the others get its answer, or are told that it is under way.
func TestOnce(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		var done atomic.Int64
		step := func() (string, error) { done.Add(1); return "answer", nil }
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				answer, err := r.Once(ctx, "ann", "word", "submit", step)
				if !(err == nil && answer == "answer") && !errors.Is(err, ErrTwice) {
					t.Errorf("got %q, %v", answer, err)
				}
			})
		}
		wg.Wait()
		equal(t, "done", done.Load(), 1)
		equal(t, "asked again", must(r.Once(ctx, "ann", "word", "submit", step))(t), "answer")
		_, err := r.Once(ctx, "ann", "word", "grant", step)
		wantErr(t, "for another thing", err, ErrTwice)
		must(r.Once(ctx, "eva", "word", "submit", step))(t)
		must(r.Once(ctx, "ann", "", "submit", step))(t)
		must(r.Once(ctx, "ann", "", "submit", step))(t)
		equal(t, "done", done.Load(), 4)
		failed := errors.New("failed")
		_, err = r.Once(ctx, "ann", "again", "submit", func() (string, error) { return "", failed })
		wantErr(t, "failed", err, failed)
		must(r.Once(ctx, "ann", "again", "submit", step))(t)

		gone, cancel := context.WithCancel(ctx)
		must(r.Once(gone, "ann", "gone", "submit", func() (string, error) { cancel(); return "kept", nil }))(t)
		equal(t, "after who asked had gone", must(r.Once(ctx, "ann", "gone", "submit", step))(t), "kept")
	})
}

// arriving is upload.Uploads over the records.
type arriving struct{ r *Records }

func row(u upload.Upload) Upload {
	x := Upload{ID: u.ID, Party: u.Owner.Party, Person: u.Owner.Person, Size: u.Size, Place: u.Offset, Label: u.Label, Expires: u.Expires, State: u.State}
	if u.Ref != nil {
		x.Address, x.Object, x.Wrapped = u.Ref.Address, u.Ref.Object, u.Ref.Wrapped
	}
	return x
}

func arrived(x Upload) upload.Upload {
	u := upload.Upload{ID: x.ID, Owner: upload.Owner{Party: x.Party, Person: x.Person}, Size: x.Size, Offset: x.Place, Label: x.Label, Expires: x.Expires, State: x.State}
	if x.Object != "" {
		u.Ref = &vault.Ref{Address: x.Address, Object: x.Object, Wrapped: x.Wrapped}
	}
	return u
}

func told(err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return upload.ErrNotFound
	case errors.Is(err, ErrMoved):
		return upload.ErrConflict
	case errors.Is(err, ErrQuota):
		return upload.ErrQuota
	}
	return err
}

func (a arriving) Create(ctx context.Context, u upload.Upload, most upload.Quota) error {
	return told(a.r.AddUpload(ctx, row(u), most.Uploads, most.Bytes))
}

func (a arriving) Get(ctx context.Context, party, id string) (upload.Upload, error) {
	x, err := a.r.Upload(ctx, party, id)
	if err != nil {
		return upload.Upload{}, told(err)
	}
	return arrived(x), nil
}

func (a arriving) Save(ctx context.Context, from int64, u upload.Upload) error {
	return told(a.r.SaveUpload(ctx, from, row(u)))
}

func (a arriving) Delete(ctx context.Context, party, id string, from int64) error {
	return told(a.r.DropUpload(ctx, party, id, from))
}

func (a arriving) Expired(ctx context.Context, now time.Time, most int) ([]upload.Upload, error) {
	list, err := a.r.ExpiredUploads(ctx, now, most)
	var all []upload.Upload
	for _, x := range list {
		all = append(all, arrived(x))
	}
	return all, told(err)
}

func TestUploads(t *testing.T) {
	run := func(t *testing.T, fresh func(testing.TB) *Records) {
		uploadtest.Run(t, func(t *testing.T) upload.Uploads {
			r := fresh(t)
			settle(t, r)
			write(t, r, func(tx *sql.Tx) error {
				return r.AddParty(t.Context(), tx, Party{ID: "rival", Class: access.Vendor, Name: "Rival"}, "rival", day)
			})
			return arriving{r}
		})
	}
	t.Run("sqlite", func(t *testing.T) { run(t, lite) })
	t.Run("postgres", func(t *testing.T) { run(t, postgres) })
}
