package crosscheck

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

// The bundle as this folder reads and writes it, with nothing of package credential, so that a test can bend all of it. The members are in the order of RFC 8785.
type bundle struct {
	Envelope  envelope `json:"dsseEnvelope"`
	MediaType string   `json:"mediaType"`
	Material  material `json:"verificationMaterial"`
	Unknown   *string  `json:"zzz,omitempty"`
}

type envelope struct {
	Payload     []byte      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

type material struct {
	PublicKey struct {
		Hint string `json:"hint"`
	} `json:"publicKey"`
	Entries []entry `json:"tlogEntries"`
}

type entry struct {
	Body      []byte    `json:"canonicalizedBody"`
	Inclusion inclusion `json:"inclusionProof"`
	Kind      struct {
		Kind    string `json:"kind"`
		Version string `json:"version"`
	} `json:"kindVersion"`
	LogID struct {
		KeyID []byte `json:"keyId"`
	} `json:"logId"`
	Index number `json:"logIndex"`
}

type inclusion struct {
	Checkpoint struct {
		Envelope string `json:"envelope"`
	} `json:"checkpoint"`
	Hashes [][]byte `json:"hashes"`
	Index  number   `json:"logIndex"`
	Root   []byte   `json:"rootHash"`
	Size   number   `json:"treeSize"`
}

// number is a number that JSON has as a string.
type number int64

func (n number) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d", int64(n)), nil }

func (n *number) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "%d", (*int64)(n))
	return err
}

func parseBundle(t testing.TB, data []byte) *bundle {
	t.Helper()
	b := &bundle{}
	ok(t, json.Unmarshal(data, b))
	if again := b.bytes(t); !bytes.Equal(again, data) {
		t.Fatalf("this folder writes bundles in another form, so that a bent one would be refused for that:\n%s\n%s", data, again)
	}
	return b
}

func (b *bundle) bytes(t testing.TB) []byte {
	t.Helper()
	var w bytes.Buffer
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	ok(t, e.Encode(b))
	return bytes.TrimSuffix(w.Bytes(), []byte("\n"))
}

// entry returns the first log entry.
func (b *bundle) entry() *entry { return &b.Material.Entries[0] }

// proof writes the first log entry's proof as a C2SP tlog-proof.
func (b *bundle) proof() []byte {
	p := b.entry().Inclusion
	var w strings.Builder
	fmt.Fprintf(&w, "c2sp.org/tlog-proof@v1\nindex %d\n", int64(p.Index))
	for _, h := range p.Hashes {
		fmt.Fprintln(&w, base64.StdEncoding.EncodeToString(h))
	}
	w.WriteString("\n" + p.Checkpoint.Envelope)
	return []byte(w.String())
}

// members takes a stored zip apart by its local headers.
func members(t testing.TB, zip []byte) (names []string, files map[string][]byte) {
	t.Helper()
	files = map[string][]byte{}
	for rest := zip; bytes.HasPrefix(rest, []byte("PK\x03\x04")); {
		size, name := int(binary.LittleEndian.Uint32(rest[18:])), int(binary.LittleEndian.Uint16(rest[26:]))
		names = append(names, string(rest[30:30+name]))
		files[names[len(names)-1]] = rest[30+name : 30+name+size]
		rest = rest[30+name+size:]
	}
	return names, files
}

// replaced returns a zip with other contents, and with lengths, checksums and offsets that are right: that files were changed must be seen by what they say.
func replaced(t testing.TB, zip []byte, changed map[string][]byte) []byte {
	t.Helper()
	names, files := members(t, zip)
	var out, central []byte
	le := binary.LittleEndian
	local, directory := zip, zip[le.Uint32(zip[len(zip)-6:]):]
	for _, name := range names {
		data, other := changed[name]
		if !other {
			data = files[name]
		}
		for _, h := range []struct {
			from []byte
			at   int
			to   *[]byte
		}{{directory[:46+len(name)], 16, &central}, {local[:30+len(name)], 14, &out}} {
			header := slices.Clone(h.from)
			le.PutUint32(header[h.at:], crc32.ChecksumIEEE(data))
			le.PutUint32(header[h.at+4:], uint32(len(data)))
			le.PutUint32(header[h.at+8:], uint32(len(data)))
			if h.at == 16 {
				le.PutUint32(header[42:], uint32(len(out)))
			}
			*h.to = append(*h.to, header...)
		}
		out = append(out, data...)
		local, directory = local[30+len(name)+len(files[name]):], directory[46+len(name):]
	}
	end := slices.Clone(directory[:22])
	le.PutUint32(end[12:], uint32(len(central)))
	le.PutUint32(end[16:], uint32(len(out)))
	return slices.Concat(out, central, end)
}

// TestReplaced: the tests' own zip writer and bundle writer give what package credential writes, if nothing is bent.
func TestReplaced(t *testing.T) {
	f := newFixture(t, 3)
	_, files := members(t, f.zip)
	if again := replaced(t, f.zip, files); !bytes.Equal(again, f.zip) {
		t.Error("the zip is another one")
	}
	if !bytes.Equal(f.credential.proof(), files["credential.tlog-proof"]) {
		t.Errorf("the proof is another one:\n%s\n%s", f.credential.proof(), files["credential.tlog-proof"])
	}
}
