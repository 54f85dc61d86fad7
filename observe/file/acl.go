package file

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// The names under which a list comes: as getxattr(2) gives it, and as text in a record of a pax archive (star(1)).
const (
	aclBinary = "system.posix_acl_access"
	aclText   = "SCHILY.acl.access"
)

// The layout of linux/posix_acl_xattr.h: a word with the version, then entries of tag, permissions (16 bits each) and id.
const (
	aclVersion = 2
	aclHeader  = 4
	aclEntry   = 8
)

// The tags of linux/posix_acl.h.
const (
	tagUserObj  = 0x01
	tagUser     = 0x02
	tagGroupObj = 0x04
	tagGroup    = 0x08
	tagMask     = 0x10
	tagOther    = 0x20
)

// acl sets the attribute of that name, where the container can carry a list. Entries of the owner, the group and all
// others repeat the permission bits; only named users and groups tell something further.
func acl(n *tree.Node, a *fact.File) error {
	named := false
	for _, x := range n.Xattrs {
		var here bool
		var err error
		switch x.Name {
		case aclBinary:
			here, err = namedBinary(x.Value)
		case aclText:
			here, err = namedText(string(x.Value))
		}
		if err != nil {
			return err
		}
		named = named || here
	}
	if named || n.Has&tree.HasXattrs != 0 {
		a.ACL = fact.Known(named)
	}
	return nil
}

// namedBinary says whether the list has an entry for a named user or group.
func namedBinary(b []byte) (bool, error) {
	if len(b) < aclHeader || (len(b)-aclHeader)%aclEntry != 0 {
		return false, fmt.Errorf("the attribute %s has %d bytes", aclBinary, len(b))
	}
	if v := binary.LittleEndian.Uint32(b); v != aclVersion {
		return false, fmt.Errorf("the attribute %s has the unknown version %d", aclBinary, v)
	}
	named := false
	for e := b[aclHeader:]; len(e) > 0; e = e[aclEntry:] {
		switch tag := binary.LittleEndian.Uint16(e); tag {
		case tagUser, tagGroup:
			named = true
		case tagUserObj, tagGroupObj, tagMask, tagOther:
		default:
			return false, fmt.Errorf("the attribute %s has an entry with the unknown tag %#x", aclBinary, tag)
		}
	}
	return named, nil
}

// namedText says the same of a list as acl(5) writes it, in its long and its short form. What follows the permissions
// (star adds the number) does not matter here.
func namedText(s string) (bool, error) {
	named, number := false, 0
	for e := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '\n' || r == 0 }) {
		e, _, _ = strings.Cut(e, "#") // a comment
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		number++
		tag, rest, _ := strings.Cut(e, ":")
		name, _, whole := strings.Cut(rest, ":")
		switch strings.TrimSpace(tag) {
		case "user", "u", "group", "g":
			if !whole {
				return false, fmt.Errorf("the attribute %s has a cut entry %d", aclText, number)
			}
			named = named || strings.TrimSpace(name) != ""
		case "mask", "m", "other", "o":
		default:
			return false, fmt.Errorf("the attribute %s has an unknown entry %d", aclText, number)
		}
	}
	return named, nil
}
