package demo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/examples"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/store/records"
)

// Put stores a file as a finished upload of a party, by one of its people (both by id), and returns the upload's id.
type Put func(ctx context.Context, party, person, name string, data []byte) (uploadID string, err error)

// Demo is what there is in a lab that was filled.
type Demo struct {
	People []Person // in the order in which they are shown

	// Releases, by id.
	Before, Current, Embargoed string // of the router: 4.2.0, 4.2.1, 4.3.0-rc1
	Switch, Baseband, Service  string

	Valid, Revoked string // credentials, by id

	Waiting  Place // where a judgement is waited for
	Disputed Place // what vendor and operator do not agree on
	Accepted Place // the risk that an operator accepted
}

// Person is somebody to sign in as.
type Person struct {
	Name, Party       string
	Class             access.Class
	Role              access.Role
	PersonID, PartyID string
	Try               []Try // three things
}

// Try is something to try.
type Try struct {
	Text  string // a sentence
	Place Place
}

// Place is where something is to be seen. All but one of Release and Credential may be empty.
type Place struct {
	Release, Scheme, Requirement, Fingerprint string
	Against                                   string // another release, to compare Release with
	Credential                                string
}

//go:embed products
var products embed.FS

const scheme = "ts-33.117"

// Fill fills a lab that has nobody yet but itself, and waits until all of it is evaluated. Names are the same each time, ids are random. Jobs are done
// here; one that a worker has taken already is waited for.
func Fill(ctx context.Context, d *desk.Desk, put Put) (*Demo, error) {
	f := &filling{Desk: d, put: put, who: map[string]desk.Who{}, demo: &Demo{}}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"bringing people in", f.bringIn},
		{"handing in", f.handIn},
		{"assigning", f.assign},
		{"what happens to each release", f.live},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("filling the lab for the demonstration: %s: %w", step.what, err)
		}
	}
	f.suggest()
	return f.demo, nil
}

// live has done to each release what was done to it: side by side, since nothing of one is about another.
func (f *filling) live(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(sideBySide)
	g.Go(func() error {
		for _, do := range []func(context.Context) error{f.judge, f.talk, f.accept} {
			if err := do(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error { return f.issue(ctx) })
	return g.Wait()
}

// handed is a release to hand in.
type handed struct {
	id      *string
	by      string
	text    string // declaration
	files   []file
	embargo string
	grants  []desk.Leave
}

type file struct {
	name string
	data []byte
}

// embargoFor is how long the last release of the router is under embargo.
const embargoFor = 60 * 24 * time.Hour

// handings are the releases, oldest first.
func (f *filling) handings() ([]handed, error) {
	x := f.demo
	both := []desk.Leave{{Party: north, Level: "verdict", Product: true}, {Party: south, Level: "evidence", Product: true}}
	list := []handed{
		{id: &x.Before, by: "Mara Quill", grants: both},
		{id: &x.Current, by: "Tom Ferris"},
		{id: &x.Embargoed, by: "Mara Quill", embargo: f.Lab.Now().Add(embargoFor).UTC().Format(time.DateOnly)},
	}
	for i, name := range []string{"4.2.0", "4.2.1", "4.3.0-rc1"} {
		dir := "edge-router-" + name
		if name == "4.2.1" {
			dir = "edge-router"
		}
		text, err := examples.Releases.ReadFile(path.Join(dir, "product.yaml"))
		if err != nil {
			return nil, err
		}
		list[i].text = string(text)
		for _, n := range []string{"edge-router-" + name + ".tar.gz", "docs/hardening-guide.md", "docs/ports.txt"} {
			data, err := examples.Releases.ReadFile(path.Join(dir, n))
			if err != nil {
				return nil, err
			}
			list[i].files = append(list[i].files, file{n, data})
		}
	}
	for _, p := range []struct {
		name, image string
		nodes       []node
		h           handed
	}{
		{"switch", "kh8-2.6.0", switchImage(), handed{id: &x.Switch, by: "Ines Valdo", grants: []desk.Leave{{Party: south, Level: "verdict", Product: true}}}},
		{"baseband", "baseband-7.1.2", basebandImage(), handed{id: &x.Baseband, by: "Rolf Aske", grants: []desk.Leave{{Party: north, Level: "evidence", Product: true}}}},
		{"operations", "", nil, handed{id: &x.Service, by: "Rolf Aske", grants: []desk.Leave{{Party: north, Level: "summary"}}}},
	} {
		text, err := products.ReadFile("products/" + p.name + ".yaml")
		if err != nil {
			return nil, err
		}
		p.h.text = string(text)
		if p.image != "" {
			data, err := image(p.image, p.nodes)
			if err != nil {
				return nil, err
			}
			p.h.files = []file{{p.image + ".tar.gz", data}}
		}
		list = append(list, p.h)
	}
	return list, nil
}

// sideBySide is how many things that take a child are done at a time.
const sideBySide = 2

// handIn hands the releases in, one after the other, and has each evaluated meanwhile.
func (f *filling) handIn(ctx context.Context) error {
	list, err := f.handings()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(sideBySide)
	for _, h := range list {
		var job records.Job
		if job, err = f.submit(ctx, h); err != nil {
			break
		}
		g.Go(func() error { return f.run(ctx, job) })
	}
	return errors.Join(g.Wait(), err)
}

func (f *filling) submit(ctx context.Context, h handed) (records.Job, error) {
	w := f.as(h.by)
	s := desk.Submission{Declaration: h.text, Embargo: h.embargo, Grants: h.grants}
	for _, x := range h.files {
		id, err := f.put(ctx, w.Party, w.Person, x.name, x.data)
		if err != nil {
			return records.Job{}, fmt.Errorf("uploading %s: %w", x.name, err)
		}
		s.Files = append(s.Files, desk.SubmittedFile{Upload: id, Path: x.name})
	}
	r, job, err := f.Submit(ctx, w, s)
	if err != nil {
		return job, err
	}
	*h.id = r.ID
	return job, nil
}

const worker = "demonstration"

// run does a job, or waits for whoever has taken it.
func (f *filling) run(ctx context.Context, j records.Job) error {
	mine, err := f.Take(ctx, j.ID, worker, time.Now().Add(time.Minute))
	if err != nil {
		return err
	}
	if mine {
		return f.Run(ctx, j.ID, worker, io.Discard)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := f.ReleaseFor(ctx, j.Release)
		if err != nil {
			return err
		}
		switch r.State {
		case "evaluated":
			return nil
		case "submitted", "evaluating":
		default:
			return fmt.Errorf("the release %s %s is %s", r.Product.Name, r.Name, r.State)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
