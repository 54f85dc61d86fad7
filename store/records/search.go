package records

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
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
// releases first, then the rest, each as they were written. What has no part of three letters finds names of releases only.
func (w *View) Search(ctx context.Context, text string, most int) (list []Hit, err error) {
	parts := strings.Fields(fold(storable(text)))
	if len(parts) == 0 {
		return nil, nil
	}
	if len(parts) > mostParts {
		parts = parts[:mostParts]
	}
	holds, args := w.r.holds(parts)
	err = w.look(ctx, func(tx *sql.Tx) error {
		list, err = w.hits(ctx, tx, `words x`, `x.level = 1`+holds, `x.id`, args, most)
		if err != nil || len(list) >= most || !slices.ContainsFunc(parts, hasGram) {
			return err
		}
		from, where, order := `words x`, `x.level > 1`+holds, `x.id`
		if w.r.lite() {
			// CROSS JOIN keeps the index first: it gives candidates in the order that is wanted, so that whoever wants few of many stops early.
			args = append(args, matching(parts))
			from, order = `words_folded CROSS JOIN words x ON x.id = words_folded.rowid`, `words_folded.rowid`
			where += fmt.Sprintf(` AND words_folded MATCH ?%d`, len(args))
		}
		rest, err := w.hits(ctx, tx, from, where, order, args, most-len(list))
		list = append(list, rest...)
		return err
	})
	return list, err
}

func (w *View) hits(ctx context.Context, tx *sql.Tx, from, where, order string, args []any, most int) ([]Hit, error) {
	args = append(slices.Clip(args), most)
	return readIn(ctx, w, tx, scanHit, `SELECT x.kind, x.ref, x.release_id, x.text, x.level FROM `+from+` JOIN releases r ON r.id = x.release_id
		JOIN visible v ON v.release_id = x.release_id AND v.level >= x.level
		WHERE (x.dossier_id = '' OR x.dossier_id = r.dossier_id) AND `+where+` ORDER BY `+order+fmt.Sprintf(` LIMIT ?%d`, len(args)), args...)
}

func scanHit(scan func(...any) error, h *Hit) error {
	return scan(&h.Kind, &h.Ref, &h.Release, &h.Text, &h.Level)
}

// holds is the condition that words hold all parts. LIKE on SQLite would know capitals of its own, and on PostgreSQL nothing but LIKE has an index.
func (r *Records) holds(parts []string) (where string, args []any) {
	for i, p := range parts {
		if r.lite() {
			args = append(args, p)
			where += fmt.Sprintf(` AND instr(x.folded, ?%d) > 0`, i+1)
		} else {
			args = append(args, "%"+likeEscape.Replace(p)+"%")
			where += fmt.Sprintf(` AND x.folded LIKE ?%d`, i+1)
		}
	}
	return where, args
}

// hasGram says whether an index of three letters each can find a part.
func hasGram(part string) bool { return utf8.RuneCountInString(part) >= gram }

// matching is what SQLite's index is asked for: candidates, among which the text itself decides.
func matching(parts []string) string {
	var match []string
	for _, p := range parts {
		if hasGram(p) {
			match = append(match, `"`+strings.ReplaceAll(p, `"`, `""`)+`"`)
		}
	}
	return strings.Join(match, " AND ")
}

// likeEscape takes their meaning from the signs that have one in LIKE.
var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
