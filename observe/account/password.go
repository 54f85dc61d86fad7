package account

import (
	"strconv"
	"strings"

	"github.com/probat-lab/probat/fact"
)

// What the password field of passwd(5) says where shadow has the password. BusyBox takes an asterisk too, which says elsewhere that
// no password matches.
const (
	inShadow    = "x"
	oldInShadow = "*"
)

// The states of a password.
const (
	stateSet       = "set"
	stateEmpty     = "empty"
	stateLocked    = "locked"
	stateLockedSet = "locked-set"
)

// secret is what is known of a password. The zero value is nothing.
type secret struct {
	state, scheme string
	hash          string // without lock marks; it is compared, and never recorded
	rounds        fact.Opt[int64]
	salted        fact.Opt[bool]
	shadow        *shadowLine // that has it; nil where passwd has
}

// classify tells what a password field means. Behind lock marks (passwd -l puts one there) may stand what was the hash before. What no
// scheme of crypt(5) can ever give as a result, locks too: no password matches "*", "NP" or "x".
func classify(field string) secret {
	if field == "" {
		return secret{state: stateEmpty}
	}
	hash := strings.TrimLeft(field, "!*")
	s := identify(hash)
	switch {
	case s.scheme == "":
		return secret{state: stateLocked}
	case hash != field:
		s.state = stateLockedSet
	default:
		s.state = stateSet
	}
	s.hash = hash
	return s
}

// describe fills in the attributes.
func (s *secret) describe(a *fact.Account) {
	if s.state != "" {
		a.Password = fact.Known(s.state)
	}
	if s.scheme != "" {
		a.Scheme, a.Rounds, a.Salted = fact.Known(s.scheme), s.rounds, s.salted
		a.InShadow = fact.Known(s.shadow != nil)
	}
	if l := s.shadow; l != nil {
		a.MinDays, a.MaxDays = l.minDays, l.maxDays
		if l.readable {
			day, stated := l.changed.Get()
			a.MustReset = fact.Known(stated && day == 0)
		}
	}
}

const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// isAlphabet tells whether a text has but the 64 characters that hashes are written with.
func isAlphabet(s string) bool {
	return strings.Trim(s, alphabet) == ""
}

// value returns what a character stands for; -1 for one outside the alphabet.
func value(s string, at int) int64 {
	if at >= len(s) {
		return -1
	}
	return int64(strings.IndexByte(alphabet, s[at]))
}

// prefixes are those of crypt(5) of libxcrypt 4.4, and $sm3$ of its version 4.5; the bcrypt ones are all of one scheme.
var prefixes = []struct {
	prefix, scheme string
	read           func(s *secret, rest string)
}{
	{"$y$", "yescrypt", readYescrypt},
	{"$gy$", "gost-yescrypt", readYescrypt},
	{"$7$", "scrypt", readScrypt},
	{"$2a$", "bcrypt", readBcrypt},
	{"$2b$", "bcrypt", readBcrypt},
	{"$2x$", "bcrypt", readBcrypt},
	{"$2y$", "bcrypt", readBcrypt},
	{"$6$", "sha512crypt", readSHA},
	{"$5$", "sha256crypt", readSHA},
	{"$sm3$", "sm3crypt", readSHA},
	{"$sha1$", "sha1crypt", readSHA1},
	{"$md5", "sunmd5", readSunMD5},
	{"$1$", "md5crypt", readMD5},
	{"$3$", "nthash", readNT},
}

const (
	lengthDES  = 13
	lengthBSDi = 20
	maxBig     = 178
	blockBig   = 11 // characters for each further eight of the password
	saltDES    = 2
)

// identify tells the scheme of a hash, and what it states of its cost and salt (crypt(5) of libxcrypt). The scheme is empty for what is no hash.
func identify(hash string) (s secret) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(hash, p.prefix); ok {
			s.scheme = p.scheme
			p.read(&s, rest)
			return s
		}
	}
	switch {
	case strings.HasPrefix(hash, "$"):
		s.scheme = "unknown"
	case len(hash) == lengthBSDi && hash[0] == '_' && isAlphabet(hash[1:]):
		s.scheme, s.salted = "bsdicrypt", fact.Known(true)
		n := int64(0)
		for i := 4; i > 0; i-- {
			n = n<<6 | value(hash, i)
		}
		s.rounds = fact.Known(n)
	case len(hash) == lengthDES && isAlphabet(hash):
		s.scheme, s.salted = "descrypt", fact.Known(true)
	case len(hash) > lengthDES && len(hash) <= maxBig && (len(hash)-saltDES)%blockBig == 0 && isAlphabet(hash):
		s.scheme, s.salted = "bigcrypt", fact.Known(true)
	}
	return s
}

func hasSalt(s string) fact.Opt[bool] { return fact.Known(s != "") }

// readYescrypt reads FLAVOUR LOG2N-1 R-1, $, salt, $. Each is one character as crypt_gensalt(3) makes them: cost 1 and 2 have r 8 and N 2^(cost+9), from
// 3 on r 32 and N 2^(cost+7). Other parameters state no such cost.
func readYescrypt(s *secret, rest string) {
	params, rest, _ := strings.Cut(rest, "$")
	salt, _, _ := strings.Cut(rest, "$")
	s.salted = hasSalt(salt)
	if len(params) != 3 {
		return
	}
	logN, r := value(params, 1)+1, value(params, 2)+1
	switch {
	case r == 8 && logN > 9:
		s.rounds = fact.Known(logN - 9)
	case r == 32 && logN > 7:
		s.rounds = fact.Known(logN - 7)
	}
}

// readScrypt reads one character of LOG2N, five of r, five of p, then the salt. Cost n of crypt(5) has N 2^(n+7).
func readScrypt(s *secret, rest string) {
	const params = 11
	if len(rest) < params {
		return
	}
	if n := value(rest, 0); n > 7 {
		s.rounds = fact.Known(n - 7)
	}
	salt, _, _ := strings.Cut(rest[params:], "$")
	s.salted = hasSalt(salt)
}

func readBcrypt(s *secret, rest string) {
	cost, salt, _ := strings.Cut(rest, "$")
	s.rounds, s.salted = decimal(cost), hasSalt(salt)
}

// defaultSHA are the rounds where the hash names none.
const defaultSHA = 5000

func readSHA(s *secret, rest string) {
	s.rounds = fact.Known(int64(defaultSHA))
	if stated, ok := strings.CutPrefix(rest, "rounds="); ok {
		var n string
		n, rest, _ = strings.Cut(stated, "$")
		s.rounds = decimal(n)
	}
	salt, _, _ := strings.Cut(rest, "$")
	s.salted = hasSalt(salt)
}

func readSHA1(s *secret, rest string) {
	n, rest, _ := strings.Cut(rest, "$")
	salt, _, _ := strings.Cut(rest, "$")
	s.rounds, s.salted = decimal(n), hasSalt(salt)
}

func readSunMD5(s *secret, rest string) {
	params, rest, _ := strings.Cut(rest, "$")
	if n, ok := strings.CutPrefix(params, ",rounds="); ok {
		s.rounds = decimal(n)
	}
	salt, _, _ := strings.Cut(rest, "$")
	s.salted = hasSalt(salt)
}

func readMD5(s *secret, rest string) {
	salt, _, _ := strings.Cut(rest, "$")
	s.salted = hasSalt(salt)
}

func readNT(s *secret, _ string) { s.salted = fact.Known(false) }

func decimal(s string) fact.Opt[int64] {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return fact.Opt[int64]{}
	}
	return fact.Known(int64(n))
}

// masked stands for what must not be shown.
const masked = "***"

// mask returns a line of passwd, shadow or group without its secret: of a hash only the prefix of its scheme is left; of anything else that is no
// usual mark, nothing, as it may be a password that somebody wrote there. In a garbled line a hash may stand elsewhere.
func mask(line string) string {
	fields := strings.Split(line, ":")
	for i := range fields {
		secret := strings.TrimLeft(fields[i], "!*")
		prefix := prefixOf(secret)
		if i == 1 && secret != "" && secret != inShadow || prefix != "" {
			fields[i] = fields[i][:len(fields[i])-len(secret)] + prefix + masked
		}
	}
	return strings.Join(fields, ":")
}

// prefixOf returns the known prefix of a hash's scheme.
func prefixOf(hash string) string {
	for _, p := range prefixes {
		if strings.HasPrefix(hash, p.prefix) {
			return p.prefix
		}
	}
	return ""
}
