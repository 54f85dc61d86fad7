package unpack

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/tree"
)

// arFormat is the archive of ar(5), with long names as System V and GNU write them or as BSD does. A Debian package is one (deb(5)).
var arFormat = Format{Name: "ar", Version: 1, Sniff: isAr, Stream: readAr}

const (
	arMagic     = "!<arch>\n"
	arThin      = "!<thin>\n" // its files lie beside it, not in it
	arHeaderLen = 60
	arEnd       = "`\n"
	// arNames bounds the table of long names.
	arNames = 16 << 20
)

func isAr(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	return string(head[:8]) == arMagic || string(head[:8]) == arThin
}

func readAr(ctx context.Context, br *bufio.Reader, to *Container) error {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(br, magic); err != nil {
		return noEOF(err)
	}
	if string(magic) == arThin {
		return &refusal{"unsupported", "a thin archive names files that are not in it"}
	}
	names := ""
	var deb debParts
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if to.Full() {
			return errBytes
		}
		// What is no header stays unread: it follows the archive.
		head, err := br.Peek(arHeaderLen)
		if len(head) < arHeaderLen || string(head[58:60]) != arEnd {
			switch {
			case err == io.EOF && len(head) > 0 && likeArHeader(head):
				return io.ErrUnexpectedEOF
			case err != nil && err != io.EOF:
				return err
			}
			deb.end(to)
			return nil
		}
		h, err := parseAr(head)
		if err != nil {
			return err
		}
		if _, err := br.Discard(arHeaderLen); err != nil {
			return err
		}
		deb.see(h.name)
		if err := arMember(ctx, br, to, h, &names); err != nil {
			return err
		}
	}
}

// debParts notes which of the members of a Debian package (deb(5)) were there: the archive itself has no end mark, so that of one
// that was cut between members nothing else tells that it is not whole.
type debParts struct {
	members     int
	isDeb, data bool
}

func (d *debParts) see(name string) {
	name = strings.TrimSuffix(name, "/")
	d.members++
	if d.members == 1 {
		d.isDeb = name == "debian-binary"
	}
	d.data = d.data || strings.HasPrefix(name, "data.tar")
}

func (d *debParts) end(to *Container) {
	if d.isDeb && !d.data {
		to.Unobserved(to.source.taken(), -1, "truncated", "a Debian package without its data.tar", tree.HidesAll)
	}
}

// likeArHeader tells whether bytes that are too few could begin a header: printable ones.
func likeArHeader(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

type arHeader struct {
	name string
	size int64
	meta tree.Meta
}

func parseAr(b []byte) (h arHeader, err error) {
	field := func(from, to int) string { return strings.TrimRight(string(b[from:to]), " ") }
	h.name = field(0, 16)
	h.size, err = strconv.ParseInt(field(48, 58), 10, 64)
	if err != nil || h.size < 0 {
		return h, fmt.Errorf("the size of the member %q is no number", h.name)
	}
	// The index of symbols often has no owner and mode.
	when, err1 := strconv.ParseInt(field(16, 28), 10, 64)
	uid, err2 := strconv.ParseUint(field(28, 34), 10, 32)
	gid, err3 := strconv.ParseUint(field(34, 40), 10, 32)
	mode, err4 := strconv.ParseUint(field(40, 48), 8, 32)
	if err1 == nil {
		h.meta.Has, h.meta.Time = h.meta.Has|tree.HasTime, when
	}
	if err2 == nil && err3 == nil {
		h.meta.Has, h.meta.UID, h.meta.GID = h.meta.Has|tree.HasOwner, uint32(uid), uint32(gid)
	}
	if err4 == nil {
		h.meta.Has, h.meta.Mode = h.meta.Has|tree.HasMode, uint32(mode)&0o7777
	}
	return h, nil
}

// arMember reads one member: a file, or a table of symbols or names.
func arMember(ctx context.Context, br *bufio.Reader, to *Container, h arHeader, names *string) error {
	body := &io.LimitedReader{R: br, N: h.size}
	switch {
	case h.name == "//":
		if h.size > arNames {
			return &refusal{"budget", "a table of names of " + itoa(h.size) + " bytes"}
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		*names = string(b)
	case h.name == "/", h.name == "/SYM64/":
		if _, err := io.Copy(io.Discard, body); err != nil {
			return err
		}
	default:
		if err := arFile(ctx, to, h, *names, body); err != nil {
			return err
		}
	}
	if body.N > 0 {
		return io.ErrUnexpectedEOF
	}
	if h.size%2 == 1 {
		c, err := br.ReadByte()
		switch {
		case err == io.EOF: // some writers leave the last one out
		case err != nil:
			return err
		case c != '\n' && c != 0:
			to.Hidden(1, "in the padding behind a member")
		}
	}
	return nil
}

func arFile(ctx context.Context, to *Container, h arHeader, names string, body *io.LimitedReader) error {
	name, err := arName(h.name, names, body)
	if err != nil {
		return err
	}
	dir, base, ok := to.Split(name)
	switch {
	case !ok:
		return to.drop(ctx, body)
	case base == "":
		base = cmp.Or(name, "\x00") // only dots and slashes, or no name at all
	}
	return to.File(ctx, Entry{Parent: dir, Name: base, Size: body.N, Meta: h.meta}, body)
}

// arName finds the whole name: "name/", "/offset" into the table of names, or "#1/length" with the name before the content.
func arName(short, names string, body *io.LimitedReader) (string, error) {
	if n, ok := strings.CutPrefix(short, "#1/"); ok {
		length, err := strconv.ParseInt(n, 10, 64)
		if err != nil || length < 0 || length > body.N || length > maxPath {
			return "", errors.New("the length of a name is out of range")
		}
		b := make([]byte, length)
		if _, err := io.ReadFull(body, b); err != nil {
			return "", noEOF(err)
		}
		return strings.TrimRight(string(b), "\x00"), nil
	}
	if n, ok := strings.CutPrefix(short, "/"); ok && n != "" {
		at, err := strconv.Atoi(n)
		if err != nil || at < 0 || at >= len(names) {
			return "", errors.New("a member refers to a name that is not in the table")
		}
		name, _, _ := strings.Cut(names[at:], "\n")
		return strings.TrimSuffix(name, "/"), nil
	}
	return strings.TrimSuffix(short, "/"), nil
}
