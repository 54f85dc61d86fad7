package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

func (s *Server) statementPages(mux *http.ServeMux) {
	s.page(mux, "/statements/{statement}", s.statement)
	mux.HandleFunc("GET /statements/{statement}/envelope", func(w http.ResponseWriter, r *http.Request) {
		id, _, err := s.said(r)
		if err == nil {
			var e []byte
			if e, err = s.envelope(r, id); err == nil {
				download(w, "statement.json", "application/json", e)
				return
			}
		}
		s.refuse(w, r, err)
	})
}

// said finds a statement that the reader may read.
func (s *Server) said(r *http.Request) (statement.ID, records.Said, error) {
	id, err := statement.ParseID(r.PathValue("statement"))
	if err != nil {
		return id, records.Said{}, records.ErrNotFound
	}
	x, err := s.Desk.As(callerOf(r.Context()).Viewer).Statement(r.Context(), id.String())
	return id, x, err
}

func (s *Server) envelope(r *http.Request, id statement.ID) ([]byte, error) {
	e, err := s.Desk.Lab.Ledger.Statement(r.Context(), id)
	if err != nil {
		return nil, err
	}
	if e.Envelope == nil {
		return nil, records.ErrNotFound // erased
	}
	return e.Envelope.Bytes(), nil
}

func (s *Server) statement(r *http.Request, _ caller) (templ.Component, error) {
	id, x, err := s.said(r)
	if err != nil {
		return nil, err
	}
	e, err := s.Desk.Lab.Ledger.Statement(r.Context(), id)
	if err != nil {
		return nil, err
	}
	v := page.Statement{
		Shell: s.shell(r, "Statement", "/ledger"), Kind: x.Kind, About: page.Link{Text: "its release", URL: "/releases/" + x.Release}, Digest: id.String(), Seal: s.seal(id.String(), e.Index),
		SignedBy: "the lab's ledger key", Downloads: []page.Link{{Text: "the signed envelope", URL: "/statements/" + id.String() + "/envelope"}},
		Proof: []page.Pair{{Name: "Leaf", Value: fmt.Sprint(e.Index)}},
	}
	if e.Envelope == nil {
		v.Facts = append(v.Facts, page.Pair{Name: "Content", Value: "erased; the leaf stays"})
		return v.Page(), nil
	}
	st, err := e.Envelope.Open()
	if err != nil {
		return nil, err
	}
	if a := st.Predicate.Common(); a != nil {
		v.When, _ = statement.ParseTime(a.Time) // of a statement that parsed
		v.Facts = append(v.Facts, page.Pair{Name: "Actor", Value: a.Actor.Name}, page.Pair{Name: "Person", Value: a.Actor.Person}, page.Pair{Name: "Known by", Value: string(a.Actor.Proof)})
	}
	var b bytes.Buffer
	if err := json.Indent(&b, e.Envelope.Payload, "", "  "); err != nil {
		return nil, err
	}
	v.JSON = b.String()
	return v.Page(), nil
}

// statementOf is a statement for programs. Who may read it was asked before.
func (s *Server) statementOf(ctx context.Context, text string) (statementAnswer, error) {
	id, err := statement.ParseID(text)
	if err != nil {
		return statementAnswer{}, records.ErrNotFound
	}
	e, err := s.Desk.Lab.Ledger.Statement(ctx, id)
	if err != nil {
		return statementAnswer{}, err
	}
	a := statementAnswer{ID: text, Leaf: e.Index}
	if e.Envelope != nil {
		a.Envelope = e.Envelope.Bytes()
	}
	return a, nil
}

func reader(data []byte) io.Reader { return bytes.NewReader(data) }
