package product

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestView(t *testing.T) {
	got := fullDeclaration().View()
	want := map[string]any{
		"kind":      "equipment",
		"classes":   []any{"network-product", "router"},
		"artifacts": []any{map[string]any{"sha256": true, "role": "image"}, map[string]any{}},
		"services": []any{map[string]any{
			"name": "ssh", "program": "/usr/sbin/sshd", "protocol": "tcp", "port": int64(22), "address": "*", "interface": "mgmt0", "reach": "some",
			"plane": "management", "purpose": true, "transport_security": "ssh", "authenticated": true,
		}},
		"accounts": []any{map[string]any{
			"name": "admin", "application": "webd", "purpose": true, "interactive": true, "remote": true, "privileged": true,
			"predefined": true, "forced_change": false, "authentication": []any{"password", "public-key"}, "roles": []any{"operator"},
		}},
		"roles": []any{map[string]any{"name": "operator", "purpose": true, "operations": true}},
		"privileged": []any{map[string]any{
			"path": "/bin/ping", "mechanism": "capability", "capabilities": []any{"cap_net_raw"}, "authenticated": false, "reason": true,
		}},
		"software": []any{map[string]any{"name": "openssh-server", "version": "1:9.2p1-2", "purpose": true, "supported_until": "2028-06-30"}},
		"crypto": []any{map[string]any{
			"protocol": "ssh", "versions": []any{"2.0"}, "kex": []any{"curve25519-sha256"}, "ciphers": []any{"aes256-gcm@openssh.com"},
			"macs": []any{}, "host_keys": []any{"ssh-ed25519"}, "signatures": []any{"ssh-ed25519"},
		}},
		"functions": []any{map[string]any{"id": "web-management", "enabled": true, "purpose": true}},
		"logs":      []any{map[string]any{"path": "/var/log", "purpose": true}},
		"web": map[string]any{
			"programs": []any{"webd"}, "user": "www", "roots": []any{"/srv/www"}, "cgi_dirs": []any{}, "upload_dirs": []any{"/srv/up"},
			"config_files": []any{"/etc/webd.conf"}, "add_ons": []any{"auth"}, "methods": []any{"GET", "POST"},
		},
		"support": map[string]any{"until": "2031-12-31", "security_updates": true, "contact": true, "disclosure_policy": true},
		"documents": []any{
			map[string]any{"answers": []any{map[string]any{"scheme": "ts-33.117", "requirement": "4.2.3.4.3.1", "passage": true, "page": int64(17)}}},
			map[string]any{"answers": []any{}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	roles := (&Declaration{Roles: []Role{{Name: "r", Operations: []string{}}}}).View()["roles"]
	if diff := cmp.Diff([]any{map[string]any{"name": "r", "operations": false}}, roles); diff != "" {
		t.Errorf("a role that permits nothing (-want +got)\n%s", diff)
	}
}

func TestViewPaths(t *testing.T) {
	for in, want := range map[string]string{"/usr/bin/x": "/usr/bin/x", "usr/bin/x": "/usr/bin/x", "./usr/./x/": "/usr/x", "x": "/x", ".": "/", "...": "/..."} {
		if got := treePath(in, "path"); got != want {
			t.Errorf("path %q: got %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"sshd": "sshd", "sbin/sshd": "/sbin/sshd", "/sbin//sshd": "/sbin/sshd"} {
		if got := treePath(in, "program"); got != want {
			t.Errorf("program %q: got %q, want %q", in, got, want)
		}
	}
}

// Whatever else a declaration says, who the vendor is and what the product is called change nothing that a test can read.
func TestViewKnowsNoVendor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDeclaration(t)
		other := *d
		other.Vendor, other.Product = drawText(t, "name"), drawText(t, "name")
		if diff := cmp.Diff(d.View(), other.View()); diff != "" {
			t.Errorf("vendor and product changed the view\n%s", diff)
		}
		const mark = "Zz-vendor-zZ"
		marked := *d
		marked.Vendor, marked.Product = mark, mark
		if marked.Version != "" {
			marked.Version = mark
		}
		for i := range marked.Artifacts {
			marked.Artifacts[i].Path = mark + "/x"
		}
		marked.Schemes = []string{mark}
		for i := range marked.Documents {
			marked.Documents[i].Title = mark
		}
		marked.Support = &Support{Contact: mark, DisclosurePolicy: mark}
		for i := range marked.Services {
			marked.Services[i].Purpose = mark
		}
		if b, _ := json.Marshal(marked.View()); bytes.Contains(b, []byte(mark)) {
			t.Errorf("the view names the vendor: %s", b)
		}
	})
}

// TestFieldsDescribeView walks random views by Fields: nothing is undescribed, and everything is of the type that is said.
func TestFieldsDescribeView(t *testing.T) {
	fields := Fields()
	checkFields(t, fields, "")
	var occurred []string
	rapid.Check(t, func(t *rapid.T) {
		occurred = append(occurred, matchFields(t, fields, anyDeclaration(t).View(), "")...)
	})
	slices.Sort(occurred)
	occurred = slices.Compact(occurred)
	for _, name := range fieldNames(fields, "") {
		if _, found := slices.BinarySearch(occurred, name); !found {
			t.Errorf("%s is described, but was in no view", name)
		}
	}
}

func fieldNames(fields []Field, path string) []string {
	var out []string
	for _, f := range fields {
		out = append(append(out, join(path, f.Name)), fieldNames(f.Fields, join(path, f.Name))...)
	}
	return out
}

func checkFields(t *testing.T, fields []Field, path string) {
	for _, f := range fields {
		name := join(path, f.Name)
		if f.Doc == "" {
			t.Errorf("%s has no description", name)
		}
		if (f.Elem != "") != (f.Type == "list") || (f.Fields != nil) != (f.Type == "object" || f.Elem == "object") {
			t.Errorf("%s is inconsistent: %+v", name, f)
		}
		if slices.Contains([]string{"vendor", "product", "title", "contact"}, f.Name) && f.Type != "bool" {
			t.Errorf("%s can be read", name)
		}
		checkFields(t, f.Fields, name)
	}
}

func matchFields(t *rapid.T, fields []Field, view map[string]any, path string) []string {
	var seen []string
	for key, value := range view {
		name := join(path, key)
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == key })
		if i < 0 {
			t.Fatalf("%s is in the view and not in Fields", name)
		}
		seen = append(seen, name)
		f := fields[i]
		seen = append(seen, matchValue(t, f, f.Type, value, name)...)
	}
	return seen
}

func matchValue(t *rapid.T, f Field, typ string, value any, name string) []string {
	var seen []string
	ok := false
	switch typ {
	case "bool":
		_, ok = value.(bool)
	case "int":
		_, ok = value.(int64)
	case "string":
		var s string
		s, ok = value.(string)
		if f.Values != nil && !slices.Contains(f.Values, s) || f.Format == "path" && f.Name == "path" && !strings.HasPrefix(s, "/") {
			t.Errorf("%s is %q", name, s)
		}
	case "list":
		var list []any
		list, ok = value.([]any)
		for _, item := range list {
			seen = append(seen, matchValue(t, f, f.Elem, item, name)...)
		}
	case "object":
		var object map[string]any
		if object, ok = value.(map[string]any); ok {
			seen = matchFields(t, f.Fields, object, name)
		}
	}
	if !ok {
		t.Errorf("%s: %T is no %s", name, value, typ)
	}
	return seen
}

// anyDeclaration draws a declaration that Parse would accept, by the rules of the types.
func anyDeclaration(t *rapid.T) *Declaration {
	d := &Declaration{}
	drawObject(t, declarationRule(), reflect.ValueOf(d).Elem())
	if d.Kind == KindEquipment || d.Kind == KindSoftware {
		d.Period = ""
		if d.Version == "" {
			d.Version = drawText(t, "name")
		}
		if len(d.Artifacts) == 0 {
			d.Artifacts = nil
		}
	} else if d.Period == "" {
		d.Period = drawText(t, "period")
	}
	for i, a := range d.Accounts {
		if a.Roles != nil {
			d.Accounts[i].Roles = []string{}
			for _, r := range d.Roles {
				d.Accounts[i].Roles = append(d.Accounts[i].Roles, r.Name)
			}
		}
	}
	for i := range d.Privileged {
		if d.Privileged[i].Mechanism != "capability" {
			d.Privileged[i].Capabilities = nil
		}
	}
	for i := range d.Documents {
		doc := &d.Documents[i]
		doc.Artifact = ""
		if doc.Path == "" {
			doc.Path = drawText(t, "below")
		}
		if len(d.Artifacts) > 0 && i%2 == 0 {
			doc.Path, doc.Artifact = "", d.Artifacts[0].ID
		}
	}
	dropRepeated(d)
	if problems := check(d); len(problems) > 0 {
		t.Fatalf("the generator made a declaration that is wrong: %+v", problems)
	}
	return d
}

// dropRepeated shortens the lists in which something stands twice that must be unique, and what refers to the rest.
func dropRepeated(d *Declaration) {
	bad := map[string]bool{}
	for _, p := range check(d) {
		list, _, _ := strings.Cut(p.path, "[")
		bad[list] = true
	}
	v := reflect.ValueOf(d).Elem()
	for _, f := range declarationRule().fields {
		if bad[f.name] && f.list && v.Field(f.index).Len() > 1 {
			v.Field(f.index).Set(v.Field(f.index).Slice(0, 1))
		}
	}
	for i := range d.Accounts {
		if len(d.Roles) < 2 && len(d.Accounts[i].Roles) > 1 {
			d.Accounts[i].Roles = d.Accounts[i].Roles[:1]
		}
	}
	for i := range d.Documents {
		if d.Documents[i].Artifact != "" {
			d.Documents[i].Artifact = d.Artifacts[0].ID
		}
	}
}

func drawObject(t *rapid.T, rule *objectRule, v reflect.Value) {
	for _, f := range rule.fields {
		if !f.required && rapid.Bool().Draw(t, "absent "+f.name) {
			continue
		}
		fv := v.Field(f.index)
		if !f.list {
			drawValue(t, f, fv)
			continue
		}
		n := rapid.IntRange(0, 3).Draw(t, "length of "+f.name)
		fv.Set(reflect.MakeSlice(fv.Type(), 0, n))
		for range n {
			item := reflect.New(fv.Type().Elem()).Elem()
			drawValue(t, f, item)
			if f.kind == kindString && slices.ContainsFunc(fv.Interface().([]string), func(s string) bool { return s == item.String() }) {
				continue
			}
			fv.Set(reflect.Append(fv, item))
		}
	}
}

func drawValue(t *rapid.T, f *fieldRule, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch f.kind {
	case kindObject:
		drawObject(t, f.object, v)
	case kindBool:
		v.SetBool(rapid.Bool().Draw(t, f.name))
	case kindInt:
		v.SetInt(rapid.Int64Range(f.min, f.max).Draw(t, f.name))
	case kindString:
		if f.enum != nil {
			v.SetString(rapid.SampledFrom(f.enum).Draw(t, f.name))
		} else {
			v.SetString(drawText(t, f.format))
		}
	}
}

// drawText draws a string of a format: of what looks like YAML as often as of anything else.
func drawText(t *rapid.T, name string) string {
	var g *rapid.Generator[string]
	switch name {
	case "", "prose", "name", "path", "program", "below":
		g = rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("a b:#-?[]{},&*!|>'\"%@`~\\/.0é\u00a0\u2003😀<="))), rapid.SampledFrom([]string{
			"null", "~", "true", "No", "on", "0x1f", "1.0", "-1", ".inf", "2026-01-01", "- a", "a: b", "a #b", "<<", "=", "---", "...", "%61", "\"", "'", "\\", "é", "a\tb", "x\ny", "\ufeff", "\u200b", "\\x41",
		}))
	case "date":
		g = rapid.StringMatching(`20[0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])`)
	case "period":
		g = rapid.StringMatching(`2[0-9]{3}(-(Q[1-4]|H[12]|0[1-9]|1[0-2]))?`)
	default:
		g = rapid.StringMatching(strings.ReplaceAll(formats()[name].pattern, "*$", "{0,40}$"))
	}
	return g.Filter(func(s string) bool { return s != "" && wrongFormat(name, s) == "" }).Draw(t, name)
}
