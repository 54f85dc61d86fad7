// Package sshd observes the configuration of OpenSSH servers: what sshd_config(5) makes effective, and each option as it is written.
//
// It follows the rules of that page and of OpenSSH's servconf: the first value of a keyword holds, Include is read in place,
// a Match block speaks for itself. Whatever would keep the server from starting, or cannot be followed, is recorded as unobserved.
// It knows nothing of good or bad values, and it does not look at command lines: a server that is started with another file or with options
// (sshd -f, -o) is told of by the observer of services, as unobserved.
package sshd

import (
	"context"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// The kinds that this observer records.
const (
	kindServer = "sshd"
	kindOption = "sshd_option"
)

// mains are the places of a server's configuration, the first that exists is read: /etc/ssh, then the vendor's
// copy below /usr/etc of systems that keep /etc for changes.
var mains = []string{"etc/ssh/sshd_config", "usr/etc/ssh/sshd_config"}

// fragments are what Include directives name in distributions and products.
var fragments = []string{
	"etc/ssh/sshd_config.d/*", "usr/etc/ssh/sshd_config.d/*", "etc/ssh/*.conf",
	"etc/crypto-policies/back-ends/opensshserver.config",
}

// programs are where distributions put the server.
var programs = []string{"usr/sbin/sshd", "sbin/sshd", "usr/local/sbin/sshd"}

// Reads returns the files that a server's configuration may be made of, for observers that call Listeners.
func Reads() []observe.Read {
	reads := make([]observe.Read, 0, len(mains)+len(fragments))
	for _, glob := range mains {
		reads = append(reads, observe.Read{Glob: glob, Parse: parse})
	}
	for _, glob := range fragments {
		reads = append(reads, observe.Read{Glob: glob, Parse: parse})
	}
	return reads
}

// Observer returns the observer.
func Observer() observe.Observer {
	return observe.Observer{
		Name: "sshd", Version: 1, Doc: "OpenSSH server configuration, with Include and Match",
		Records: []observe.Records{{Kind: kindServer}, {Kind: kindOption}},
		Tree:    &observe.Tree{Reads: Reads(), Join: join},
	}
}

func join(ctx context.Context, v *observe.View) error {
	for _, name := range mains {
		if f, ok := v.File(name); ok {
			if f.Err != nil {
				v.Failed(f)
				return nil
			}
			r := &reader{v: v, out: v, sections: map[string]*section{}}
			if err := r.read(ctx, f); err != nil {
				return err
			}
			r.record()
			return nil
		}
	}
	for _, p := range programs {
		if id, ok := v.Lookup(p); ok {
			v.Unobserved(id, "unsupported", "the server has no configuration where it would read one, and does not start without: "+
				"another one may be named when it is started, or be made on the device")
			return nil
		}
	}
	return nil
}

// Listener is where a server listens.
type Listener struct {
	Address string // as written; empty is every interface
	Port    string
}

// Listeners returns where a server with the system's configuration listens, as the configuration says it. It says false where that cannot be
// told. It records nothing; the view is one of an observer whose reads have those of Reads among them.
func Listeners(ctx context.Context, v *observe.View) ([]Listener, bool) {
	for _, name := range mains {
		f, ok := v.File(name)
		if !ok {
			continue
		}
		r := &reader{v: v, out: nowhere{}, sections: map[string]*section{}}
		if f.Err != nil {
			v.Failed(f)
			return nil, false
		}
		if r.read(ctx, f) != nil || r.full {
			v.Unobserved(f.ID, "unparsed", "where the server listens cannot be read")
			return nil, false
		}
		s := &r.section("", f.ID).values
		if s.uncertain {
			v.Unobserved(f.ID, "unparsed", "where the server listens is not certain")
		}
		return s.listeners(), !s.uncertain
	}
	return nil, false
}

// nowhere records nothing.
type nowhere struct{}

func (nowhere) Record(tree.ID, any, *fact.Excerpt)            {}
func (nowhere) Failed(observe.File, ...string)                {}
func (nowhere) Unobserved(tree.ID, string, string, ...string) {}
