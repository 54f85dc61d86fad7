package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/store/records"
	"github.com/probat-lab/probat/strictyaml"
)

// serverConfig is what a server is told.
type serverConfig struct {
	listen, publicURL string
	passphrase        string  // empty: it is asked for
	rate              float64 // requests a second of one person; 0: the default
}

const defaultListen = "127.0.0.1:8080"

// serveName is the configuration in the lab's folder.
const serveName = "serve.yaml"

// serverConfig reads the configuration, and what flags say over it.
func (p *program) serverConfig(o *serveOptions) (*serverConfig, error) {
	c := &serverConfig{}
	o.dir = cmp.Or(o.dir, os.Getenv(labVariable), "lab")
	path, must := cmp.Or(o.config, filepath.Join(o.dir, serveName)), o.config != ""
	data, err := readBounded(path, strictyaml.MaxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !must:
	case err != nil:
		return nil, &exitError{exitUsage, fmt.Errorf("reading the configuration %q: %w", path, pathless(err)), "--config names a file"}
	default:
		if err := c.parse(path, data); err != nil {
			return nil, err
		}
	}
	c.listen = cmp.Or(o.listen, c.listen, defaultListen)
	if o.demo {
		if o.listen == "" {
			c.listen = "127.0.0.1:0"
		}
		host, _, err := net.SplitHostPort(c.listen)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, usage("--listen 127.0.0.1:8080", "a demo listens on loopback only, not on %q", c.listen)
		}
		c.passphrase = rand.Text()
	}
	return c, nil
}

func (c *serverConfig) parse(path string, data []byte) error {
	errs := strictyaml.NewErrors(path, "a server's configuration")
	r := strictyaml.NewRecord(strictyaml.Parse(data, errs), errs, "a server's configuration")
	c.listen, c.publicURL = r.Text("listen"), strings.TrimSuffix(r.Text("public_url"), "/")
	if s := r.Text("requests_per_second"); s != "" {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n <= 0 || n > 1e6 {
			errs.Add(r.At("requests_per_second"), "requests_per_second is a number above 0")
		}
		c.rate = n
	}
	if file := r.Text("passphrase_file"); file != "" {
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(path), file)
		}
		text, err := readBounded(file, 64<<10)
		if err != nil {
			errs.Add(r.At("passphrase_file"), "passphrase_file cannot be read: %v", pathless(err))
		}
		c.passphrase = strings.TrimRight(string(text), "\r\n")
	}
	r.Done()
	return errs.Err()
}

// vaultName is the folder in the lab's in which the server keeps what it encrypts.
const vaultName = "vault"

// keptByServer tells of dossiers that a server of this lab keeps in its vault. Without keys it sees that objects are there, not what is in them.
func keptByServer(ctx context.Context, l *lab.Lab) (seal.Elsewhere, error) {
	dossiers, err := records.New(l.DB).HeldDossiers(ctx)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	s, err := blob.Open(ctx, filepath.Join(l.Dir, vaultName), blob.Private)
	if errors.Is(err, fs.ErrNotExist) {
		return func(string) (bool, []string) { return false, nil }, nil
	}
	if err != nil {
		return nil, err
	}
	for name, err := range s.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		there[path.Base(name)] = true
	}
	return func(digest string) (bool, []string) {
		held, known := dossiers[digest]
		var missing []string
		for _, h := range held {
			if !there[h.Address+"."+h.Object] {
				missing = append(missing, h.Name)
			}
		}
		return known, missing
	}, nil
}
