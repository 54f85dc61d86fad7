package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// The requirements that the story is about.
const (
	boot    = "4.2.3.3.2" // a document and a person decide
	reach   = "4.3.2.2"   // the SNMP agent answers on every interface
	support = "4.3.2.5"   // a library is out of support
	rootSSH = "4.3.2.6"   // root over SSH
)

// assign gives the releases to the lab's evaluators; its reader looks at one.
func (f *filling) assign(ctx context.Context) error {
	x := f.demo
	for _, a := range []struct {
		name     string
		releases []string
	}{
		{"Bela Moravec", []string{x.Before, x.Current, x.Switch, x.Baseband, x.Service}},
		{"Chidi Okafor", []string{x.Before, x.Current, x.Embargoed, x.Switch, x.Baseband}},
		{"Dana Weiss", []string{x.Current}},
	} {
		for _, r := range a.releases {
			if _, err := f.Assign(ctx, f.as("Ada Lindqvist"), r, f.who[a.name].Person); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge has one of two tests in words judged: the other waits.
func (f *filling) judge(ctx context.Context) error {
	w := f.as("Bela Moravec")
	guide, err := f.As(w.Viewer).Held(ctx, f.demo.Current, records.HeldDocument, "docs/hardening-guide.md")
	if err != nil {
		return err
	}
	if len(guide) == 0 {
		return fmt.Errorf("the hardening guide: %w", desk.ErrNotFound)
	}
	_, err = f.Judge(ctx, w, f.demo.Current, desk.Judging{
		Scheme: scheme, Requirement: boot, Test: "boot-devices-documented", Verdict: "pass", Cites: []string{guide[0].ID},
		Reason: "Chapter 3 of the guide names the internal flash as the only boot device, and says how the loader's settings are locked.",
	})
	f.demo.Waiting = Place{Release: f.demo.Current, Scheme: scheme, Requirement: boot}
	return err
}

// finding is the first finding of a requirement, as somebody sees it.
func (f *filling) finding(ctx context.Context, w desk.Who, release, requirement string) (Place, error) {
	list, _, err := f.As(w.Viewer).Findings(ctx, release, scheme, requirement, "", records.Page{Most: 100})
	if err != nil {
		return Place{}, err
	}
	for _, x := range list {
		if x.Kind == "fail" {
			return Place{Release: release, Scheme: scheme, Requirement: requirement, Fingerprint: x.Fingerprint}, nil
		}
	}
	return Place{}, fmt.Errorf("a failing finding of %s: %w", requirement, desk.ErrNotFound)
}

// talk has an operator ask, the vendor dispute, and the lab answer; what the vendor tells the lab only, the operator does not read.
func (f *filling) talk(ctx context.Context) error {
	var err error
	if f.demo.Disputed, err = f.finding(ctx, f.as("Samir Haddad"), f.demo.Current, reach); err != nil {
		return err
	}
	root, err := f.finding(ctx, f.as("Samir Haddad"), f.demo.Current, rootSSH)
	if err != nil {
		return err
	}
	lab := f.Home.Name
	for _, m := range []struct {
		name, position, fix, text string
		about                     Place
		to                        []string
	}{
		{"Samir Haddad", "asks", "", "You declare that SNMP answers on 192.168.1.1 only. The image starts it on every interface. Which of the two do we get?", f.demo.Disputed, []string{brindlemoor, lab}},
		{"Mara Quill", "disputes", "", "The agent is bound to the LAN by a packet filter that the set-up writes at first boot. A delivered router does not answer on its uplinks.", f.demo.Disputed, []string{south, lab}},
		{"Bela Moravec", "answers", "", "No file of the delivered image writes such a filter. Please name it, or show it on a running router; until then the finding stands.", f.demo.Disputed, []string{brindlemoor, south}},
		{"Mara Quill", "notes", "", "For the lab only: the script came with the set-up tool, not with the image. We look into it.", f.demo.Disputed, []string{lab}},
		{"Tom Ferris", "plans-fix", "4.3.0", "Root over SSH was left on for a customer's trial. It goes.", root, []string{north, south, lab}},
	} {
		_, err := f.Post(ctx, f.as(m.name), m.about.Release, desk.Posting{
			Scheme: m.about.Scheme, Requirement: m.about.Requirement, Fingerprint: m.about.Fingerprint, Text: m.text, Position: m.position, FixIn: m.fix, To: m.to,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// accept has an operator accept a risk, for a year.
func (f *filling) accept(ctx context.Context) error {
	w := f.as("Nora Stern")
	at, err := f.finding(ctx, w, f.demo.Current, support)
	if err != nil {
		return err
	}
	_, err = f.AcceptRisk(ctx, w, at.Release, desk.Risking{
		Scheme: at.Scheme, Requirement: at.Requirement, Fingerprint: at.Fingerprint, Until: f.Lab.Now().AddDate(1, 0, 0).UTC().Format(time.DateOnly),
		Reason: "TLS ends on our own proxies; the library is reached from the management network only. We replace the routers within the year.",
	})
	f.demo.Accepted = at
	return err
}

// issue has two people agree, who judged nothing there, and one of two credentials revoked.
func (f *filling) issue(ctx context.Context) (err error) {
	x := f.demo
	if x.Valid, err = f.credential(ctx, x.Before, "", "Mara Quill"); err != nil {
		return err
	}
	if x.Revoked, err = f.credential(ctx, x.Switch, "artifact", "Ines Valdo"); err != nil {
		return err
	}
	id, err := statement.ParseID(x.Revoked)
	if err != nil {
		return err
	}
	const reason = "delivered switches have an account for maintenance that the evaluated firmware has not"
	if err := seal.Suspend(ctx, f.Lab, id, reason); err != nil {
		return err
	}
	notice, _, err := seal.Notice(ctx, f.Lab, id, reason)
	if err != nil {
		return err
	}
	if _, err := seal.Answered(ctx, f.Lab, id, notice, kestrel, "agrees", "A tool of our plant added it after the firmware was written. We recall the lot."); err != nil {
		return err
	}
	return seal.Revoke(ctx, f.Lab, id, reason)
}

func (f *filling) credential(ctx context.Context, release, profile, owner string) (id string, err error) {
	for _, name := range []string{"Bela Moravec", "Chidi Okafor"} {
		if id, err = f.Agree(ctx, f.as(name), release, scheme, profile); err != nil {
			return "", err
		}
	}
	if id == "" {
		return "", fmt.Errorf("two people agreed: %w", desk.ErrState)
	}
	return id, f.Publish(ctx, f.as(owner), id, "public")
}
