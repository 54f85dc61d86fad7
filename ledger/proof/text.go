package proof

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

// maxName is the longest name of a key, in bytes: the ML-DSA-44 cosignature holds names and origins with one byte of length.
const maxName = 255

// checkName says whether name can name a key, and so also whether it can be an origin. The rules of signed-note (not empty,
// no white space, no plus sign) and two of ours: printable characters only, because names are shown on terminals, and at most maxName bytes.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the name has %d bytes, at most %d are allowed", len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("the name %q is not UTF-8", name)
	}
	for _, r := range name {
		if r == '+' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("the name %q holds %q", name, r)
		}
	}
	return nil
}

// decodeBase64 reads standard padded base64. Go's decoder skips line ends and, unless told, stray bits; encoding again refuses both.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || base64.StdEncoding.EncodeToString(b) != s {
		return nil, fmt.Errorf("%q is not canonical base64", clip(s))
	}
	return b, nil
}

func encodeBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func decodeHash(s string) (tlog.Hash, error) {
	b, err := decodeBase64(s)
	if err != nil {
		return tlog.Hash{}, err
	}
	if len(b) != tlog.HashSize {
		return tlog.Hash{}, fmt.Errorf("%q is not a hash: %d bytes", clip(s), len(b))
	}
	return tlog.Hash(b), nil
}

// decodeNumber reads a decimal number without sign and without leading zeros, from 0 to most.
func decodeNumber(s string, most int64) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%q is not a canonical decimal number", clip(s))
	}
	if n > most {
		return 0, fmt.Errorf("%d is more than %d", n, most)
	}
	return n, nil
}

// cutLine takes the first line off text, without its newline; false if text holds no newline.
func cutLine(text string) (line, rest string, ok bool) { return strings.Cut(text, "\n") }

// clip keeps errors about hostile input short.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
