package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/portal/client"
	"github.com/probat-lab/probat/statement"
)

// signer signs what a party hands in, with its own key.
type signer struct {
	key *ecdsa.PrivateKey
	id  string // fingerprint
}

func (s *submission) newSigner(ctx context.Context) (*signer, error) {
	if s.me.Party.Class != string(statement.Vendor) {
		return nil, usage("submit with the token of a vendor's member", "%q is no vendor", s.me.Party.Name)
	}
	key, err := s.openKey(ctx, s.flags.key)
	if err != nil {
		return nil, err
	}
	public, err := statement.NewKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return &signer{key, public.ID()}, nil
}

// intent returns the signed Intent of a submission.
func (s *submission) intent(schemes []string) ([]byte, error) {
	release, declaration, err := s.hand.release(strings.TrimSpace(s.flags.product), strings.TrimSpace(s.flags.number), s.me.Party.Name)
	if err != nil {
		return nil, err
	}
	payload, err := (&statement.Statement{
		Subjects: s.hand.subjects(declaration),
		Predicate: &statement.Intent{
			Act: statement.Act{
				Actor: statement.Actor{Class: statement.Vendor, Name: s.me.Party.Name, Person: s.me.Person.Name, Proof: statement.ByKey},
				Nonce: lab.Nonce(), Time: statement.FormatTime(time.Now()),
			},
			Declaration: declaration, Embargo: s.flags.embargo, Release: release, Schemes: schemes,
		},
	}).Bytes()
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("signing what is handed in: %w", err), "mend the names"}
	}
	e, err := statement.Sign(s.signer.key, payload)
	if err != nil {
		return nil, err
	}
	return e.Bytes(), nil
}

// leg is how far a part of this program's own way is, in the words of an evaluation's.
type leg struct {
	phase string
	begun time.Time
	files atomic.Int64
	bytes atomic.Int64
	show  *remote
}

func (s *submission) leg(phase string) *leg {
	return &leg{phase: phase, begun: time.Now(), show: s.show}
}

func (g *leg) now() {
	g.show.show(client.Event{Phase: g.phase, Files: g.files.Load(), Bytes: g.bytes.Load(), Seconds: time.Since(g.begun).Seconds()})
}

// hash reads all files once: a signature names their digests, and a later run finds their uploads by them.
func (s *submission) hash(ctx context.Context) error {
	g := s.leg("hashing")
	for _, f := range s.hand.files {
		if err := s.hand.hash(ctx, f, func(n int64) { g.bytes.Add(n); g.now() }); err != nil {
			return err
		}
		g.files.Add(1)
	}
	return nil
}

// pending is a submission whose answer has not arrived.
type pending struct {
	Key        string            `json:"key"`
	Submission client.Submission `json:"submission"`
}

// handIn hands the release in, or finds out what became of it when it was handed in before.
func (s *submission) handIn(ctx context.Context) (client.Submitted, error) {
	name := s.name()
	var before pending
	if s.memory.Get(name, &before) {
		done, err := s.post(ctx, name, before, true)
		var unknown *client.Problem
		switch {
		case errors.As(err, &unknown) && unknown.Status == http.StatusConflict:
			return done, &exitError{exitUnreadable, err, "look at the lab's pages whether the release is there; if it is not, remove " + quoteArg(s.memory.Path(name)) + " and run the same command again"}
		case !client.Refused(err):
			return done, err
		}
	}
	p := pending{client.NewKey(), client.Submission{
		Declaration: s.hand.text, Product: strings.TrimSpace(s.flags.product), Version: strings.TrimSpace(s.flags.number),
		Schemes: s.flags.schemes, Embargo: s.flags.embargo,
	}}
	var err error
	if p.Submission.Files, err = s.upload(ctx); err != nil {
		return client.Submitted{}, err
	}
	if s.signer != nil {
		p.Submission.Schemes = s.hand.schemes(s.flags.schemes) // what is signed is said
		if p.Submission.Envelope, err = s.intent(p.Submission.Schemes); err != nil {
			return client.Submitted{}, err
		}
	}
	if err := s.memory.Put(name, p); err != nil {
		s.show.warn(err)
	}
	return s.post(ctx, name, p, false)
}

// name is what this submission is remembered by: all that makes it what it is.
func (s *submission) name() string {
	words := []string{"submission", s.client.URL(), s.me.Party.ID, s.me.Person.ID, s.hand.text, s.flags.product, s.flags.number, s.flags.embargo}
	if s.signer != nil {
		words = append(words, s.signer.id)
	}
	words = append(append(words, "schemes"), s.flags.schemes...)
	for _, f := range s.hand.files {
		words = append(words, f.path, f.digest)
	}
	return client.MemoryKey(words...)
}

// post hands in, and forgets what it need not ask for again.
func (s *submission) post(ctx context.Context, name string, p pending, again bool) (client.Submitted, error) {
	s.kept = "whether the release was handed in is not known; the same command finds out"
	done, err := s.client.Submit(ctx, p.Key, p.Submission, again)
	if err != nil && !client.Refused(err) {
		return done, err
	}
	forget := s.memory.Drop(name)
	if err == nil {
		for _, f := range s.hand.files {
			forget = errors.Join(forget, s.memory.Drop(s.uploadName(f)))
		}
	}
	if forget != nil {
		s.show.warn(forget)
	}
	return done, err
}

func (s *submission) uploadName(f *handoutFile) string {
	return client.MemoryKey("upload", s.client.URL(), s.me.Party.ID, f.digest, f.path, f.artifact)
}

// upload uploads all files, those that a run before has begun from where they are.
func (s *submission) upload(ctx context.Context) ([]client.File, error) {
	s.kept = "what was uploaded stays with the lab for a while, and the same command goes on from there"
	g := s.leg("uploading")
	list := []client.File{}
	before := int64(0)
	for _, f := range s.hand.files {
		name := s.uploadName(f)
		var id string
		s.memory.Get(name, &id)
		id, err := s.client.Upload(ctx, client.Upload{
			Name: f.path, Size: f.info.Size(), Data: f.File, ID: id,
			Begun: func(id string) {
				if err := s.memory.Put(name, id); err != nil {
					s.show.warn(err)
				}
			},
			Sent: func(n int64) { g.bytes.Store(before + n); g.now() },
		})
		if changed := s.hand.same(f); changed != nil {
			return nil, errors.Join(changed, s.memory.Drop(name)) // what the lab has is neither the one nor the other
		}
		if err != nil {
			return nil, err
		}
		list = append(list, client.File{Upload: id, Path: f.path})
		before += f.info.Size()
		g.files.Add(1)
	}
	return list, nil
}
