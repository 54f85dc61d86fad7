package report

import (
	"io"

	"github.com/probat-lab/probat/dossier"
)

// JSON writes manifest, verdicts and findings as one canonical JSON object, with the dossier's digest.
func JSON(w io.Writer, c *dossier.Contents) error {
	b, err := dossier.Summary(c)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
