package seal

import (
	"errors"
	"strings"
	"testing"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/statement"
)

func TestDisclose(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.seal(router)
	p, _ := router.plan()
	finding := digestOf("finding", router.run)
	d, err := Disclose(t.Context(), l.Lab, p, Selection{Fingerprint: finding[:8], To: "age1xyz"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Disclose(t.Context(), l.Lab, p, Selection{Fingerprint: finding, To: "age1xyz"})
	if err != nil || again.Leaf() != d.Leaf() || l.count()[statement.TypeDisclosure] != 1 {
		t.Errorf("opened again: %v, %d acts", err, l.count()[statement.TypeDisclosure])
	}
	verdict, err := Disclose(t.Context(), l.Lab, p, Selection{Requirement: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Leaf() == d.Leaf() {
		t.Error("the verdict is the finding")
	}
	attached, err := Refresh(t.Context(), l.Lab, s.ID, 0, d, verdict)
	if err != nil {
		t.Fatal(err)
	}
	r := l.verify(attached)
	if r.Word != credential.ValidUnwitnessed || len(r.Facts.Disclosures) != 2 {
		t.Errorf("%s %v, opened %v", r.Word, r.Reasons, r.Facts.Disclosures)
	}
	if plain, err := d.Bytes(); err != nil || strings.Contains(string(plain), `"requirement":"1"`) {
		t.Errorf("an opening shows another item: %s", plain)
	}
	for what, c := range map[string]struct {
		s    Selection
		want error
	}{
		"no such finding":     {Selection{Fingerprint: "0123456789abcdef"}, ErrUnknown},
		"no such requirement": {Selection{Requirement: "9"}, ErrUnknown},
		"no such scheme":      {Selection{Scheme: "b", Requirement: "1"}, ErrUnknown},
	} {
		if _, err := Disclose(t.Context(), l.Lab, p, c.s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	l.seal(router, func(o *Options) { o.Profile = "artifact" })
	if _, err := Disclose(t.Context(), l.Lab, p, Selection{Requirement: "1"}); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("sealed twice: %v", err)
	}
	for _, profile := range []string{"artifact"} {
		if _, err := Disclose(t.Context(), l.Lab, p, Selection{Requirement: "1", Profile: profile}); err != nil {
			t.Error(err)
		}
	}
	// A dossier that was not sealed, and one that holds something else than what was sealed.
	other, _ := release{product: "x", version: "1", image: "x", run: "x"}.plan()
	if _, err := Disclose(t.Context(), l.Lab, other, Selection{Requirement: "1"}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	p.Schemes[0].Items[0] = strings.Replace(p.Schemes[0].Items[0], "pass", "fail", 1)
	if _, err := Disclose(t.Context(), l.Lab, p, Selection{Requirement: "1", Profile: "artifact"}); err == nil {
		t.Error("a verdict was opened that was not sealed")
	}
}
