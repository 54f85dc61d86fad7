package account

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/bits"
	"path"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// keyNames are the files below .ssh that sshd reads by default (AuthorizedKeysFile of sshd_config(5)).
var keyNames = []string{"authorized_keys", "authorized_keys2"}

// dropbearKeys is where dropbear of OpenWrt reads root's keys.
const dropbearKeys = "etc/dropbear/authorized_keys"

// maxHomeDepth is how many directories deep a home directory may lie so that its keys are read.
const maxHomeDepth = 5

func keyGlobs() []string {
	globs := []string{dropbearKeys}
	for _, name := range keyNames {
		for depth := range maxHomeDepth + 1 {
			globs = append(globs, strings.Repeat("*/", depth)+".ssh/"+name)
		}
	}
	return globs
}

// places are where home directories lie that no account of passwd may have: keys there wait for one.
var places = []string{"/home", "/var/home", "/var/lib"}

// joinKeys records the keys of all accounts, then those in home directories that are nobody's.
func joinKeys(ctx context.Context, v *observe.View, users []user) error {
	j := keyJoin{v: v, owned: map[tree.ID]bool{}, done: map[string]bool{}}
	for i := range users {
		if i%(1<<10) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if home, ok := users[i].homePath(); ok {
			j.home(home, fact.Escape(users[i].name), true)
		}
	}
	j.file("/"+dropbearKeys, "root", true)
	j.home("/root", "root", false)
	for _, place := range places {
		for _, name := range v.Names(place) {
			j.home(place+"/"+name, name, false)
		}
	}
	return ctx.Err()
}

// keyJoin records keys.
type keyJoin struct {
	v     *observe.View
	owned map[tree.ID]bool // files that are some account's
	done  map[string]bool  // by account and path
}

func (j *keyJoin) home(home, account string, owner bool) {
	for _, name := range keyNames {
		j.file(path.Join(home, ".ssh", name), account, owner)
	}
}

// file records the keys of one file. owner is whether the account is known to have it; else it is only recorded where no account has.
func (j *keyJoin) file(p, account string, owner bool) {
	f, ok := j.v.At(p)
	if !ok || j.done[account+"\x00"+p] || !owner && j.owned[f.ID] {
		return
	}
	first := !j.owned[f.ID]
	j.done[account+"\x00"+p], j.owned[f.ID] = true, true
	if f.Err != nil {
		if first {
			j.v.Failed(f, kindKey)
		}
		return
	}
	k := f.Parsed.(*file[key])
	for i := range k.entries {
		a := k.entries[i].attrs
		a.Account = account
		j.v.Record(f.ID, a, k.entries[i].excerpt)
	}
	for _, fault := range k.faults {
		if first {
			j.v.Unobserved(f.ID, fault.reason, fault.detail, kindKey)
		}
	}
}

// key is one line of authorized_keys; the account is added when it is known.
type key struct {
	attrs   fact.AuthorizedKey
	excerpt *fact.Excerpt
}

var (
	errNoKey       = errors.New("has no key that can be read")
	errCertificate = errors.New("a certificate stands where a key belongs")
)

// parseKey reads one line as sshd(8) describes it: type, key in base64 and comment, perhaps with options before them.
func parseKey(l observe.Line) (*key, error) {
	if blank(l.Text) {
		return nil, nil
	}
	text := strings.TrimLeft(l.Text, " \t")
	k := &key{attrs: fact.AuthorizedKey{Options: []string{}}}
	options := ""
	rest, err := k.read(text)
	if err != nil {
		options, text = cutOptions(text)
		if rest, err = k.read(text); err != nil {
			return nil, err
		}
		if strings.Count(options, ",") > maxOptions {
			return nil, errors.New("has too many options")
		}
		k.attrs.Options = splitOptions(options)
	}
	shown := k.attrs.Type + " " + masked
	if comment := strings.Trim(rest, " \t"); comment != "" {
		k.attrs.Comment = fact.Known(fact.Escape(comment))
		shown += " " + comment
	}
	if len(k.attrs.Options) > 0 {
		shown = fact.Unescape(strings.Join(k.attrs.Options, ",")) + " " + shown
	}
	k.excerpt = l.Masked(shown)
	return k, nil
}

// read reads type and key from the beginning of a text and returns what follows.
func (k *key) read(text string) (rest string, err error) {
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		return "", errNoKey
	}
	typ, rest := text[:end], strings.TrimLeft(text[end:], " \t")
	encoded := rest
	if end = strings.IndexAny(rest, " \t"); end >= 0 {
		encoded, rest = rest[:end], rest[end:]
	} else {
		rest = ""
	}
	if strings.Contains(typ, "-cert-v0") {
		return "", errCertificate
	}
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", errNoKey
	}
	fields, ok := split(blob)
	if !ok || string(fields[0]) != typ {
		return "", errNoKey
	}
	shape, known := shapes[typ]
	if known && len(fields) != shape.fields {
		return "", errNoKey
	}
	if known && shape.sized > 0 {
		k.attrs.Bits = fact.Known(bitLength(fields[shape.sized]))
	}
	sum := sha256.Sum256(blob)
	k.attrs.Type, k.attrs.Fingerprint = fact.Escape(typ), "SHA256:"+base64.RawStdEncoding.EncodeToString(sum[:])
	return rest, nil
}

// shapes are the types whose layout is known (RFC 4253 section 6.6, RFC 5656, RFC 8709, PROTOCOL.u2f of OpenSSH): how many strings the key is made of,
// and which of them is the number that gives the size, where the type leaves a choice.
var shapes = map[string]struct{ fields, sized int }{
	"ssh-rsa":                            {3, 2},
	"ssh-dss":                            {5, 1},
	"ssh-ed25519":                        {2, 0},
	"ssh-ed448":                          {2, 0},
	"ecdsa-sha2-nistp256":                {3, 0},
	"ecdsa-sha2-nistp384":                {3, 0},
	"ecdsa-sha2-nistp521":                {3, 0},
	"sk-ssh-ed25519@openssh.com":         {3, 0},
	"sk-ecdsa-sha2-nistp256@openssh.com": {4, 0},
}

// maxOptions is more than any key has; sshd(8) knows some twenty.
const maxOptions = 1 << 12

// maxFields is more than any type has.
const maxFields = 16

// split reads the strings of RFC 4251 section 5 that a key is made of; at least one.
func split(b []byte) (fields [][]byte, ok bool) {
	for len(b) > 0 {
		if len(b) < 4 || len(fields) == maxFields {
			return nil, false
		}
		n := uint64(binary.BigEndian.Uint32(b))
		if n > uint64(len(b)-4) {
			return nil, false
		}
		fields, b = append(fields, b[4:4+n]), b[4+n:]
	}
	return fields, len(fields) > 0
}

// bitLength returns the size of a number in big-endian order.
func bitLength(b []byte) int64 {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0
	}
	return int64(len(b)-1)*8 + int64(bits.Len8(b[0]))
}

// cutOptions cuts a line at the first space that is not between quotes.
func cutOptions(text string) (options, rest string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t'):
			return text[:i], strings.TrimLeft(text[i:], " \t")
		}
	}
	return text, ""
}

// splitOptions splits options at commas that are not between quotes, and escapes them. What is put into the environment of a session may be secret.
func splitOptions(text string) []string {
	list := []string{}
	for text != "" {
		end, quoted := 0, false
		for ; end < len(text); end++ {
			c := text[end]
			if c == '\\' && end+1 < len(text) && text[end+1] == '"' {
				end++
			} else if c == '"' {
				quoted = !quoted
			} else if c == ',' && !quoted {
				break
			}
		}
		end = min(end, len(text))
		if option := text[:end]; option != "" {
			list = append(list, fact.Escape(maskOption(option)))
		}
		text = text[min(end+1, len(text)):]
	}
	return list
}

func maskOption(option string) string {
	name, value, ok := strings.Cut(option, "=")
	if !ok || !strings.EqualFold(name, "environment") {
		return option
	}
	variable, _, _ := strings.Cut(strings.Trim(value, `"`), "=")
	return name + `="` + variable + "=" + masked + `"`
}
