package unpack

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
)

// gzipFormat is RFC 1952: one or more members.
var gzipFormat = Format{
	Name: "gzip", Version: 1,
	Sniff:  func(head []byte) bool { return isGzip(head) },
	Decode: func(r *bufio.Reader) (io.Reader, error) { return newGzipMembers(r) },
}

// isGzip wants method 8 and no reserved flag beside the magic.
func isGzip(head []byte) bool {
	return len(head) >= 10 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && head[3]&0xe0 == 0
}

// gzipMembers decodes members as long as another one follows at once.
type gzipMembers struct {
	r *bufio.Reader
	z *gzip.Reader
}

func newGzipMembers(r *bufio.Reader) (*gzipMembers, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &gzipMembers{r, z}, nil
}

func (g *gzipMembers) Read(p []byte) (int, error) {
	for {
		n, err := g.z.Read(p)
		if err != io.EOF {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
		if head, _ := g.r.Peek(10); !isGzip(head) {
			return 0, io.EOF
		}
		if err := g.z.Reset(g.r); err != nil {
			return 0, noEOF(err)
		}
		g.z.Multistream(false)
	}
}
