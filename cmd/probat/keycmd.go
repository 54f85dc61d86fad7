package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/statement"
)

func (p *program) keyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "key", Short: "Make your party's own signing key, so that a lab need not speak for you",
		Long: `A party that has registered a key of its own signs what it hands in; the lab's receipt then names that key. Without one the lab's word stands
alone: the receipt says that the lab attests it.`,
	}
	c.AddCommand(p.keyNewCommand())
	return c
}

// pubSuffix ends the name of the file with a key's public half.
const pubSuffix = ".pub"

func (p *program) keyNewCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new FILE",
		Short: "Make a signing key, sealed by a passphrase",
		Long: `new makes a signing key (ECDSA on P-256) in FILE, sealed by a passphrase, which is asked for twice, or read from PROBAT_PASSPHRASE. The public
half goes into FILE.pub (PEM) and is shown as base64 of its SubjectPublicKeyInfo, with the fingerprint that the lab will show.

The key counts once the admin of your party has registered the public half in the lab; it counts for nothing before. FILE and its passphrase
never leave this machine: who has both signs for your party. If that may be somebody else, the admin ends the key in the lab.

Exit codes: 0 made; 2 wrong usage, or one of the files is there already`,
		Example: `  probat key new vendor.key
  probat submit router.img --declaration product.yaml --to https://lab.example --key vendor.key`,
		Args: exact("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return p.keyNew(c.Context(), args[0]) },
	}
}

func (p *program) keyNew(ctx context.Context, path string) error {
	for _, f := range []string{path, path + pubSuffix} {
		if _, err := os.Lstat(f); err == nil {
			return usage("choose another name; a key is never replaced", "%q is there already", f)
		}
	}
	passphrase, err := p.newPassphrase(ctx)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	public, err := statement.NewKey(&key.PublicKey)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding the key: %w", err)
	}
	sealed, err := sealWith(passphrase, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		return fmt.Errorf("sealing the key: %w", err)
	}
	readable := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public.SPKI()})
	if err := writeOnce(path, sealed, 0o600); err != nil {
		return err
	}
	if err := writeOnce(path+pubSuffix, readable, 0o644); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	p.say("key          %s, sealed by the passphrase\nfingerprint  %s\npublic key   %s\n\n%s", path, public.ID(), public, readable)
	p.say("The admin of your party registers the public key in the lab, on its page about the party, and compares the fingerprint.")
	p.say("next: %s submit PRODUCT --to URL --key %s", self(), quoteArg(path))
	return nil
}

// writeOnce writes a file that must not exist yet, durably and whole, or leaves none.
func writeOnce(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return usage("choose another place", "writing the key: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the key: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// openKey opens a party's own signing key. A person gets three tries.
func (p *program) openKey(ctx context.Context, path string) (*ecdsa.PrivateKey, error) {
	sealed, err := readBounded(path, 64<<10)
	if err != nil {
		return nil, usage("make one: probat key new FILE", "reading the key %q: %w", path, pathless(err))
	}
	key, err := p.unsealKey(ctx, path, sealed)
	for try := 1; try < 3 && errors.Is(err, lab.ErrPassphrase) && p.canAsk(); try++ {
		fmt.Fprintln(p.err, "that is not it; once more")
		key, err = p.unsealKey(ctx, path, sealed)
	}
	if errors.Is(err, lab.ErrPassphrase) {
		return nil, &exitError{exitUsage, err, "set " + passphraseVariable + " to the passphrase that was given to probat key new, or leave it unset to be asked"}
	}
	return key, err
}

func (p *program) unsealKey(ctx context.Context, path string, sealed []byte) (*ecdsa.PrivateKey, error) {
	passphrase, err := p.passphrase(ctx)
	if err != nil {
		return nil, err
	}
	if passphrase == "" {
		return nil, fmt.Errorf("opening the key %q: %w: it is empty", path, lab.ErrPassphrase)
	}
	by, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("taking the passphrase: %w", err)
	}
	wrong := func(err error) error {
		return usage("a key is what probat key new FILE writes", "opening the key %q: %w", path, err)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), by)
	var mismatch *age.NoIdentityMatchError
	switch {
	case errors.As(err, &mismatch):
		return nil, fmt.Errorf("opening the key %q: %w", path, lab.ErrPassphrase)
	case err != nil:
		return nil, wrong(err)
	}
	data, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err != nil {
		return nil, wrong(err)
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		return nil, wrong(errors.New("there is no private key in it"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, wrong(err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, wrong(errors.New("it is no ECDSA key on P-256"))
	}
	return key, nil
}
