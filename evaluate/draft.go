package evaluate

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/product"
)

// Draft writes a product.yaml to begin with, from what was observed: the vendor corrects and completes it. What a draft lists is what is
// there, not what ought to be.
func Draft(r *Release, c *dossier.Contents) ([]byte, error) {
	d := product.Draft{}
	for i, a := range r.Artifacts {
		art := product.Artifact{ID: a.ID, Path: filepath.ToSlash(filepath.Base(a.Path))}
		if i < len(c.Manifest.Artifacts) && c.Manifest.Artifacts[i].Type == "file" {
			art.SHA256 = c.Manifest.Artifacts[i].Digest
		}
		d.Artifacts = append(d.Artifacts, art)
	}
	w := &drafter{c: c, d: &d}
	for _, fill := range []struct {
		kind string
		take func(*fact.Fact)
	}{
		{"service", w.service},
		{"account", w.account},
		{"file", w.privileged},
		{"package", w.software},
	} {
		for f, err := range c.Facts.All(fill.kind) {
			if err != nil {
				return nil, err
			}
			fill.take(f)
		}
	}
	if n := c.Facts.Len("unobserved"); n > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%d things could not be looked at, or not wholly: this draft may lack what they hold", n))
	}
	return d.YAML(), nil
}

type drafter struct {
	c *dossier.Contents
	d *product.Draft
}

func text(f *fact.Fact, name string) string {
	v, _ := f.Get(name)
	s, _ := v.(string)
	return s
}

func yes(f *fact.Fact, name string) bool {
	v, _ := f.Get(name)
	b, _ := v.(bool)
	return b
}

// service takes what is started at boot; what listens on no known port becomes a comment.
func (w *drafter) service(f *fact.Fact) {
	if !yes(f, "at_boot") || text(f, "reach") == "none" {
		return
	}
	s := product.Service{Name: text(f, "name"), Program: text(f, "program"), Protocol: text(f, "protocol"), Address: text(f, "address"), Reach: text(f, "reach")}
	if p, ok := f.Get("port"); ok {
		s.Port = p.(int64)
	}
	if s.Protocol == "" {
		return // nothing tells that it listens
	}
	same := func(o product.Service) bool {
		return o.Protocol == s.Protocol && o.Port == s.Port && o.Program == s.Program
	}
	if !slices.ContainsFunc(w.d.Services, same) {
		w.d.Services = append(w.d.Services, s)
	}
}

func (w *drafter) account(f *fact.Fact) {
	name := text(f, "name")
	if slices.ContainsFunc(w.d.Accounts, func(a product.Account) bool { return a.Name == name }) {
		return
	}
	a := product.Account{Name: name}
	if v, ok := f.Get("can_login"); ok {
		b := v.(bool)
		a.Interactive = &b
	}
	w.d.Accounts = append(w.d.Accounts, a)
}

// privileged takes the programs by which someone can get more rights.
func (w *drafter) privileged(f *fact.Fact) {
	if f.System == "" {
		return
	}
	var mechanisms []string
	if yes(f, "setuid") {
		mechanisms = append(mechanisms, "setuid")
	}
	if yes(f, "setgid") {
		mechanisms = append(mechanisms, "setgid")
	}
	caps, _ := f.Get("capabilities")
	list, _ := caps.([]string)
	if len(list) > 0 {
		mechanisms = append(mechanisms, "capability")
	}
	for _, m := range mechanisms {
		p := product.Privileged{Path: f.Path, Mechanism: m}
		if m == "capability" {
			p.Capabilities = list
		}
		same := func(o product.Privileged) bool { return o.Path == p.Path && o.Mechanism == m }
		if !slices.ContainsFunc(w.d.Privileged, same) {
			w.d.Privileged = append(w.d.Privileged, p)
		}
	}
}

func (w *drafter) software(f *fact.Fact) {
	if !yes(f, "installed") {
		return
	}
	s := product.Software{Name: text(f, "name"), Version: text(f, "version")}
	if !slices.Contains(w.d.Software, s) {
		w.d.Software = append(w.d.Software, s)
	}
}
