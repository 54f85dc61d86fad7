package unpack

import "encoding/binary"

// shapes lists formats that have no magic and are known by how their bytes fit together.
var shapes = []struct {
	name string
	is   func(head []byte) bool
	kind formatKind
}{
	{"text", isText, plainContent},
	{"pe", isPE, plainContent},
	{"minix", isMinix, closedContainer},
	{"openpgp-keys", isOpenPGP, plainContent},
	{"der", isDER, plainContent},
	{"pkcs12", isPKCS12, encryptedContainer},
}

// isPE tells programs of Windows and UEFI: a DOS header whose e_lfanew (at 0x3c) leads to the PE signature (Microsoft, PE Format).
func isPE(head []byte) bool {
	if len(head) < 64 || head[0] != 'M' || head[1] != 'Z' {
		return false
	}
	at := binary.LittleEndian.Uint32(head[0x3c:])
	return uint64(at)+4 <= uint64(len(head)) && string(head[at:at+4]) == "PE\x00\x00"
}

// isMinix tells file systems of Minix, versions 1 to 3, little-endian. Their magics of two bytes are few: the number of inodes has to be the one
// that their map and their table have room for (include/uapi/linux/minix_fs.h of Linux, minix_super_block and minix3_super_block).
func isMinix(head []byte) bool {
	if len(head) < 2048 {
		return false
	}
	le := binary.LittleEndian
	s := head[1024:]
	inodes, block, perInode := uint32(le.Uint16(s)), uint32(1024), uint32(0)
	at := s[4:] // of the sizes of the maps
	switch le.Uint16(s[16:]) {
	case 0x137f, 0x138f:
		perInode = 32
	case 0x2468, 0x2478:
		perInode = 64
	default:
		if le.Uint16(s[24:]) != 0x4d5a {
			return false
		}
		inodes, block, perInode, at = le.Uint32(s), uint32(le.Uint16(s[28:])), 64, s[6:]
	}
	maps, zones, first := uint32(le.Uint16(at)), uint32(le.Uint16(at[2:])), uint32(le.Uint16(at[4:]))
	if inodes == 0 || inodes > 1<<24 || block < 1024 || zones == 0 {
		return false
	}
	table := (inodes*perInode + block - 1) / block
	return maps == inodes/(8*block)+1 && first == 2+maps+zones+table
}

// isOpenPGP tells whether bytes are packets of RFC 9580 (section 4.2) as they stand in a file of public keys: a key comes first, and as far as
// the head goes only keys, names, signatures and what GnuPG adds to them follow. None of them holds anything encrypted.
func isOpenPGP(head []byte) bool {
	if len(head) == 0 {
		return false
	}
	for first := true; len(head) > 0; first = false {
		tag, header, body, ok := openPGPPacket(head)
		if !ok {
			return !first && len(head) < 6 // the header may be cut off
		}
		switch tag {
		case 6: // public key
		case 2, 12, 13, 14, 17: // signature, trust, name, subkey, picture
			if first {
				return false
			}
		default:
			return false
		}
		rest := head[header:]
		if tag == 6 || tag == 14 {
			if len(rest) < 6 || rest[0] < 2 || rest[0] > 6 || body < 8 {
				return false
			}
		}
		if body >= int64(len(rest)) {
			return !first || body > int64(len(rest)) && len(head) >= smallestEncrypted || body == int64(len(rest))
		}
		head = rest[body:]
	}
	return true
}

// openPGPPacket reads a packet's header: its tag, and the lengths of header and body. Partial lengths are for data, not for keys.
func openPGPPacket(b []byte) (tag byte, header int, body int64, ok bool) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return 0, 0, 0, false
	}
	if b[0]&0x40 == 0 { // the old format
		switch n := 1 << (b[0] & 3); {
		case n == 8 || len(b) < 1+n:
			return 0, 0, 0, false
		case n == 1:
			body = int64(b[1])
		case n == 2:
			body = int64(binary.BigEndian.Uint16(b[1:]))
		default:
			body = int64(binary.BigEndian.Uint32(b[1:]))
		}
		return b[0] >> 2 & 15, 1 + 1<<(b[0]&3), body, true
	}
	switch l := b[1]; {
	case l < 192:
		return b[0] & 63, 2, int64(l), true
	case l < 224 && len(b) >= 3:
		return b[0] & 63, 3, (int64(l)-192)<<8 + int64(b[2]) + 192, true
	case l == 255 && len(b) >= 6:
		return b[0] & 63, 6, int64(binary.BigEndian.Uint32(b[2:])), true
	}
	return 0, 0, 0, false
}

// isPKCS12 tells whether bytes are a key store of PKCS #12 (RFC 7292): version 3, and in it signed or plain data.
func isPKCS12(head []byte) bool {
	in := inDER(head)
	return in != nil && string(in[:4]) == "\x02\x01\x03\x30"
}

// inDER returns what stands in a sequence that begins the head and is all of the content, at least 11 bytes; else nil.
func inDER(head []byte) []byte {
	if len(head) < 16 || head[0] != 0x30 || head[1] < 0x81 || head[1] > 0x83 {
		return nil
	}
	n := int(head[1] & 0x7f)
	size := 0
	for _, c := range head[2 : 2+n] {
		size = size<<8 | int(c)
	}
	if size < 1<<(8*(n-1)) && n > 1 || size < 0x80 || len(head) < sniffLen && len(head) != 2+n+size {
		return nil
	}
	return head[2+n:]
}

// isDER tells whether bytes begin as an X.509 certificate, a list of revoked ones, a key or a signed message does in DER (X.690): a
// sequence, its length in the fewest bytes, and in it a sequence, a version or the identifier of a PKCS #7 content.
func isDER(head []byte) bool {
	in := inDER(head)
	switch {
	case in == nil:
		return false
	case in[0] == 0x30 && in[1] >= 0x80 && in[1] <= 0x83: // to be signed
		return true
	case string(in[:3]) == "\x02\x01\x00" || string(in[:3]) == "\x02\x01\x01": // a version
		return in[3] == 0x30 || in[3] == 0x02
	}
	return string(in[:11]) == "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" // signed data
}
