package demo

import (
	"context"
	"fmt"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/store/records"
)

// Names of the parties.
const (
	brindlemoor = "Brindlemoor Networks"
	kestrel     = "Kestrel Hollow Optics"
	tarnwick    = "Tarnwick Radio"
	north       = "Northhaven Telecom"
	south       = "Southmere Mobile"
	authority   = "Office for Network Security"
)

// cast is who there is, by party, in the order in which they are shown; an empty party is the lab. The first of a party is its admin.
func cast() []Person {
	return []Person{
		{Name: "Mara Quill", Party: brindlemoor, Class: access.Vendor, Role: access.Admin},
		{Name: "Tom Ferris", Party: brindlemoor, Class: access.Vendor, Role: access.Member},
		{Name: "Ines Valdo", Party: kestrel, Class: access.Vendor, Role: access.Admin},
		{Name: "Rolf Aske", Party: tarnwick, Class: access.Vendor, Role: access.Admin},
		{Name: "Ada Lindqvist", Class: access.Lab, Role: access.Admin},
		{Name: "Bela Moravec", Class: access.Lab, Role: access.Member},
		{Name: "Chidi Okafor", Class: access.Lab, Role: access.Member},
		{Name: "Dana Weiss", Class: access.Lab, Role: access.Reader},
		{Name: "Nora Stern", Party: north, Class: access.Operator, Role: access.Admin},
		{Name: "Samir Haddad", Party: south, Class: access.Operator, Role: access.Admin},
		{Name: "Regina Holt", Party: authority, Class: access.Regulator, Role: access.Admin},
	}
}

// filling is a lab that is being filled.
type filling struct {
	*desk.Desk
	put  Put
	who  map[string]desk.Who // by the person's name
	demo *Demo
}

// bringIn makes parties and people.
func (f *filling) bringIn(ctx context.Context) error {
	parties := map[string]records.Party{"": f.Home}
	for _, p := range cast() {
		party, known := parties[p.Party]
		var person records.Person
		var err error
		if known {
			person, err = f.NewPerson(ctx, party.ID, p.Name, p.Role)
		} else {
			party, person, err = f.NewParty(ctx, p.Class, p.Party, p.Name)
			parties[p.Party] = party
		}
		if err != nil {
			return fmt.Errorf("bringing %s in: %w", p.Name, err)
		}
		p.Party, p.PersonID, p.PartyID = party.Name, person.ID, party.ID
		f.demo.People = append(f.demo.People, p)
		f.who[p.Name] = desk.Who{
			Viewer:    access.Viewer{Party: party.ID, Person: person.ID, Class: p.Class, Home: party.Home, Role: p.Role, Scope: access.ScopeAll},
			PartyName: party.Name, PersonName: p.Name,
		}
	}
	return nil
}

// as is a person who acts now.
func (f *filling) as(name string) desk.Who {
	w := f.who[name]
	w.At = f.Lab.Now()
	return w
}
