package unpack

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// members is what holds images: a tar, or a directory of this machine.
type members interface {
	// entry finds what stands at a clean path: a regular file, or a link and its target, one that begins with a slash counting from the top.
	entry(path string) (m member, link string, ok bool)
	// open makes a file's bytes available until done is called.
	open(m member) (r io.ReaderAt, done func(), err error)
}

// member is a regular file among members.
type member struct {
	path string // of a file in a directory
	at   int64  // of a file in a tar: where its content begins
	size int64  // bytes
}

// maxMemberLinks is how many links a member's name may lead through. Docker wrote links to layers that images share.
const maxMemberLinks = 8

// find returns the file of a name.
func find(src members, name string) (member, bool) {
	for range maxMemberLinks {
		name = path.Clean(name)
		m, link, ok := src.entry(name)
		switch {
		case !ok:
			return member{}, false
		case link == "":
			return m, true
		case link[0] == '/':
			name = link[1:]
		default:
			name = path.Join(path.Dir(name), link)
		}
	}
	return member{}, false
}

// tarMembers are the files of a tar at hand.
type tarMembers struct {
	r     io.ReaderAt
	files map[string]tarMember
}

type tarMember struct {
	member
	link string
}

// maxTarMembers is how many entries an archive of images may have: a few a layer.
const maxTarMembers = 100_000

// indexTar notes where the files of a tar stand, the last of each name. A tar that ends early is noted as far as it goes.
func indexTar(ctx context.Context, r io.ReaderAt, size int64) *tarMembers {
	t := &tarMembers{r, map[string]tarMember{}}
	section := io.NewSectionReader(r, 0, size)
	tr := tar.NewReader(section)
	for n := 0; ctx.Err() == nil && n < maxTarMembers; n++ {
		h, err := tr.Next()
		if err != nil {
			return t
		}
		at, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return t
		}
		name := path.Clean(strings.TrimLeft(h.Name, "/"))
		switch {
		case isSparse(h):
			delete(t.files, name)
		case h.Typeflag == tar.TypeReg && h.Size <= size-at:
			t.files[name] = tarMember{member: member{at: at, size: h.Size}}
		case h.Typeflag == tar.TypeSymlink && h.Linkname != "":
			t.files[name] = tarMember{link: h.Linkname}
		case h.Typeflag == tar.TypeLink:
			t.files[name] = tarMember{link: "/" + strings.TrimLeft(h.Linkname, "/")}
		default:
			delete(t.files, name)
		}
	}
	return t
}

// isSparse tells whether an entry's bytes in the archive are not those of the file.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (t *tarMembers) entry(name string) (member, string, bool) {
	m, ok := t.files[name]
	return m.member, m.link, ok
}

func (t *tarMembers) open(m member) (io.ReaderAt, func(), error) {
	return io.NewSectionReader(t.r, m.at, m.size), func() {}, nil
}

// hostMembers are the files of a directory of this machine.
type hostMembers struct{ root *os.Root }

func (h hostMembers) entry(name string) (member, string, bool) {
	st, err := h.root.Lstat(name)
	switch {
	case err != nil:
		return member{}, "", false
	case st.Mode().IsRegular():
		return member{path: name, size: st.Size()}, "", true
	case st.Mode()&os.ModeSymlink != 0:
		link, err := h.root.Readlink(name)
		return member{}, link, err == nil && link != "" && link[0] != '/'
	}
	return member{}, "", false
}

func (h hostMembers) open(m member) (io.ReaderAt, func(), error) {
	// Non-blocking, so that a file that became a FIFO in between cannot hold us.
	f, err := h.root.OpenFile(m.path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("it is not a file any more")
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}
