package main

import (
	"context"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/demo"
	"github.com/probat-lab/probat/portal"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/store/records"
)

// demoRate is how many requests a second one person of a demo may make.
const demoRate = 500

// demoWorkFactor makes the demo's keys open at once: their passphrase is random, and they last as long as the server runs.
const demoWorkFactor = 10

// demoFacts is what --demo --json says, in one line.
type demoFacts struct {
	URL    string       `json:"url"`
	People []demoPerson `json:"people"`
}

type demoPerson struct {
	Name   string       `json:"name"`
	Party  string       `json:"party"`
	Class  access.Class `json:"class"`
	Role   access.Role  `json:"role"`
	SignIn string       `json:"sign_in"`
	Token  string       `json:"token"`
}

// fillDemo fills the lab, and makes a link and a token for everybody in it.
func (s *serving) fillDemo(ctx context.Context, c *portal.Config) ([]demoPerson, error) {
	d, err := demo.Fill(ctx, s.desk, func(ctx context.Context, party, person, name string, data []byte) (string, error) {
		return portal.Put(ctx, s.desk, party, person, name, data)
	})
	if err != nil {
		return nil, err
	}
	tries := map[string][]page.Try{}
	var people []demoPerson
	for _, x := range d.People {
		link, err := portal.NewLink(ctx, s.desk.Records, s.config.publicURL, records.Link{Person: x.PersonID, Repeats: true})
		if err != nil {
			return nil, err
		}
		token, err := portal.NewToken(ctx, s.desk.Records, x.PersonID, "demo", access.ScopeAll, 30*24*time.Hour)
		if err != nil {
			return nil, err
		}
		people = append(people, demoPerson{x.Name, x.Party, x.Class, x.Role, link, token.Secret})
		for i, t := range x.Try {
			tries[x.PersonID] = append(tries[x.PersonID], page.Try{Title: []string{"First", "Second", "Third"}[i%3], Words: t.Text, Link: page.Link{Text: "Go there", URL: placeURL(t.Place)}})
		}
	}
	c.Demo = &portal.Demo{
		Words: "A demo: everything here is fictional, and gone when the server stops.",
		Tries: func(person string) []page.Try { return tries[person] },
	}
	return people, nil
}

func placeURL(p demo.Place) string {
	switch {
	case p.Credential != "":
		return "/credentials/" + p.Credential
	case p.Against != "":
		return "/compare?a=" + p.Against + "&b=" + p.Release
	case p.Requirement != "":
		return "/releases/" + p.Release + "/schemes/" + p.Scheme + "/" + p.Requirement
	case p.Scheme != "":
		return "/releases/" + p.Release + "/schemes/" + p.Scheme
	case p.Release != "":
		return "/releases/" + p.Release
	}
	return "/products"
}
