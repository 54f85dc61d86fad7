package credential

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/probat-lab/probat/statement"
)

// The members of the container, in its order. Disclosures stand between the status and the trust, disclosures/00.json first.
const (
	nameCredential      = "credential.sigstore.json"
	nameCredentialProof = "credential.tlog-proof"
	nameStatus          = "status.sigstore.json"
	nameStatusProof     = "status.tlog-proof"
	nameLabPub          = "trust/lab.pub"
	nameLabTrust        = "trust/lab.trust"
	nameTrustedRoot     = "trust/trusted_root.json"
	namePolicy          = "trust/policy.txt"
	nameReadme          = "README.txt"
)

const (
	// MaxDisclosures is how many disclosures a container has room for.
	MaxDisclosures = 100
	// MaxContainer bounds a container, in bytes.
	MaxContainer = 4 << 20
)

// member is one file of the container.
type member struct {
	name string
	data []byte
}

// The fixed fields of the zip format (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16).
const (
	localSignature   = "PK\x03\x04"
	centralSignature = "PK\x01\x02"
	endSignature     = "PK\x05\x06"
	localSize        = 30
	needed           = 10        // version: nothing but stored files
	madeBy           = 3<<8 | 10 // Unix, so that unzip sets the mode
	mode             = 0o100644  // a plain file
	dosDate          = 1<<5 | 1  // 1980-01-01, the first that there is
	longestName      = len("trust/trusted_root.json") + 1
)

// memberCap bounds what is read of each member, in bytes.
func memberCap(name string) int {
	switch name {
	case nameCredential, nameStatus:
		return maxBundle
	case nameCredentialProof, nameStatusProof, nameLabTrust:
		return maxTrust
	case nameLabPub, nameReadme:
		return 16 << 10
	case nameTrustedRoot, namePolicy:
		return 256 << 10
	}
	return maxDisclosure
}

// fixedNames are the members that are always there, in their order.
var fixedNames = []string{nameCredential, nameCredentialProof, nameStatus, nameStatusProof, nameLabPub, nameLabTrust, nameTrustedRoot, namePolicy, nameReadme}

// nextNames returns the names that may stand at a place, after so many disclosures; none after the last.
func nextNames(at, disclosures int) []string {
	fixed := at - disclosures
	switch {
	case fixed == len(fixedNames):
		return nil
	case fixedNames[fixed] == nameLabPub && disclosures < MaxDisclosures:
		return []string{nameLabPub, disclosureName(disclosures)}
	}
	return fixedNames[fixed : fixed+1]
}

func disclosureName(n int) string { return fmt.Sprintf("disclosures/%02d.json", n) }

// writeZip writes the members, stored, with one time, one mode and no other freedom: the same members give the same bytes.
func writeZip(members []member) []byte {
	var b, central []byte
	le16, le32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	for _, m := range members {
		offset := len(b)
		// What local and central header have in common.
		common := le16(nil, needed)
		common = le16(common, 0)       // flags: not encrypted, no descriptor after the data, name in ASCII
		common = le16(common, 0)       // stored
		common = le16(common, 0)       // midnight
		common = le16(common, dosDate) //
		common = le32(common, crc32.ChecksumIEEE(m.data))
		common = le32(common, uint32(len(m.data))) // as stored
		common = le32(common, uint32(len(m.data))) // as it was
		common = le16(common, uint16(len(m.name)))
		common = le16(common, 0) // extra fields
		b = append(b, localSignature...)
		b = append(b, common...)
		b = append(b, m.name...)
		b = append(b, m.data...)

		central = append(central, centralSignature...)
		central = le16(central, madeBy)
		central = append(central, common...)
		central = le16(central, 0) // comment
		central = le16(central, 0) // disk
		central = le16(central, 0) // internal attributes
		central = le32(central, mode<<16)
		central = le32(central, uint32(offset))
		central = append(central, m.name...)
	}
	size, offset := len(central), len(b)
	b = append(b, central...)
	b = append(b, endSignature...)
	b = le16(b, 0) // this disk
	b = le16(b, 0) // disk of the central directory
	b = le16(b, uint16(len(members)))
	b = le16(b, uint16(len(members)))
	b = le32(b, uint32(size))
	b = le32(b, uint32(offset))
	return le16(b, 0) // comment
}

// readZip reads a container in memory. It walks the local headers, of which it believes lengths only within what is there, then writes the same members again
// and compares all bytes. So whatever a zip can do beside holding these members is refused: other names and orders, two of a name, links, folders, compression, encryption, comments,
// extra fields, wrong checksums, directories that disagree with headers, bytes before, between and after.
func readZip(data []byte) ([]member, error) {
	if len(data) > MaxContainer {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", statement.ErrForm, len(data), MaxContainer)
	}
	var members []member
	disclosures := 0
	for rest := data; ; {
		expected := nextNames(len(members), disclosures)
		if expected == nil {
			break
		}
		if len(rest) < localSize+longestName || !bytes.HasPrefix(rest, []byte(localSignature)) {
			return nil, fmt.Errorf("%w: no file where %s should begin", statement.ErrForm, expected[0])
		}
		size, name := binary.LittleEndian.Uint32(rest[18:]), rest[localSize:]
		i := slices.IndexFunc(expected, func(e string) bool {
			return int(binary.LittleEndian.Uint16(rest[26:])) == len(e) && bytes.HasPrefix(name, []byte(e))
		})
		if i < 0 {
			return nil, fmt.Errorf("%w: another file where %s should be", statement.ErrForm, expected[0])
		}
		disclosures += i // the second of two names is that of a disclosure
		rest = name[len(expected[i]):]
		if limit := memberCap(expected[i]); int64(size) > int64(limit) || int64(size) > int64(len(rest)) {
			return nil, fmt.Errorf("%s: %w: %d bytes, at most %d are read, %d are there", expected[i], statement.ErrForm, size, limit, len(rest))
		}
		members = append(members, member{expected[i], rest[:size:size]})
		rest = rest[size:]
	}
	again := writeZip(members)
	if !bytes.Equal(again, data) {
		return nil, fmt.Errorf("%w: a header, a checksum or the directory is not what the files need: byte %d is the first", statement.ErrForm, firstDifference(again, data))
	}
	return members, nil
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
