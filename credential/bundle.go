package credential

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

const bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// maxBundle bounds a bundle, in bytes: an envelope in base64, and a checkpoint that 32 witnesses cosigned with ML-DSA-44.
const maxBundle = 768 << 10

// Bundle is a statement with the proof that it is in the log, as tools of Sigstore read it (bundle v0.3, JSON): DSSE envelope, Rekor v2 entry, checkpoint.
type Bundle struct {
	Envelope *statement.Envelope
	Leaf     proof.Leaf
	LogID    [sha256.Size]byte // of the log's key: what the four bytes in its signature lines begin
	Proof    *proof.Proof
}

type bundleJSON struct {
	DSSEEnvelope         json.RawMessage `json:"dsseEnvelope"`
	MediaType            string          `json:"mediaType"`
	VerificationMaterial materialJSON    `json:"verificationMaterial"`
}

type materialJSON struct {
	PublicKey   hintJSON    `json:"publicKey"`
	TlogEntries []entryJSON `json:"tlogEntries"`
}

type hintJSON struct {
	Hint string `json:"hint"`
}

type entryJSON struct {
	CanonicalizedBody []byte        `json:"canonicalizedBody"`
	InclusionProof    inclusionJSON `json:"inclusionProof"`
	KindVersion       kindJSON      `json:"kindVersion"`
	LogID             logIDJSON     `json:"logId"`
	LogIndex          string        `json:"logIndex"`
}

type inclusionJSON struct {
	Checkpoint checkpointJSON `json:"checkpoint"`
	Hashes     [][]byte       `json:"hashes"`
	LogIndex   string         `json:"logIndex"`
	RootHash   []byte         `json:"rootHash"`
	TreeSize   string         `json:"treeSize"`
}

type checkpointJSON struct {
	Envelope string `json:"envelope"`
}

type kindJSON struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
}

type logIDJSON struct {
	KeyID []byte `json:"keyId"`
}

// NewBundle puts a statement and its proof together. It checks nothing: [Verify] does.
func NewBundle(e *statement.Envelope, signer *statement.Key, log proof.LogKey, p *proof.Proof) *Bundle {
	return &Bundle{e, LeafOf(e, signer), logID(log), p}
}

// LeafOf returns the leaf of a statement.
func LeafOf(e *statement.Envelope, signer *statement.Key) proof.Leaf {
	return proof.Leaf{Digest: e.ID(), Signature: e.Signature, Key: signer.SPKI()}
}

// logID is the whole hash of which a signature line has four bytes: SHA-256 of name, newline, type and key (C2SP signed-note).
func logID(k proof.LogKey) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(k.Name()+"\n\x01"), k.PublicKey()...))
}

// Bytes returns the bundle as canonical JSON.
func (b *Bundle) Bytes() []byte {
	c, index := b.Proof.Checkpoint, strconv.FormatInt(b.Proof.Index, 10)
	hashes := [][]byte{}
	for _, h := range b.Proof.Hashes {
		hashes = append(hashes, h[:])
	}
	data, err := statement.Encode(bundleJSON{
		b.Envelope.Bytes(), bundleMediaType, materialJSON{
			hintJSON{b.Envelope.KeyID},
			[]entryJSON{{
				b.Leaf.Bytes(),
				inclusionJSON{checkpointJSON{string(c.Bytes())}, hashes, index, c.Root[:], strconv.FormatInt(c.Size, 10)},
				kindJSON{"hashedrekord", "0.0.2"},
				logIDJSON{b.LogID[:]},
				index,
			}},
		},
	})
	if err != nil {
		panic("credential: " + err.Error()) // bytes, digits and what was parsed as UTF-8 always encode
	}
	return data
}

// ParseBundle reads a bundle, and refuses whatever Bytes would not write. Nothing is verified yet, and its parts may not belong together: [Verify] says.
func ParseBundle(data []byte) (*Bundle, error) {
	fail := func(err error) (*Bundle, error) { return nil, fmt.Errorf("reading a bundle: %w", err) }
	if len(data) > maxBundle {
		return fail(fmt.Errorf("%w: %d bytes, at most %d are read", statement.ErrForm, len(data), maxBundle))
	}
	var x bundleJSON
	if err := statement.Decode(data, &x); err != nil {
		return fail(err)
	}
	if len(x.VerificationMaterial.TlogEntries) != 1 {
		return fail(fmt.Errorf("%w: %d log entries, not one", statement.ErrForm, len(x.VerificationMaterial.TlogEntries)))
	}
	entry := &x.VerificationMaterial.TlogEntries[0]
	if len(entry.LogID.KeyID) != sha256.Size {
		return fail(fmt.Errorf("%w: a log's identity of %d bytes", statement.ErrForm, len(entry.LogID.KeyID)))
	}
	b := &Bundle{LogID: [sha256.Size]byte(entry.LogID.KeyID)}
	var err error
	if b.Envelope, err = statement.ParseEnvelope(x.DSSEEnvelope); err != nil {
		return fail(err)
	}
	if b.Leaf, err = proof.ParseLeaf(entry.CanonicalizedBody); err != nil {
		return fail(err)
	}
	if b.Proof, err = entry.InclusionProof.proof(); err != nil {
		return fail(err)
	}
	// Also false for another media type, kind, hint, root, size or second index: Bytes writes them from what they repeat.
	if !bytes.Equal(b.Bytes(), data) {
		return fail(fmt.Errorf("%w: what it says twice differs, or it is another kind of bundle", statement.ErrForm))
	}
	return b, nil
}

func (x *inclusionJSON) proof() (*proof.Proof, error) {
	p := &proof.Proof{}
	var err error
	if p.Index, err = strconv.ParseInt(x.LogIndex, 10, 64); err != nil || p.Index < 0 {
		return nil, fmt.Errorf("%w: log index %q", statement.ErrForm, x.LogIndex)
	}
	if p.Checkpoint, err = proof.ParseSigned([]byte(x.Checkpoint.Envelope)); err != nil {
		return nil, err
	}
	if p.Index >= p.Checkpoint.Size || len(x.Hashes) > proof.MaxHashes {
		return nil, fmt.Errorf("%w: leaf %d of %d with %d hashes", statement.ErrForm, p.Index, p.Checkpoint.Size, len(x.Hashes))
	}
	for _, h := range x.Hashes {
		if len(h) != tlog.HashSize {
			return nil, fmt.Errorf("%w: a hash of %d bytes", statement.ErrForm, len(h))
		}
		p.Hashes = append(p.Hashes, tlog.Hash(h))
	}
	return p, nil
}

type trustedRootJSON struct {
	CertificateAuthorities []string      `json:"certificateAuthorities"` // always empty: keys, not certificates
	CTLogs                 []string      `json:"ctlogs"`                 // always empty
	MediaType              string        `json:"mediaType"`
	TimestampAuthorities   []string      `json:"timestampAuthorities"` // always empty: witnesses give the time
	TLogs                  []trustedJSON `json:"tlogs"`
}

type trustedJSON struct {
	BaseURL       string           `json:"baseUrl"`
	HashAlgorithm string           `json:"hashAlgorithm"`
	LogID         logIDJSON        `json:"logId"`
	PublicKey     trustedPublicKey `json:"publicKey"`
}

type trustedPublicKey struct {
	KeyDetails string       `json:"keyDetails"`
	RawBytes   []byte       `json:"rawBytes"` // SubjectPublicKeyInfo
	ValidFor   validForJSON `json:"validFor"`
}

type validForJSON struct {
	Start string `json:"start"`
}

// TrustedRoot returns trusted_root.json for tools of Sigstore: the logs of the policy. Those tools find a log by the host name in baseUrl, which is the origin.
func (p *Pinned) TrustedRoot() []byte {
	start := p.Trust.Act.Time // the earliest time at which anything of this lab counts
	for _, k := range p.Trust.Keys {
		start = min(start, k.From)
	}
	root := trustedRootJSON{[]string{}, []string{}, "application/vnd.dev.sigstore.trustedroot+json;version=0.1", []string{}, []trustedJSON{}}
	for _, l := range p.Policy.Logs() {
		id := logID(l.Key)
		root.TLogs = append(root.TLogs, trustedJSON{
			"https://" + l.Key.Name(), "SHA2_256", logIDJSON{id[:]}, trustedPublicKey{"PKIX_ED25519", ed25519SPKI(l.Key.PublicKey()), validForJSON{start}},
		})
	}
	data, err := statement.Encode(root)
	if err != nil {
		panic("credential: " + err.Error()) // an origin is a host name, the rest are bytes and a time
	}
	return append(data, '\n')
}

// ed25519SPKI is the SubjectPublicKeyInfo (RFC 8410 section 4) of an Ed25519 key.
func ed25519SPKI(k ed25519.PublicKey) []byte {
	return append([]byte("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"), k...)
}

// labPub is lab.pub for cosign and openssl: the key that signed the credential, in PEM.
func labPub(leaf proof.Leaf) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: leaf.Key})
}
