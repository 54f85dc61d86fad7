package portal

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/store/records"
)

// NewLink makes a one-time link: only its digest is kept.
func NewLink(ctx context.Context, r *records.Records, origin string, l records.Link) (string, error) {
	text, digest := signin.NewSecret(signin.Link)
	err := r.Tx(ctx, func(tx *sql.Tx) error { return r.AddLink(ctx, tx, digest, l) })
	return origin + "/link/" + text, err
}

// NewToken makes a token: only its digest is kept.
func NewToken(ctx context.Context, r *records.Records, person, label string, scope access.Scope, during time.Duration) (tokenAnswer, error) {
	text, digest := signin.NewSecret(signin.Token)
	now := time.Now()
	t := records.Token{ID: records.NewID(), Person: person, Label: label, Scope: scope, Created: now, Expires: now.Add(during)}
	err := r.Tx(ctx, func(tx *sql.Tx) error { return r.AddToken(ctx, tx, digest, t) })
	return tokenAnswer{t.ID, text}, err
}

func writeJSON(w http.ResponseWriter, v any) error { return json.NewEncoder(w).Encode(v) }
