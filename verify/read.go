package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger/proof"
)

// mostRead bounds a file whose parser has a smaller bound of its own, in bytes.
const mostRead = 4 << 20

// input reads everything that the customer has beside the credential.
func (c *command) input() (credential.Input, error) {
	in := credential.Input{Now: c.now, MaxStatusAge: c.maxStatusAge, RequirePassed: c.requirePassed, Policy: c.policy}
	if c.trust != "" {
		data, err := read("the trust file", c.trust, mostRead)
		if err != nil {
			return in, err
		}
		if in.Trust, err = credential.ParseTrust(data); err != nil {
			return in, fmt.Errorf("%q cannot be used: %w", c.trust, err)
		}
	}
	for _, name := range c.files {
		sum, err := hashFile(name)
		if err != nil {
			return in, err
		}
		in.Files = append(in.Files, credential.File{Name: name, SHA256: sum})
	}
	for _, name := range c.status {
		data, err := read("the status list", name, mostRead)
		if err != nil {
			return in, err
		}
		in.Status = append(in.Status, data)
	}
	for _, name := range c.disclosures {
		data, err := read("the disclosure", name, mostRead)
		if err != nil {
			return in, err
		}
		in.Disclosures = append(in.Disclosures, data)
	}
	for _, name := range c.known {
		data, err := read("the known checkpoint", name, mostRead)
		if err != nil {
			return in, err
		}
		known, err := proof.ParseSigned(data)
		if err != nil {
			return in, fmt.Errorf("the known checkpoint %q: %w", name, err)
		}
		in.Known = append(in.Known, known)
	}
	if c.tiles != "" {
		in.Tiles = tiles{c.tiles}
	}
	if c.seen == "" {
		return in, nil
	}
	var err error
	in.Seen, err = readSeen(c.seen)
	return in, err
}

// credential reads the container that is named.
func (c *command) credential(name string) ([]byte, error) {
	if name != "-" {
		return read("the credential", name, credential.MaxContainer+1)
	}
	data, err := io.ReadAll(io.LimitReader(c.in, credential.MaxContainer+1))
	if err != nil {
		return nil, fmt.Errorf("reading the credential from standard input: %w", err)
	}
	return data, nil
}

// read reads a file of which it is said what it is. That it does not exist stays visible to os.IsNotExist.
func read(what, name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, &fs.PathError{Op: "reading " + what, Path: name, Err: fs.ErrNotExist}
		}
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	return data, nil
}

// hashFile reads a delivered file once, without holding it.
func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("reading the delivered file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading the delivered file: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// convict writes the proof against a log. It never overwrites a file: that could be another such proof.
func (c *command) convict(e *proof.Equivocation) error {
	if c.equivocation == "" || e == nil {
		return nil
	}
	f, err := os.OpenFile(c.equivocation, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("writing the proof against the log: %w", err)
	}
	if _, err = f.Write(e.Bytes()); err == nil {
		err = f.Sync()
	}
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	if err != nil {
		return fmt.Errorf("writing the proof against the log: %w", err)
	}
	return nil
}

// tiles reads hashes from a folder of C2SP tiles. Whatever is in it, package credential believes only what it proves.
type tiles struct{ dir string }

// ReadHashes implements tlog.HashReader.
func (t tiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, len(indexes))
	for _, i := range indexes {
		tile := tlog.TileForIndex(proof.TileHeight, i)
		data, err := t.read(&tile)
		if err != nil {
			return nil, err
		}
		h, err := tlog.HashFromTile(tile, data, i)
		if err != nil {
			return nil, fmt.Errorf("reading a tile: %w", err)
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

// read finds the tile that has at least as many hashes as are needed, and sets how many it has.
func (t tiles) read(tile *tlog.Tile) ([]byte, error) {
	need := tile.W
	tile.W = 1 << proof.TileHeight
	full := filepath.Join(t.dir, filepath.FromSlash(proof.TilePath(*tile)))
	widths := []int{tile.W}
	entries, _ := os.ReadDir(full + ".p") // absent for a full tile
	for _, e := range entries {
		if w, err := strconv.Atoi(e.Name()); err == nil && w >= need && w < tile.W {
			widths = append(widths, w)
		}
	}
	slices.Sort(widths)
	for _, w := range slices.Backward(widths) {
		tile.W = w
		data, err := read("a tile", filepath.Join(t.dir, filepath.FromSlash(proof.TilePath(*tile))), tlog.HashSize<<proof.TileHeight+1)
		if err == nil && len(data) == w*tlog.HashSize {
			return data, nil
		}
	}
	return nil, fmt.Errorf("reading the tiles: %q is not there, or damaged", full)
}
