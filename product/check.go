package product

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/strictyaml"
)

// A problem is something wrong with the value at a path of a declaration.
type problem struct {
	path    string
	missing bool   // the key is required
	message string // else, and for a key that is there with a value that means nothing
}

// sentence is the message for a reader; there says whether the key is in the file.
func (p problem) sentence(there bool) string {
	if !p.missing || there {
		return p.message
	}
	around, name := "", p.path
	if i := strings.LastIndex(p.path, "."); i >= 0 {
		around, name = p.path[:i]+": ", p.path[i+1:]
	}
	return around + "missing key " + strconv.Quote(name)
}

// check returns everything that is wrong with the values of a declaration, in no particular order.
func check(d *Declaration) []problem {
	c := &checker{}
	c.object(declarationRule(), reflect.ValueOf(d).Elem(), "")
	c.release(d)
	c.unique(d)
	c.accounts(d)
	c.privileged(d)
	c.documents(d)
	return c.problems
}

// A checker collects problems.
type checker struct {
	problems []problem
	strictyaml.Speller
}

func (c *checker) add(path, format string, args ...any) {
	c.problems = append(c.problems, problem{path: path, message: fmt.Sprintf(format, args...)})
}

func (c *checker) missing(path string, f *fieldRule) {
	message := path + " is empty"
	if f.kind == kindInt {
		message = fmt.Sprintf("%s is 0, want %d to %d", path, f.min, f.max)
	}
	c.problems = append(c.problems, problem{path: path, missing: true, message: message})
}

// object checks the fields of a struct against their rules.
func (c *checker) object(rule *objectRule, v reflect.Value, path string) {
	for _, f := range rule.fields {
		fv, at := v.Field(f.index), join(path, f.name)
		switch {
		case !present(fv):
			if f.required {
				c.missing(at, f)
			}
		case f.list:
			for i := range fv.Len() {
				c.value(f, fv.Index(i), at+"["+strconv.Itoa(i)+"]")
			}
			if f.kind == kindString {
				c.repeated(at, fv)
			}
		default:
			c.value(f, fv, at)
		}
	}
}

func (c *checker) value(f *fieldRule, v reflect.Value, path string) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch f.kind {
	case kindObject:
		c.object(f.object, v, path)
	case kindInt:
		if n := v.Int(); n < f.min || n > f.max {
			c.add(path, "%s is %d, want %d to %d", path, n, f.min, f.max)
		}
	case kindString:
		c.text(f, v.String(), path)
	case kindBool:
	}
}

func (c *checker) text(f *fieldRule, s, path string) {
	switch {
	case s == "":
		c.add(path, "%s is empty", path)
	case f.enum != nil:
		if !slices.Contains(f.enum, s) {
			c.add(path, "%s", c.wrongWord(path, s, f.enum))
		}
	default:
		if wrong := wrongFormat(f.format, s); wrong != "" {
			c.add(path, "%s: %s %s", path, strictyaml.Quote(s), wrong)
		}
	}
}

// wrongWord says what a word of a closed list could have been.
func (c *checker) wrongWord(path, s string, allowed []string) string {
	out := path + ": " + strictyaml.Quote(s) + " is not known"
	if near := c.Nearest(s, allowed); near != "" {
		out += ": did you mean " + strconv.Quote(near) + "?"
		if len(allowed) > 12 {
			return out
		}
		return out + " Allowed are " + strings.Join(allowed, ", ")
	}
	return out + ": allowed are " + strings.Join(allowed, ", ")
}

// repeated reports what stands in a list of strings twice.
func (c *checker) repeated(path string, list reflect.Value) {
	seen := map[string]bool{}
	for i := range list.Len() {
		s := list.Index(i).String()
		if seen[s] && s != "" {
			at := path + "[" + strconv.Itoa(i) + "]"
			c.add(at, "%s: %s is already in the list", at, strictyaml.Quote(s))
		}
		seen[s] = true
	}
}

// release checks what depends on the kind of product.
func (c *checker) release(d *Declaration) {
	switch d.Kind {
	case KindEquipment, KindSoftware:
		if d.Version == "" {
			c.missing("version", declarationRule().field("version"))
		}
		if d.Period != "" {
			c.add("period", "period: a release of kind %s has a version, not a period", d.Kind)
		}
		if d.Artifacts != nil && len(d.Artifacts) == 0 {
			c.add("artifacts", "artifacts: a release of kind %s has at least one artifact; leave the key out if it is named elsewhere", d.Kind)
		}
	case KindService, KindProcess:
		if d.Period == "" {
			c.missing("period", declarationRule().field("period"))
		}
	}
}

// unique checks what names one thing only.
func (c *checker) unique(d *Declaration) {
	uniqueBy(c, "artifacts", "id", d.Artifacts, func(a Artifact) []string { return []string{a.ID} })
	uniqueBy(c, "documents", "id", d.Documents, func(d Document) []string { return []string{d.ID} })
	uniqueBy(c, "functions", "id", d.Functions, func(f Function) []string { return []string{f.ID} })
	uniqueBy(c, "roles", "name", d.Roles, func(r Role) []string { return []string{r.Name} })
	uniqueBy(c, "accounts", "name", d.Accounts, func(a Account) []string { return []string{a.Name, a.Application} })
	uniqueBy(c, "privileged", "path", d.Privileged, func(p Privileged) []string { return []string{treePath(p.Path, "path"), p.Mechanism} })
	uniqueBy(c, "logs", "path", d.Logs, func(l Log) []string { return []string{treePath(l.Path, "path")} })
	uniqueBy(c, "services", "port", d.Services, func(s Service) []string {
		return []string{treePath(s.Program, "program"), s.Protocol, strconv.FormatInt(s.Port, 10), s.Address, s.Interface}
	})
}

// uniqueBy reports the items of a list whose key stands there before; field is where the key begins.
func uniqueBy[T any](c *checker, list, field string, items []T, key func(T) []string) {
	seen := map[string]int{}
	for i, item := range items {
		k := key(item)
		if k[0] == "" && len(k) == 1 {
			continue // missing, which is reported
		}
		id := strings.Join(k, "\x00")
		if first, ok := seen[id]; ok {
			path := fmt.Sprintf("%s[%d].%s", list, i, field)
			c.add(path, "%s: %s[%d] is the same", path, list, first)
			continue
		}
		seen[id] = i
	}
}

// accounts checks that roles are those of the list of roles, where there is one.
func (c *checker) accounts(d *Declaration) {
	if d.Roles == nil {
		return
	}
	var names []string
	known := map[string]bool{}
	for _, r := range d.Roles {
		names = append(names, r.Name)
		known[r.Name] = true
	}
	for i, a := range d.Accounts {
		for j, role := range a.Roles {
			if role != "" && !known[role] {
				path := fmt.Sprintf("accounts[%d].roles[%d]", i, j)
				message := path + ": " + strictyaml.Quote(role) + " is not declared under roles"
				if near := c.Nearest(role, names); near != "" {
					message += ": did you mean " + strictyaml.Quote(near) + "?"
				}
				c.add(path, "%s", message)
			}
		}
	}
}

// privileged checks that only capabilities have capabilities.
func (c *checker) privileged(d *Declaration) {
	for i, p := range d.Privileged {
		if len(p.Capabilities) > 0 && p.Mechanism != "capability" && p.Mechanism != "" {
			path := fmt.Sprintf("privileged[%d].capabilities", i)
			c.add(path, "%s: the mechanism is %s; capabilities are a program of their own in the list, with mechanism capability", path, strictyaml.Quote(p.Mechanism))
		}
	}
}

// documents checks that each document is one file that is there.
func (c *checker) documents(d *Declaration) {
	var ids []string
	known := map[string]bool{}
	for _, a := range d.Artifacts {
		ids = append(ids, a.ID)
		known[a.ID] = true
	}
	for i, doc := range d.Documents {
		path := fmt.Sprintf("documents[%d]", i)
		switch {
		case doc.Path == "" && doc.Artifact == "":
			c.add(path, "%s: missing key \"path\" or \"artifact\"", path)
		case doc.Path != "" && doc.Artifact != "":
			c.add(path+".artifact", "%s: either path or artifact, not both", path)
		case doc.Artifact != "" && !known[doc.Artifact]:
			message := path + ".artifact: no artifact has the id " + strictyaml.Quote(doc.Artifact)
			if near := c.Nearest(doc.Artifact, ids); near != "" {
				message += ": did you mean " + strictyaml.Quote(near) + "?"
			}
			c.add(path+".artifact", "%s", message)
		}
	}
}
