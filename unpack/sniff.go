package unpack

import "math"

// recognise tells what content is: a format to open, or the name of a known one that is not opened; "" for what is not known.
func (w *walker) recognise(head []byte) (*Format, string) {
	f, _ := firstOf(w.formats, head)
	if f == nil {
		return nil, known(head)
	}
	return f, f.Name
}

// firstOf returns the first format whose Sniff says yes, and those behind it.
func firstOf(formats []Format, head []byte) (*Format, []Format) {
	for i := range formats {
		if formats[i].Sniff(head) {
			return &formats[i], formats[i+1:]
		}
	}
	return nil, nil
}

// formatKind says what a format that is not opened may hide.
type formatKind uint8

const (
	plainContent       formatKind = iota // looked at as it is
	closedContainer                      // holds files that cannot be seen
	encryptedContainer                   // holds what only a key opens
)

// magic is how a format that unpack does not open is known.
type magic struct {
	name   string
	offset int
	bytes  string
	kind   formatKind
}

// known names a format by its magic; text is told from the rest.
func known(head []byte) string {
	for i := range magics {
		m := &magics[i]
		if len(head) >= m.offset+len(m.bytes) && string(head[m.offset:m.offset+len(m.bytes)]) == m.bytes {
			return m.name
		}
	}
	for i := range shapes {
		if shapes[i].is(head) {
			return shapes[i].name
		}
	}
	return ""
}

func kindOfFormat(name string) formatKind {
	for i := range magics {
		if magics[i].name == name {
			return magics[i].kind
		}
	}
	for i := range shapes {
		if shapes[i].name == name {
			return shapes[i].kind
		}
	}
	return plainContent
}

// isText tells whether bytes are text in ASCII, UTF-8 or an 8-bit code: no control characters but white space and escape.
func isText(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	high, odd := 0, 0
	for _, c := range b {
		switch {
		case c >= 0x80:
			high++
		case c == '\f', c == '\b', c == 0x1b, c == 0x1f: // GNU info divides its pages by 1f
			odd++
		case c < 0x20 && c != '\n' && c != '\r' && c != '\t':
			return false
		}
	}
	return high*10 <= len(b)*3 && odd*10 <= len(b)
}

// sampler keeps a fixed share of what is written to it: the first 4 KiB of each 64 KiB, at most 256 KiB.
type sampler struct {
	n     int64
	bytes []byte
}

const (
	sampleStep = 64 << 10
	samplePart = 4 << 10
	sampleMost = 256 << 10
)

// Write takes p into account. It never fails.
func (s *sampler) Write(p []byte) (int, error) {
	for i := 0; i < len(p) && len(s.bytes) < sampleMost; {
		at := int((s.n + int64(i)) % sampleStep)
		if at >= samplePart {
			i += sampleStep - at
			continue
		}
		end := min(i+samplePart-at, len(p))
		s.bytes = append(s.bytes, p[i:end]...)
		i = end
	}
	s.n += int64(len(p))
	return len(p), nil
}

// smallestEncrypted is from how many bytes on evenness means something.
const smallestEncrypted = 1024

// looksEncrypted tells whether bytes are as even as encrypted ones: their entropy is within 0.05 bits a byte of what
// so many random bytes have, or for few bytes within six standard deviations. For 256 even values the estimate is too low by
// 255/(2 n ln 2) (Miller 1955) and, of the next order, (256^2-1)/(12 n^2 ln 2); its deviation is sqrt(255/2)/(n ln 2).
func looksEncrypted(b []byte) bool {
	if len(b) < smallestEncrypted {
		return false
	}
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	n := float64(len(b))
	h := 0.0
	for _, c := range count {
		if c > 0 {
			p := float64(c) / n
			h -= p * math.Log2(p)
		}
	}
	bias := 255/(2*n*math.Ln2) + 65535/(12*n*n*math.Ln2)
	return h >= 8-bias-max(0.05, 6*math.Sqrt(127.5)/(n*math.Ln2))
}
