package seal

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// rows are what the tables of seal must hold, as follows from the statements: by table, then by the row's key.
type rows struct {
	want   map[string]map[string]string
	issued map[string]*issued
	digest map[string]string // of dossiers, by the statement about them
	basis  map[string]*basis // statements that credentials rest on, by identity
	places map[statement.StatusPlace]bool
	states map[string][]string // of series: their lists as they stood since the last status statement, the last one now; nil where nobody compares
	open   map[string]bool     // tables of which not all can be told, because statements were erased
}

// issued is a credential and what became of it.
type issued struct {
	leaf             int64
	caseID, verdicts string
	observation      statement.Observation
	declared         bool
	subjects         []statement.Subject
	policy           statement.Policy
	place            statement.StatusPlace
	marks
}

// queries of the tables; the first columns are the key, as many as keys says.
var tables = map[string]struct {
	query string
	keys  int
}{
	"attempts":    {`SELECT case_id, scheme, attempt, submission FROM attempts`, 3},
	"credentials": {`SELECT id, leaf, case_id, scheme, profile, verdicts, series, place, revoked, suspended, superseded FROM credentials`, 1},
	"notices":     {`SELECT id, credential, answer_by, answer FROM notices`, 1},
	"registers":   {`SELECT upto, id FROM registers`, 1},
	"secrets":     {`SELECT verdicts, scheme, profile, dossier FROM secrets`, 1},
	"series":      {`SELECT id, sequence, status FROM series WHERE status IS NOT NULL`, 1},
}

func newRows() *rows {
	r := &rows{
		want: map[string]map[string]string{}, issued: map[string]*issued{}, digest: map[string]string{}, open: map[string]bool{}, basis: map[string]*basis{},
		places: map[statement.StatusPlace]bool{},
	}
	for name := range tables {
		r.want[name] = map[string]string{}
	}
	return r
}

// put says what a row must hold; keep leaves an earlier word on the same key.
func (r *rows) put(table string, keep bool, columns ...any) {
	n := tables[table].keys
	key := text(columns[:n])
	if _, there := r.want[table][key]; !there || !keep {
		r.want[table][key] = text(columns[n:])
	}
}

func text(columns []any) string {
	var words []string
	for _, c := range columns {
		if b, ok := c.([]byte); ok {
			c = string(b)
		}
		words = append(words, fmt.Sprintf("%v", c))
	}
	return strings.Join(words, " ")
}

// tableOf says which table a type of statement has its row in.
var tableOf = map[string]string{
	statement.TypeSubmission: "attempts", statement.TypeCredential: "credentials", statement.TypeChange: "credentials", statement.TypeNotice: "notices",
	statement.TypeAnswer: "notices", statement.TypeDossier: "secrets", statement.TypeRegister: "registers", statement.TypeVerdicts: "secrets", statement.TypeStatus: "series",
}

// take learns from the next entry.
func (r *rows) take(e ledger.Entry) error {
	table, ok := tableOf[typeOf(e)]
	if !ok {
		return nil
	}
	if e.Envelope == nil {
		r.open[table] = true
		return nil
	}
	s, err := e.Envelope.Open()
	if err != nil {
		return err
	}
	id := e.ID.String()
	switch p := s.Predicate.(type) {
	case *statement.Submission:
		r.put(table, true, e.Case, p.Policy.Scheme, p.Attempt, id) // one that judges anew is the same attempt
	case *statement.Verdicts:
		r.basis[id] = &basis{s, e.Case}
		r.put(table, false, id, p.Policy.Scheme, p.Policy.Profile, r.digest[p.Dossier])
	case *statement.Dossier:
		r.basis[id] = &basis{s, e.Case}
		r.digest[id] = p.Dossier
	case *statement.Credential:
		k := &p.Core
		c := &issued{
			leaf: e.Index, caseID: e.Case, policy: k.Policy, place: k.Status, observation: k.Observation, declared: k.Release.Product != "", subjects: s.Subjects,
		}
		for _, i := range p.InputAttestations {
			if i.URI == statement.TypeVerdicts {
				c.verdicts = i.Digest.SHA256
			}
		}
		r.issued[id] = c
		if len(r.states[k.Status.Series]) == 0 {
			r.changed(k.Status.Series)
		}
		return r.restsOn(p, s.Subjects, e.Case)
	case *statement.Change:
		return r.change(p)
	case *statement.Notice:
		by, err := statement.ParseTime(p.AnswerBy)
		if err != nil {
			return err
		}
		r.put(table, false, id, p.Credential, by.Unix(), "")
	case *statement.Answer:
		if was, ok := r.want[table][p.Notice]; ok {
			r.want[table][p.Notice] = was + id
		}
	case *statement.Register:
		r.put(table, false, p.To, id)
	case *statement.Status:
		r.put(table, false, p.Series, p.Sequence, id)
		return r.status(p)
	}
	return nil
}

func (r *rows) change(c *statement.Change) error {
	i := r.issued[c.Credential]
	if i == nil {
		return fmt.Errorf("it changes a credential that was not issued before it: %s", c.Credential)
	}
	switch c.Standing {
	case statement.Revoked:
		i.revoked, i.suspended = true, false
	case statement.Suspended:
		i.suspended = true
	case statement.Reinstated:
		i.suspended = false
	case statement.Superseded:
		i.superseded = true
	}
	r.changed(i.place.Series)
	return nil
}

// compare reads the tables.
func (r *rows) compare(ctx context.Context, l *lab.Lab, find func(string, ...any)) error {
	bit := map[bool]int{true: 1}
	for id, c := range r.issued {
		r.put("credentials", false, id, c.leaf, c.caseID, c.policy.Scheme, c.policy.Profile, c.verdicts, c.place.Series, c.place.Index,
			bit[c.revoked], bit[c.suspended], bit[c.superseded])
	}
	return l.DB.Read(ctx, func(tx *sql.Tx) error {
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			got, err := readTable(ctx, tx, name)
			if err != nil {
				return fmt.Errorf("reading the table %s: %w", name, err)
			}
			want := r.want[name]
			for _, key := range slices.Sorted(maps.Keys(want)) {
				switch row, there := got[key]; {
				case !there:
					find("row %q of the table %s: it is not there, though a statement of the ledger made it", key, name)
				case row != want[key] && !r.open[name]:
					find("row %q of the table %s: it holds %q, the ledger says %q", key, name, row, want[key])
				}
			}
			for _, key := range slices.Sorted(maps.Keys(got)) {
				if _, made := want[key]; !made && !r.open[name] {
					find("row %q of the table %s: no statement of the ledger made it", key, name)
				}
			}
		}
		return nil
	})
}

func readTable(ctx context.Context, tx *sql.Tx, name string) (map[string]string, error) {
	t := tables[name]
	list, err := tx.QueryContext(ctx, t.query)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	columns, err := list.Columns()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for list.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := list.Scan(into...); err != nil {
			return nil, err
		}
		out[text(row[:t.keys])] = text(row[t.keys:])
	}
	return out, list.Err()
}
