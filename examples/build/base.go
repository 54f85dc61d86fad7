package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// baseRoot is the root file system without defects. The decoys of truth.yaml are in it.
func baseRoot() (*rootfs, error) {
	r := &rootfs{entries: map[string]*entry{}}
	for _, p := range []string{
		"bin", "dev", "home", "home/admin", "home/ops", "home/support", "home/backup", "lib", "proc", "root", "run", "sbin", "tmp", "usr", "usr/bin", "usr/lib",
		"usr/lib/firmware", "usr/sbin", "var", "var/lib", "var/lib/stats",
	} {
		r.put(p, entry{kind: tar.TypeDir, mode: 0o755})
	}
	if err := r.addParts(); err != nil {
		return nil, err
	}
	if err := r.addPrograms(); err != nil {
		return nil, err
	}
	r.put("dev/console", entry{kind: tar.TypeChar, mode: 0o600, major: 5, minor: 1})
	r.put("dev/null", entry{kind: tar.TypeChar, mode: 0o666, major: 1, minor: 3})
	// Firmware of the radio comes encrypted from its maker: nobody can look into it.
	r.put("usr/lib/firmware/radio.bin", entry{kind: tar.TypeReg, mode: 0o644, data: noise("radio firmware", 32<<10)})
	for p, change := range map[string]func(*entry){
		"tmp":                     rights(0o1777, 0, 0),
		"root":                    rights(0o700, 0, 0),
		"home/admin":              rights(0o700, 1000, 1000),
		"home/ops":                rights(0o700, 1001, 1001),
		"home/support":            rights(0o700, 1003, 1003),
		"home/backup":             rights(0o700, 1004, 1004),
		"etc/shadow":              rights(0o600, 0, 0),
		"etc/shadow-":             rights(0o600, 0, 0),
		"etc/edge/edge.conf":      rights(0o600, 0, 0),
		"etc/snmp/snmpd.conf":     rights(0o600, 0, 0),
		"etc/uhttpd/uhttpd.conf":  rights(0o600, 0, 0),
		"usr/bin/edgectl":         rights(0o4755, 0, 0),
		"var/lib/stats":           rights(0o750, 34, 34),
		"var/log/audit":           rights(0o700, 0, 0),
		"var/log/audit/audit.log": rights(0o600, 0, 0),
		"var/log/messages":        rights(0o640, 0, 4),
		"var/log/wtmp":            rights(0o664, 0, 0),
		"bin/ping":                func(e *entry) { e.capability = capNetRaw },
	} {
		e, ok := r.entries[p]
		if !ok {
			return nil, fmt.Errorf("there is no %q", p)
		}
		change(e)
	}
	return r, nil
}

func rights(mode int64, uid, gid int) func(*entry) {
	return func(e *entry) { e.mode, e.uid, e.gid = mode, uid, gid }
}

// noise returns n bytes that look encrypted, the same each time: SHA-256 of a name and a counter.
func noise(name string, n int) []byte {
	var b []byte
	for i := uint64(0); len(b) < n; i++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}
