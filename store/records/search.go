package records

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/probat-lab/probat/access"
)

// Words are by what something is found. Level is what a viewer needs to find it; what has a Dossier is found while that dossier counts.
type Words struct {
	Text, Kind, Ref, Release, Dossier string
	Level                             access.Level
}

// AddWords makes something findable.
func AddWords(ctx context.Context, tx *sql.Tx, x Words) error {
	text := storable(x.Text)
	_, err := tx.ExecContext(ctx, `INSERT INTO words (text, folded, kind, ref, release_id, dossier_id, level) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		text, fold(text), x.Kind, storable(x.Ref), x.Release, x.Dossier, int(x.Level))
	return err
}

// fold makes of a text what is compared: letter by letter in lower case, which is the same on both databases.
func fold(s string) string { return strings.Map(unicode.ToLower, s) }

// Hit is something that was found by words.
type Hit struct {
	Kind, Ref, Release, Text string
	Level                    access.Level // which a viewer needs to find it
}

const (
	// gram is how many letters a part of a search must have for an index to find it.
	gram = 3
	// mostParts bounds the parts of one search.
	mostParts = 8
)

// Search finds what the viewer may find and what holds each part of a text between blanks, in capitals or not, at most most things: names of
// releases first, then as they were written. What has no part of three letters finds names of releases only.
func (w *View) Search(ctx context.Context, text string, most int) ([]Hit, error) {
	parts := strings.Fields(fold(storable(text)))
	if len(parts) == 0 {
		return nil, nil
	}
	if len(parts) > mostParts {
		parts = parts[:mostParts]
	}
	where, args := w.r.holds(parts)
	return read(ctx, w, scanHit, `SELECT x.kind, x.ref, x.release_id, x.text, x.level FROM words x JOIN releases r ON r.id = x.release_id
		JOIN visible v ON v.release_id = x.release_id AND v.level >= x.level
		WHERE (x.dossier_id = '' OR x.dossier_id = r.dossier_id)`+where+fmt.Sprintf(` ORDER BY x.level, x.id LIMIT ?%d`, len(args)+1), append(args, most)...)
}

func scanHit(scan func(...any) error, h *Hit) error {
	return scan(&h.Kind, &h.Ref, &h.Release, &h.Text, &h.Level)
}

// holds is the condition that words hold all parts. On SQLite, the index of three letters each finds candidates, and the text itself decides; on
// PostgreSQL, LIKE does both.
func (r *Records) holds(parts []string) (where string, args []any) {
	var match []string
	for _, p := range parts {
		if utf8.RuneCountInString(p) >= gram {
			match = append(match, `"`+strings.ReplaceAll(p, `"`, `""`)+`"`)
		}
		if r.lite() {
			args = append(args, p)
			where += fmt.Sprintf(` AND instr(x.folded, ?%d) > 0`, len(args))
		} else {
			args = append(args, "%"+likeEscape.Replace(p)+"%")
			where += fmt.Sprintf(` AND x.folded LIKE ?%d`, len(args))
		}
	}
	switch {
	case len(match) == 0:
		where += ` AND x.level = 1`
	case r.lite():
		args = append(args, strings.Join(match, " AND "))
		where += fmt.Sprintf(` AND x.id IN (SELECT rowid FROM words_folded WHERE words_folded MATCH ?%d)`, len(args))
	}
	return where, args
}

// likeEscape takes their meaning from the signs that have one in LIKE.
var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
