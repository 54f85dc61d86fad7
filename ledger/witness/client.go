package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// Errors of a client.
var (
	// ErrConflict: the witness has another size than it was asked about.
	ErrConflict = errors.New("the witness has another size")
	// ErrNotCosigned: the witness's answer holds no cosignature of a key that is known.
	ErrNotCosigned = errors.New("no cosignature of a known key")
	// ErrContradiction: the witness answers 409 without end, or with the very size it was asked about.
	ErrContradiction = errors.New("the witness contradicts itself")
	// ErrStatus: the witness has refused; the text says with which status.
	ErrStatus = errors.New("refused")
)

const (
	// DefaultTimeout is how long one exchange with a witness, a source or a collector may take.
	DefaultTimeout = 10 * time.Second
	// maxRounds is how many conflicts in a row a client takes.
	maxRounds = 4
)

// ClientConfig says which witness a client asks, about which log.
type ClientConfig struct {
	// Name is what the lab calls the witness, normally the name of its key.
	Name string
	// Origin is the log's.
	Origin string
	// URL is the submission prefix, http or https. Monitoring is where checkpoints are read; the same if empty.
	URL, Monitoring string
	// Keys are those of the witness, at least one. Cosignatures of others are ignored.
	Keys []proof.WitnessKey
	// Timeout is for one exchange, from dialling to the last byte; 0 means [DefaultTimeout].
	Timeout time.Duration
	// Transport is http.DefaultTransport's like if nil.
	Transport http.RoundTripper
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Client asks one witness about one log. It may be used from several goroutines.
type Client struct {
	name, origin    string
	submit, monitor string
	keys            []proof.WitnessKey
	web             web
	now             func() time.Time
}

// NewClient makes a client. Nothing is asked yet.
func NewClient(c ClientConfig) (*Client, error) {
	if c.Origin == "" || len(c.Keys) == 0 || slices.ContainsFunc(c.Keys, proof.WitnessKey.IsZero) {
		return nil, fmt.Errorf("making client of witness %q: origin or key is missing", c.Name)
	}
	if c.Monitoring == "" {
		c.Monitoring = c.URL
	}
	cl := &Client{name: c.Name, origin: c.Origin, keys: slices.Clone(c.Keys), web: newWeb(c.Transport, c.Timeout), now: c.Now}
	if cl.now == nil {
		cl.now = time.Now
	}
	var err error
	if cl.submit, err = checkURL(c.URL); err != nil {
		return nil, fmt.Errorf("making client of witness %q: %w", c.Name, err)
	}
	if cl.monitor, err = checkURL(c.Monitoring); err != nil {
		return nil, fmt.Errorf("making client of witness %q: %w", c.Name, err)
	}
	return cl, nil
}

// Name returns what the lab calls the witness.
func (c *Client) Name() string { return c.name }

// Cosign asks once for cosignatures of a checkpoint. old is the size that the witness is believed to have, consistency leads from there to the checkpoint.
//
// It returns the lines of known keys, all verified, and the checkpoint's size. If the witness has another size than old the error is [ErrConflict], with that size: ask again with the proof
// from there, a bounded number of times ([Client.CosignFrom] does), if it is not larger than the checkpoint. With any other error the size is -1. [ErrNotCosigned], [ErrContradiction],
// [ErrStatus] and proof.ErrBadSignature can be told apart; 422 (which the text of ErrStatus says) means that the witness has seen another history, or the proof was wrong.
func (c *Client) Cosign(ctx context.Context, old int64, consistency []tlog.Hash, s *proof.SignedCheckpoint) (lines []proof.SignatureLine, size int64, err error) {
	size = -1
	if s.Origin != c.origin {
		err = fmt.Errorf("it is asked about %q", c.origin)
	} else if lines, err = c.ask(ctx, old, consistency, s); err == nil {
		return lines, s.Size, nil
	}
	var other *conflict
	if errors.As(err, &other) {
		size = other.size
	}
	return nil, size, fmt.Errorf("asking witness %q to cosign %d leaves of %q: %w", c.name, s.Size, s.Origin, err)
}

// conflict is what 409 says.
type conflict struct{ size int64 }

func (e *conflict) Error() string { return fmt.Sprintf("it has %d leaves: %v", e.size, ErrConflict) }
func (e *conflict) Unwrap() error { return ErrConflict }

func (c *Client) ask(ctx context.Context, old int64, consistency []tlog.Hash, s *proof.SignedCheckpoint) ([]proof.SignatureLine, error) {
	// Only what the log has signed: other witnesses' lines are of no use to this one, and with ML-DSA-44 they are long.
	note := &proof.SignedCheckpoint{Checkpoint: s.Checkpoint}
	for _, l := range s.Lines {
		if l.Name == s.Origin {
			note.Lines = append(note.Lines, l)
		}
	}
	body := (&request{old: old, hashes: consistency, note: note}).bytes()
	a, err := c.web.do(ctx, http.MethodPost, c.submit+"/add-checkpoint", body, maxBody)
	if err != nil {
		return nil, err
	}
	switch a.status {
	case http.StatusOK:
		return c.known(note.Checkpoint, a.body)
	case http.StatusConflict:
		size, err := conflictSize(a)
		if err == nil && size == old {
			err = fmt.Errorf("it answers %d to %d: %w", size, old, ErrContradiction)
		}
		if err == nil {
			err = &conflict{size}
		}
		return nil, err
	}
	return nil, a.refused()
}

// known returns the verified lines of known keys from the body of an answer.
func (c *Client) known(checkpoint proof.Checkpoint, body []byte) ([]proof.SignatureLine, error) {
	s, err := proof.ParseSigned(append([]byte(checkpoint.Body()+"\n"), body...))
	if err != nil {
		return nil, fmt.Errorf("reading its answer: %w", err)
	}
	return verifiedLines(s, c.keys, c.now().Unix())
}

// verifiedLines returns the lines of these keys. A line of theirs that is wrong, or later than now, is an error; so is none.
func verifiedLines(s *proof.SignedCheckpoint, keys []proof.WitnessKey, now int64) ([]proof.SignatureLine, error) {
	var lines []proof.SignatureLine
	for _, k := range keys {
		at, err := k.Verify(s)
		if errors.Is(err, proof.ErrNotCosigned) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if at > now+proof.FutureTolerance {
			return nil, fmt.Errorf("the cosignature of %q is of a time %d seconds ahead: %w", k.Name(), at-now, proof.ErrBadSignature)
		}
		for _, l := range s.Lines {
			if l.Name == k.Name() && l.KeyHash == k.Hash() {
				lines = append(lines, l)
			}
		}
	}
	if len(lines) == 0 {
		return nil, ErrNotCosigned
	}
	return lines, nil
}

func conflictSize(a *reply) (int64, error) {
	if a.contentType != typeSize {
		return 0, fmt.Errorf("a conflict with content type %q, not %q", clip(a.contentType), typeSize)
	}
	text, ok := strings.CutSuffix(string(a.body), "\n")
	size, err := parseSize(text)
	if err != nil || !ok {
		return 0, fmt.Errorf("a conflict with %q, which is not the size of a tree", clip(string(a.body)))
	}
	return size, nil
}

// CosignFrom asks until the witness has cosigned, with the proof from whatever size it says it has, which prove returns. It gives up with [ErrContradiction] after a few
// rounds: other submitters of the same log may come between, but not each time. If the witness has more leaves than the checkpoint the error is [ErrConflict], with that size.
// With any other error the size is -1.
func (c *Client) CosignFrom(ctx context.Context, old int64, prove func(ctx context.Context, old int64) ([]tlog.Hash, error), s *proof.SignedCheckpoint,
) (lines []proof.SignatureLine, size int64, err error) {
	for range maxRounds {
		hashes, err := prove(ctx, old)
		if err != nil {
			return nil, -1, fmt.Errorf("proving to witness %q that %d leaves extend %d: %w", c.name, s.Size, old, err)
		}
		lines, size, err := c.Cosign(ctx, old, hashes, s)
		if !errors.Is(err, ErrConflict) || size > s.Size {
			return lines, size, err
		}
		old = size
	}
	return nil, -1, fmt.Errorf("asking witness %q to cosign %d leaves of %q: %d conflicts in a row: %w", c.name, s.Size, s.Origin, maxRounds, ErrContradiction)
}

// Latest returns what the witness has cosigned last of the log, with a verified line of a known key under it. The lines are not reduced to those.
// The log's own signature is not verified. The error is [ErrUnknownCheckpoint] if the witness has never cosigned that log.
func (c *Client) Latest(ctx context.Context) (*proof.SignedCheckpoint, error) {
	s, err := c.latest(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking witness %q what it knows of %q: %w", c.name, c.origin, err)
	}
	return s, nil
}

func (c *Client) latest(ctx context.Context) (*proof.SignedCheckpoint, error) {
	a, err := c.web.do(ctx, http.MethodGet, c.monitor+"/"+OriginHash(c.origin)+"/checkpoint", nil, maxBody)
	if err != nil {
		return nil, err
	}
	switch a.status {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("it has cosigned nothing of it: %w", ErrUnknownCheckpoint)
	default:
		return nil, a.refused()
	}
	s, err := proof.ParseSigned(a.body)
	if err != nil {
		return nil, fmt.Errorf("reading its answer: %w", err)
	}
	if s.Origin != c.origin {
		return nil, fmt.Errorf("its answer is about %q", s.Origin)
	}
	if _, err := verifiedLines(s, c.keys, c.now().Unix()); err != nil {
		return nil, err
	}
	return s, nil
}
