package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/statement"
)

// identity is what a child says of a credential's file.
type identity struct {
	Disclosures []string `json:"disclosures"` // files that it holds
	ID          string   `json:"id"`
}

// identify returns the identity of a credential that is named by its file or by its 64 digits, and what its file has opened. The file is read
// in a child.
func (p *program) identify(ctx context.Context, arg string, level isolation) (id statement.ID, opened []*credential.Disclosure, err error) {
	if id, err := statement.ParseID(arg); err == nil {
		return id, nil, nil
	}
	abs, err := filepath.Abs(arg)
	if err != nil {
		return id, nil, err
	}
	if st, err := os.Stat(abs); err != nil || !st.Mode().IsRegular() {
		return id, nil, usage("CREDENTIAL is NAME.probat.zip, or the 64 digits of its identity", "there is no credential %q", arg)
	}
	var out bytes.Buffer
	o := sandbox.Options{Read: []string{abs}, OutLimit: maxCredential, Require: level.level()}
	if err := inChild(ctx, taskIdentify, abs, &out, o); err != nil {
		return id, nil, err
	}
	var is identity
	if err := statement.Decode(out.Bytes(), &is); err != nil {
		return id, nil, err
	}
	for _, text := range is.Disclosures {
		d, err := credential.ParseDisclosure([]byte(text))
		if err != nil {
			return id, nil, err
		}
		opened = append(opened, d)
	}
	id, err = statement.ParseID(is.ID)
	return id, opened, err
}

// maxCredential bounds what is read of a credential's file, in bytes.
const maxCredential = 64 << 20

// childIdentify writes the identity of the credential in a file to out.
func childIdentify(_ context.Context, in io.Reader, out, _ io.Writer) error {
	var path string
	if err := json.NewDecoder(in).Decode(&path); err != nil {
		return fmt.Errorf("reading what to identify: %w", err)
	}
	data, err := readBounded(path, maxCredential)
	if err != nil {
		return err
	}
	parts, err := credential.Open(data)
	if err != nil {
		return err
	}
	is := identity{Disclosures: []string{}, ID: parts.Credential.Envelope.ID().String()}
	for _, d := range parts.Disclosures {
		b, err := d.Bytes()
		if err != nil {
			return err
		}
		is.Disclosures = append(is.Disclosures, string(b))
	}
	b, err := statement.Encode(is)
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}
