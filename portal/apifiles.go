package portal

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/store/records"
)

type heldView struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"`
	Size   int64  `json:"size"`
	URL    string `json:"url" doc:"Where it is downloaded"`
}

// maxShownHeld bounds what is downloaded at once of what a release holds, in bytes: evidence and documents, never artifacts.
const maxShownHeld = 64 << 20

func (s *Server) apiFiles(api huma.API) {
	d := s.Desk
	op(s, api, "GET", "/releases/{release_id}/held", "Evidence and documents of a release", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Kind string `query:"kind" enum:"evidence,document,artifact" default:"evidence"`
	},
	) (list[heldView], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[heldView]{}, err
		}
		rows, err := d.As(w.Viewer).Held(ctx, in.ID, in.Kind, "")
		var out []heldView
		for _, h := range rows {
			v := heldView{ID: h.ID, Kind: h.Kind, Name: h.Name, Size: h.Size}
			if h.Kind == records.HeldArtifact {
				v.Parent = h.Parent
			} else {
				v.URL = s.site.Origin + "/held/" + h.ID
			}
			out = append(out, v)
		}
		return items(out), err
	})
	op(s, api, "POST", "/releases/{release_id}/evidence", "Keep a piece of evidence", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		OnceKey
		Body struct {
			Name    string `json:"name"`
			Content []byte `json:"content" doc:"Base64"`
		}
	},
	) (idAnswer, error) {
		id, err := s.once(ctx, w, in.Key, "evidence "+in.ID, func() (string, error) {
			h, err := d.AddEvidence(ctx, w, in.ID, in.Body.Name, reader(in.Body.Content))
			return h.ID, err
		})
		return idAnswer{id}, err
	})
	op(s, api, "POST", "/releases/{release_id}/file", "Bytes of a file in a release, secrets masked unless there is a reason, which the owner sees", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Body struct {
			Address string `json:"address"`
			Offset  int64  `json:"offset,omitempty" minimum:"0"`
			Length  int64  `json:"length,omitempty" minimum:"0"`
			Reason  string `json:"reason,omitempty"`
		}
	},
	) (*outline.Range, error) {
		b := in.Body
		_, x, err := d.File(ctx, w, in.ID, desk.View{Address: b.Address, Offset: b.Offset, Length: b.Length, Reason: b.Reason})
		return x, err
	})
	op(s, api, "GET", "/releases/{release_id}/dossiers/{dossier_id}/reports/{format}", "A report of a dossier, as text", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Dossier string `path:"dossier_id"`
		Format  string `path:"format" enum:"html,sarif,json,csv"`
	},
	) (reportAnswer, error) {
		data, err := d.Report(ctx, w, in.ID, in.Dossier, in.Format)
		return reportAnswer{in.Format, data}, err
	})
	op(s, api, "POST", "/releases/{release_id}/dossiers", "Bring your own dossier: a zip that was uploaded", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		OnceKey
		Body struct {
			Upload string `json:"upload_id"`
		}
	},
	) (idAnswer, error) {
		id, err := s.once(ctx, w, in.Key, "dossier "+in.ID, func() (string, error) { return d.Bring(ctx, w, in.ID, in.Body.Upload) })
		return idAnswer{id}, err
	})
	op(s, api, "GET", "/statements/{statement_id}", "A statement that you may read, as its signed envelope", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID string `path:"statement_id"`
	},
	) (statementAnswer, error) {
		if _, err := d.As(w.Viewer).Statement(ctx, in.ID); err != nil {
			return statementAnswer{}, err
		}
		return s.statementOf(ctx, in.ID)
	})
}

type reportAnswer struct {
	Format  string `json:"format"`
	Content []byte `json:"content" doc:"Base64"`
}

type statementAnswer struct {
	ID       string `json:"id"`
	Leaf     int64  `json:"leaf"`
	Envelope []byte `json:"envelope,omitempty" doc:"DSSE, base64; absent once its content was erased"`
}

// held downloads evidence and documents: as attachments, whatever they are.
func (s *Server) held(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	if !c.Known() {
		s.refuse(w, r, records.ErrNotFound)
		return
	}
	data, h, err := s.Desk.Held(r.Context(), c.Who, r.PathValue("held"), maxShownHeld)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	download(w, h.Name, "application/octet-stream", data)
}
