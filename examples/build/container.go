package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// uImage puts a payload behind the legacy header of Das U-Boot (include/image.h there): big-endian, the header's own checksum computed
// with that field zero.
func uImage(name string, payload []byte) []byte {
	const (
		magic          = 0x27051956
		linux          = 5
		x86_64         = 24
		typeFilesystem = 7
		uncompressed   = 0
	)
	h := make([]byte, 64)
	be := binary.BigEndian
	be.PutUint32(h[0:], magic)
	be.PutUint32(h[8:], uint32(built.Unix()))
	be.PutUint32(h[12:], uint32(len(payload)))
	be.PutUint32(h[24:], crc32.ChecksumIEEE(payload))
	h[28], h[29], h[30], h[31] = linux, x86_64, typeFilesystem, uncompressed
	copy(h[32:63], name)
	be.PutUint32(h[4:], crc32.ChecksumIEEE(h))
	return append(h, payload...)
}

// member is a file of the archive, or a directory where the name ends in a slash.
type member struct {
	name string
	mode int64
	data []byte
}

func tarGz(members []member) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	for _, m := range members {
		h := &tar.Header{Format: tar.FormatUSTAR, Name: m.name, Mode: m.mode, Size: int64(len(m.data)), ModTime: built, Typeflag: tar.TypeReg}
		if m.name[len(m.name)-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(m.data); err != nil {
			return nil, err
		}
	}
	err = errors.Join(w.Close(), z.Close())
	return b.Bytes(), err
}
