package report

import (
	"encoding/csv"
	"io"
	"strconv"

	"github.com/probat-lab/probat/dossier"
)

// CSV writes one row a requirement, with a heading. Counts are of distinct facts over all tests of the requirement.
func CSV(w io.Writer, c *dossier.Contents) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"scheme", "edition", "requirement", "clause", "title", "verdict", "reason", "examined", "unknown", "unobserved", "findings"}}
	for _, o := range c.Outcomes {
		for _, r := range o.Requirements {
			rows = append(rows, []string{
				o.Scheme.ID, o.Scheme.Edition, r.Of.ID, r.Of.Clause, r.Of.Title, string(r.Verdict), string(r.Reason),
				strconv.Itoa(r.Examined), strconv.Itoa(r.Unknown), strconv.Itoa(r.Unobserved), strconv.Itoa(r.Findings),
			})
		}
	}
	return out.WriteAll(rows)
}
