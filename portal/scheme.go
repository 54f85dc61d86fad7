package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
)

// schemeFacts are what pages say of a scheme that comes with the program.
type schemeFacts struct {
	title, edition, digest string
	requirements           int
}

func openScheme(id string) (schemeFacts, error) {
	data, ok := schemes.Source(id)
	if !ok {
		return schemeFacts{}, fmt.Errorf("there is no scheme %q", id)
	}
	x, err := scheme.Parse(id+".yaml", data)
	if err != nil {
		return schemeFacts{}, err
	}
	sum := sha256.Sum256(data)
	return schemeFacts{x.Title, x.Edition, hex.EncodeToString(sum[:]), len(x.Requirements)}, nil
}
