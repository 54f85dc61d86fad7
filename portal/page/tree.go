package page

// Tree is "/releases/{id}/tree?at=ADDRESS": one node, what is in it, and what was seen about it.
type Tree struct {
	Shell
	Product, Release, ReleaseURL string
	Crumbs                       []Link // from the artifact to the node; the last is Current
	Address                      string
	Node                         []Pair // type, size, digest, mode, owner …
	Open                         string // the viewer of its bytes; empty: not at this level, or a directory
	OpenNote                     string // why it cannot be opened, may be empty
	Rows                         []NodeRow
	Pager                        Pager
	Facts                        []FactRow
	Findings                     []Finding
	Unobserved                   []Pair
}

// NodeRow is one node inside.
type NodeRow struct {
	Name, URL string
	Folder    bool
	Size      int64  // -1: none
	Type      string // what it was recognised as
	Digest    string
	Mode      string // as "-rwsr-xr-x", empty: the container records none
	Note      string // as "3 findings", "unobserved"
}

// FactRow is one fact.
type FactRow struct {
	Kind, Observer string
	Attributes     []Pair
}

// Evidence is the viewer: text, hex or JSON of one node or blob. Exactly one of Lines, Hex and JSON is filled.
type Evidence struct {
	Shell
	Product, Release, ReleaseURL string
	Title                        string // file name or what it shows
	Address, NodeURL             string
	Digest                       string
	Size                         int64
	Views                        []Link // text, hex, JSON, download; the shown one is Current
	Lines                        []TextLine
	Hex                          []HexRow
	JSON                         string   // indented, with what is masked already replaced by ▒▒▒
	Mask                         []string // reasons of what is masked, each once
	Unmask                       *Form
	Unmasked                     string // who sees it unmasked now and why; then the page says so
	Jump                         string // action of a GET form with fields from and to (bytes) and view; empty: none
	Keep                         []Pair // further parameters of that form
	From, To                     int64  // what is shown
	Whole                        int64  // length of the whole, in bytes
	Pager                        Pager  // in lines or bytes, as First, Last, Total say
	Shows                        string // what the evidence is said to show
	Facts                        []Pair
}

// HexRow is up to 16 bytes. A masked byte is ▒▒ and ▒.
type HexRow struct {
	Offset int64
	Bytes  []HexByte
}

// HexByte is one byte; Masked ones show nothing of their value, Hit ones are what the reader came for.
type HexByte struct {
	Value       byte
	Masked, Hit bool
}

func (b HexByte) hex() string {
	if b.Masked {
		return "▒▒"
	}
	const digits = "0123456789abcdef"
	return string([]byte{digits[b.Value>>4], digits[b.Value&15]})
}

func (b HexByte) char() string {
	switch {
	case b.Masked:
		return "▒"
	case b.Value < 0x20 || b.Value >= 0x7f:
		return "."
	}
	return string(rune(b.Value))
}

// hexRun is neighbouring bytes of a row that look alike, so that a page needs few elements.
type hexRun struct {
	hex, chars string
	hit, mask  bool
}

func (r HexRow) runs() []hexRun {
	var out []hexRun
	for i, b := range r.Bytes {
		h := b.hex() + " "
		if i == 7 {
			h += " "
		}
		if n := len(out); n > 0 && out[n-1].hit == b.Hit && out[n-1].mask == b.Masked {
			out[n-1].hex += h
			out[n-1].chars += b.char()
		} else {
			out = append(out, hexRun{hex: h, chars: b.char(), hit: b.Hit, mask: b.Masked})
		}
	}
	return out
}

// folderName ends a folder's name in a slash, so that it is told from a file's without colour.
func folderName(r NodeRow) string {
	if r.Folder {
		return r.Name + "/"
	}
	return r.Name
}
