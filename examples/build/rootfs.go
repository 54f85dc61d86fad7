package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// rootfs is a root file system: what stands at each path, without a leading slash.
type rootfs struct {
	entries map[string]*entry
}

// entry is one node. Its type is one of archive/tar's.
type entry struct {
	kind         byte
	mode         int64
	uid, gid     int
	data         []byte
	target       string // of a symbolic link
	major, minor int64
	capability   uint32 // bit set of file capabilities, permitted and effective
}

func (r *rootfs) put(p string, e entry) { r.entries[p] = &e }

// squashfs makes the image. Owners, devices and capabilities come from a tar archive on standard input, so that no privilege is needed.
func (r *rootfs) squashfs(ctx context.Context) ([]byte, error) {
	archive, err := r.tar()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "edge-router-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "root.squashfs")
	cmd := exec.CommandContext(ctx, "mksquashfs", "-", image, "-tar", "-reproducible", "-mkfs-time", fmt.Sprint(built.Unix()),
		"-comp", "gzip", "-b", "131072", "-processors", "1", "-no-progress", "-quiet", "-all-time", fmt.Sprint(built.Unix()), "-root-mode", "0755", "-root-uid", "0", "-root-gid", "0")
	cmd.Stdin = bytes.NewReader(archive)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "SOURCE_DATE_EPOCH=") }), "TZ=UTC")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mksquashfs: %w\n%s", err, out)
	}
	return os.ReadFile(image)
}

// tar writes the entries in order of their paths.
func (r *rootfs) tar() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, p := range slices.Sorted(maps.Keys(r.entries)) {
		e := r.entries[p]
		h := &tar.Header{
			Format: tar.FormatPAX, Name: p, Typeflag: e.kind, Mode: e.mode, Uid: e.uid, Gid: e.gid, Size: int64(len(e.data)),
			Linkname: e.target, Devmajor: e.major, Devminor: e.minor, ModTime: built,
		}
		if e.kind == tar.TypeDir {
			h.Name += "/"
		}
		if e.capability != 0 {
			h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": capabilityAttr(e.capability)}
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// capabilityAttr encodes file capabilities below 32 as struct vfs_cap_data, revision 2, effective (linux/capability.h).
func capabilityAttr(permitted uint32) string {
	b := make([]byte, 20)
	binary.LittleEndian.PutUint32(b, 0x02000000|1)
	binary.LittleEndian.PutUint32(b[4:], permitted)
	return string(b)
}

const capNetRaw = 1 << 13 // linux/capability.h

// addParts takes what is kept as files: text with rights for all to read, start scripts with those to run.
func (r *rootfs) addParts() error {
	tree, err := fs.Sub(parts, "parts/rootfs")
	if err != nil {
		return err
	}
	return fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return err
		}
		if d.IsDir() {
			r.put(p, entry{kind: tar.TypeDir, mode: 0o755})
			return nil
		}
		data, err := fs.ReadFile(tree, p)
		mode := int64(0o644)
		if dir := path.Dir(p); dir == "etc/init.d" || dir == "www/cgi-bin" {
			mode = 0o755
		}
		r.put(p, entry{kind: tar.TypeReg, mode: mode, data: data})
		return err
	})
}

func (r *rootfs) addPrograms() error {
	for p, name := range map[string]string{
		"bin/toolbox": "toolbox", "bin/ping": "ping", "usr/bin/edgectl": "edgectl", "usr/sbin/routed": "routed",
		"usr/sbin/statsd": "statsd", "usr/sbin/uhttpd": "httpd", "usr/lib/libedge.so.1": "libedge.so.1",
	} {
		data, err := parts.ReadFile("parts/bin/" + name)
		if err != nil {
			return err
		}
		r.put(p, entry{kind: tar.TypeReg, mode: 0o755, data: data})
	}
	for _, p := range []string{"bin/sh", "bin/login", "bin/mount", "sbin/init", "sbin/getty", "sbin/syslogd"} {
		r.put(p, entry{kind: tar.TypeSymlink, mode: 0o777, target: path.Join("/bin", "toolbox")})
	}
	for _, p := range []string{"usr/sbin/inetd", "usr/sbin/telnetd", "usr/sbin/sshd", "usr/sbin/snmpd"} {
		r.put(p, entry{kind: tar.TypeSymlink, mode: 0o777, target: "../../bin/toolbox"})
	}
	return nil
}
