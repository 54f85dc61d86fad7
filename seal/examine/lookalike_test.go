package examine

import (
	"strings"
	"testing"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/statement"
)

func TestLookAlike(t *testing.T) {
	t.Parallel()
	id := schemes.IDs()[0]
	source, _ := schemes.Source(id)
	ours := dossier.Digest(source)
	for name, p := range map[string]statement.Policy{
		"the same":          {Scheme: id, Digest: ours, Edition: "1"},
		"of its own":        {Scheme: "my-rules", Digest: ours, Edition: "1"},
		"!another file":     {Scheme: id, Digest: dossier.Digest([]byte("x")), Edition: "1"},
		"!upper case":       {Scheme: strings.ToUpper(id), Digest: ours, Edition: "1"},
		"!punctuation":      {Scheme: id + "-", Digest: dossier.Digest([]byte("x")), Edition: "1"},
		"!another alphabet": {Scheme: "ts-33.117\u0430", Digest: dossier.Digest([]byte("x")), Edition: "1"},
		"!edition":          {Scheme: "my-rules", Digest: ours, Edition: "V\u06f1"},
	} {
		if err := LookAlike(p); (err != nil) != strings.HasPrefix(name, "!") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
