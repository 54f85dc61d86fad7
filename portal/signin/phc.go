package signin

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// cost is what one hash takes: memory in KiB, passes, lanes.
type cost struct {
	memory, passes uint32
	lanes          uint8
}

// The cost of new hashes, the second choice of RFC 9106, 4 with one lane less to suit small labs, and the bounds for stored ones, so that who can write
// to the database makes the server neither spend a gigabyte on a sign-in nor accept a hash that a laptop inverts.
var (
	ours     = cost{memory: 64 << 10, passes: 3, lanes: 1}
	cheapest = cost{memory: 8 << 10, passes: 1, lanes: 1}
	dearest  = cost{memory: 256 << 10, passes: 10, lanes: 4}
)

const (
	saltSize, minSalt, maxSalt = 16, 8, 64
	keySize, minKey, maxKey    = 32, 16, 64
	argonVersion               = "v=19"
	maxPHC                     = 300
)

// phc is a password hash in its text form: $argon2id$v=19$m=65536,t=3,p=1$SALT$KEY, with base64 without padding.
type phc struct {
	cost
	salt, key []byte
}

func (h phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$%s$m=%d,t=%d,p=%d$%s$%s", argonVersion, h.memory, h.passes, h.lanes, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parsePHC accepts what String writes and nothing else, within the bounds. Errors do not show the text: it is half a secret.
func parsePHC(s string) (phc, error) {
	if len(s) > maxPHC {
		return phc{}, fmt.Errorf("%w: %d bytes long, at most %d", ErrHash, len(s), maxPHC)
	}
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != argonVersion {
		return phc{}, fmt.Errorf("%w: it is not of the form $argon2id$%s$…", ErrHash, argonVersion)
	}
	var h phc
	params := strings.Split(parts[3], ",")
	if len(params) != 3 {
		return phc{}, fmt.Errorf("%w: there are %d parameters, not 3", ErrHash, len(params))
	}
	var n [3]uint32
	for i, b := range []struct {
		name     string
		min, max uint32
	}{
		{"m", cheapest.memory, dearest.memory},
		{"t", cheapest.passes, dearest.passes},
		{"p", uint32(cheapest.lanes), uint32(dearest.lanes)},
	} {
		v, ok := strings.CutPrefix(params[i], b.name+"=")
		x, err := strconv.ParseUint(v, 10, 32)
		if !ok || err != nil || uint32(x) < b.min || uint32(x) > b.max {
			return phc{}, fmt.Errorf("%w: parameter %s is not between %d and %d", ErrHash, b.name, b.min, b.max)
		}
		n[i] = uint32(x)
	}
	h.cost = cost{n[0], n[1], uint8(n[2])}
	var errSalt, errKey error
	h.salt, errSalt = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, errKey = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(h.salt) < minSalt || len(h.salt) > maxSalt || len(h.key) < minKey || len(h.key) > maxKey {
		return phc{}, fmt.Errorf("%w: salt or key is not base64, or of a length that is not in use", ErrHash)
	}
	if h.String() != s {
		return phc{}, fmt.Errorf("%w: it is not in its canonical form", ErrHash)
	}
	return h, nil
}
