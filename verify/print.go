package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/statement"
)

// printer writes to a terminal, or to what may end on one.
type printer struct{ w io.Writer }

// text writes our own words.
func (p printer) text(s string) { _, _ = io.WriteString(p.w, s) } // a reader that has gone needs no answer

// line writes one line, whatever the arguments hold.
func (p printer) line(format string, args ...any) { p.text(clean(fmt.Sprintf(format, args...)) + "\n") }

// clean escapes what a terminal would obey or a reader would not see: control characters, line ends, marks of direction, bytes that are no UTF-8.
func clean(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(r):
			b.WriteString(s[:n])
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// json writes a value for programs. What JSON leaves alone and a terminal would not is escaped as well.
func (p printer) json(v any) error {
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	var b strings.Builder
	for _, r := range raw.String() {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	p.text(b.String())
	return nil
}

type resultJSON struct {
	*credential.Result
	Equivocation string `json:"equivocation,omitempty"`
}

func jsonResult(r *credential.Result) any {
	x := resultJSON{Result: r}
	if r.Equivocation != nil {
		x.Equivocation = string(r.Equivocation.Bytes())
	}
	return x
}

// result says who, what was checked and what was not; the word stands first.
func (p printer) result(r *credential.Result) {
	p.line("%s%s", r.Word, meaning(r))
	for _, x := range r.Reasons {
		p.line("  %s: %s: %s", x.Word, x.Where, x.Text)
	}
	f := r.Facts
	if f == nil {
		return
	}
	if !r.Word.Authentic() {
		p.line("")
		p.line("It says of itself, and nothing here shows that it is true:")
	}
	p.line("")
	p.facts(f)
	p.items("Checked", r.Checked)
	p.items("Not checked", r.NotChecked)
	p.line("")
	t, pinned := f.Trust, "your trust file"
	if !t.Pinned {
		pinned = "the copy in the zip, which nobody vouches for"
	}
	p.line("Root keys (%s, version %d):", pinned, t.Version)
	p.line("  %s", t.Fingerprint)
}

// meaning explains the words that are most often misread.
func meaning(r *credential.Result) string {
	switch r.Word {
	case credential.Valid:
		return ": the lab said this, and it stands; what it found is below"
	case credential.NotPinned:
		return ": nothing says whose word this is"
	case credential.ValidStale, credential.ValidUnwitnessed:
		return ": the lab said this, with a reservation"
	}
	return ""
}

func (p printer) items(title string, items []string) {
	if len(items) == 0 {
		return
	}
	p.line("")
	p.line("%s", title)
	for _, i := range items {
		p.line("  %s", i)
	}
}

func (p printer) facts(f *credential.Facts) {
	p.line("%-10s %s", "Release", release(f.Release))
	for _, s := range f.Subjects {
		p.line("%-10s %s sha256:%s", "", s.Name, s.SHA256)
	}
	p.line("%-10s %s, run by %s, %s", "Lab", f.Lab.Name, f.Lab.Operator, independence(f.Lab.Independence))
	if c := f.CallsLab; c != nil {
		p.line("%-10s the credential calls it %q, run by %q", "", c.Name, c.Operator)
	}
	p.line("%-10s %s", "", observation(f.Observation))
	p.line("%-10s %s %s (sha256:%.12s): %s", "Scheme", f.Policy.Scheme, f.Policy.Edition, f.Policy.Digest, tally(f.Counts))
	if f.Profile != nil {
		p.line("%-10s %s: %s", "Profile", f.Policy.Profile, tally(*f.Profile))
	}
	p.line("%-10s %s at attempt %d, judged as of %s; %d acts in the case; %d things could not be observed", "Outcome", f.Outcome, f.Attempts, f.JudgedAsOf, f.CaseLength, f.Unobserved)
	for _, r := range f.Risks {
		p.line("%-10s %s, accepted by %s %s%s until %s", "Risk", r.Requirement, r.By.Class, r.By.Name, attested(r.By), r.Until)
	}
	p.line("%-10s %s to %s", "Valid", f.ValidFrom, f.ValidUntil)
	if f.Status != nil {
		p.line("%-10s number %d of %s", "Status", f.Status.Sequence, f.Status.Time)
	}
	for _, w := range f.Witnesses {
		p.line("%-10s %s of %s at %s", "Witness", w.Name, w.Organisation, w.Time)
	}
	for _, d := range f.Disclosures {
		p.line("%-10s %s", "Disclosed", d.Item)
	}
}

func release(r statement.Release) string {
	if r.Product == "" {
		return "without a declaration"
	}
	s := strings.TrimSpace(r.Product + " " + r.Version + r.Period)
	if r.Vendor != "" {
		s += " by " + r.Vendor
	}
	return s
}

func tally(t credential.Tally) string {
	return fmt.Sprintf("%d pass, %d fail, %d inconclusive, %d not assessed, %d not applicable, of %d", t.Pass, t.Fail, t.Inconclusive, t.NotAssessed, t.NotApplicable, t.Of)
}

func independence(i statement.Independence) string {
	switch i {
	case statement.Self:
		return "the vendor's own (self)"
	case statement.Contracted:
		return "paid by the vendor (contracted)"
	}
	return "independent of the vendor (independent)"
}

func observation(o statement.Observation) string {
	if o == statement.ObservedHere {
		return "observed the product itself"
	}
	return "judged facts that it received; others observed the product"
}

func attested(a statement.Actor) string {
	if a.Proof == statement.Attested {
		return " (ATTESTED-BY-LAB)"
	}
	return ""
}
