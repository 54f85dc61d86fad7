package dpkg

import (
	"context"
	"strconv"

	"github.com/probat-lab/probat/fact"
)

// parseAPK reads apk's list of what is installed: paragraphs of lines "letter:value" (Alpine's wiki, "Apk spec", installed database).
func parseAPK(ctx context.Context, b []byte) (any, error) {
	v, err := parseStanzas(ctx, b, (*stanza).apkField)
	if err != nil {
		return nil, err
	}
	l := v.(*list)
	for i := range l.entries {
		// apk counts bytes.
		if n, ok := l.entries[i].attrs.InstalledKiB.Get(); ok {
			l.entries[i].attrs.InstalledKiB = fact.Known(n/1024 + min(n%1024, 1))
		}
	}
	return l, nil
}

func (s *stanza) apkField(line []byte) bool {
	if len(line) < 2 || line[1] != ':' {
		return false
	}
	var p *[]byte
	switch line[0] {
	case 'P':
		p = &s.name
	case 'V':
		p = &s.version
	case 'A':
		p = &s.arch
	case 'o':
		p = &s.source
	case 'm':
		p = &s.owner
	case 'U':
		p = &s.homepage
	case 'I':
		p = &s.size
	default:
		return true
	}
	if *p != nil {
		s.bad = "states a field twice: " + strconv.QuoteRune(rune(line[0]))
	}
	*p = line[2:]
	return true
}
