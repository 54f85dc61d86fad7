package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/portal/page"
)

func (s *Server) evidencePages(mux *http.ServeMux) {
	s.page(mux, "/releases/{release}/evidence", func(r *http.Request, c caller) (templ.Component, error) { return s.evidence(r, c, "") })
	mux.HandleFunc("POST /releases/{release}/evidence", func(w http.ResponseWriter, r *http.Request) {
		s.secret(w, r, func() (templ.Component, error) {
			reason := strings.TrimSpace(r.PostFormValue("reason"))
			if reason == "" {
				return nil, &desk.InvalidError{Field: "reason", Text: "say why"}
			}
			return s.evidence(r, callerOf(r.Context()), reason)
		})
	})
}

// evidenceURL leads to bytes of a file.
func evidenceURL(release, address string, from, to int64) string {
	u := "/releases/" + release + "/evidence?at=" + queryEscape(address)
	if to > from {
		u += fmt.Sprintf("&from=%d&to=%d", from, to)
	}
	return u
}

// lead is how many bytes before those that are asked for are shown.
const lead = 256

// evidence shows bytes of a file: as text, hex or JSON. reason unmasks them, once.
func (s *Server) evidence(r *http.Request, c caller, reason string) (templ.Component, error) {
	q := r.URL.Query()
	from, _ := strconv.ParseInt(q.Get("from"), 10, 64) // anything else is the beginning
	to, _ := strconv.ParseInt(q.Get("to"), 10, 64)
	v := desk.View{Address: q.Get("at"), Offset: max(0, from-lead), Reason: reason}
	if to > from {
		v.Length = to + lead - v.Offset
	}
	x, err := s.Desk.As(c.Viewer).Release(r.Context(), r.PathValue("release"))
	if err != nil {
		return nil, err
	}
	n, data, err := s.Desk.File(r.Context(), c.Who, x.ID, v)
	if err != nil {
		return nil, err
	}
	p := page.Evidence{
		Shell: s.shell(r, path.Base(n.Address), "/products"), Product: x.Product.Name, Release: x.Name, ReleaseURL: "/releases/" + x.ID, Title: path.Base(n.Address),
		Address: n.Address, NodeURL: nodeURL(x, n.Address), Digest: n.Content, Size: data.Size, From: data.Offset, To: data.Offset + int64(len(data.Data)), Whole: data.Size,
		Jump: "/releases/" + x.ID + "/evidence", Keep: []page.Pair{{Name: "at", Value: n.Address}},
	}
	here := evidenceURL(x.ID, n.Address, from, to)
	view := q.Get("view")
	if view == "" {
		view = "text"
		if !utf8.Valid(bytes.TrimRight(data.Data, "\x00")) && bytes.IndexByte(data.Data, 0) >= 0 {
			view = "hex"
		}
	}
	for _, k := range []string{"text", "hex", "json"} {
		if k != "json" || json.Valid(data.Data) {
			p.Views = append(p.Views, page.Link{Text: k, URL: here + "&view=" + k, Current: k == view})
		}
	}
	show(&p, view, data, from, to)
	for _, m := range data.Masked {
		if w := strings.ReplaceAll(m.Why, "-", " "); !strings.Contains(strings.Join(p.Mask, ","), w) {
			p.Mask = append(p.Mask, w)
		}
	}
	switch {
	case reason != "":
		p.Unmasked = c.PersonName + ": " + reason
	case len(data.Masked) > 0 && s.Desk.Policies.May(c.Viewer, access.Unmask, x.Object()):
		f := page.UnmaskForm(here)
		p.Unmask = &f
	}
	return p.Page(), nil
}

func show(p *page.Evidence, view string, data *outline.Range, from, to int64) {
	masked := func(at int64) string {
		for _, m := range data.Masked {
			if at >= m.Offset && at < m.Offset+m.Length {
				return strings.ReplaceAll(m.Why, "-", " ")
			}
		}
		return ""
	}
	switch view {
	case "hex":
		for i := 0; i < len(data.Data); i += 16 {
			row := page.HexRow{Offset: data.Offset + int64(i)}
			for j := i; j < min(i+16, len(data.Data)); j++ {
				at := data.Offset + int64(j)
				row.Bytes = append(row.Bytes, page.HexByte{Value: data.Data[j], Masked: masked(at) != "", Hit: at >= from && at < to})
			}
			p.Hex = append(p.Hex, row)
		}
	case "json":
		var b bytes.Buffer
		if json.Indent(&b, data.Data, "", "  ") == nil {
			p.JSON = b.String()
		}
	default:
		p.Lines = textLines(data, from, to, masked)
	}
}

// mostLines is how many lines a view shows.
const mostLines = 200

func textLines(data *outline.Range, from, to int64, masked func(int64) string) []page.TextLine {
	var lines []page.TextLine
	at := data.Offset
	for line := range bytes.Lines(data.Data) {
		if len(lines) == mostLines {
			break
		}
		row := page.TextLine{Hit: at < to && at+int64(len(line)) > from}
		if data.Line > 0 {
			row.No = int(data.Line) + len(lines)
		}
		text := bytes.TrimRight(line, "\n")
		for start := 0; start < len(text); {
			why, end := masked(at+int64(start)), start+1
			for end < len(text) && masked(at+int64(end)) == why {
				end++
			}
			row.Parts = append(row.Parts, page.TextPart{Text: strings.ToValidUTF8(string(text[start:end]), "\ufffd"), Masked: why})
			start = end
		}
		lines = append(lines, row)
		at += int64(len(line))
	}
	return lines
}
