package witness

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
)

func FuzzRequest(f *testing.F) {
	l, fork := newLog(f, origin, "", 20, 20), newLog(f, origin, "x", 3, 20)
	b := newBench(f, l.public())
	f.Add(l.request(f, 0, 5).bytes())
	f.Add(l.request(f, 5, 9).bytes())
	f.Add(fork.request(f, 5, 9).bytes())
	f.Add(fork.request(f, 5, 5).bytes())
	f.Add([]byte("old 0\n\nlog.lab.example\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— x AAAAAAA=\n"))
	f.Add([]byte("old 0\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRequest(body)
		if err == nil && !bytes.Equal(r.bytes(), body) {
			t.Fatal("it parses and is written in another way")
		}
		before := int64(0)
		if c := b.Latest(origin); c != nil {
			before = c.Size
		}
		rec := post(b, "/add-checkpoint", body)
		if (rec.Code == 400) != (err != nil || r.old > r.note.Size && b.logs[r.note.Origin] != nil) && rec.Code != 403 && rec.Code != 404 {
			t.Fatalf("status %d, error %v", rec.Code, err)
		}
		c := b.Latest(origin)
		if c != nil && (c.Size < before || c.Checkpoint != l.at(t, c.Size).Checkpoint && c.Checkpoint != fork.at(t, c.Size).Checkpoint) {
			t.Fatal("cosigned what the log never signed")
		}
	})
}

func FuzzHead(f *testing.F) {
	l := newLog(f, origin, "", 9, 9)
	f.Add(encodeHead(&head{origin: origin}))
	f.Add(encodeHead(&head{origin: origin, since: 1, note: l.at(f, 9)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHead(b); err == nil && !bytes.Equal(encodeHead(h), b) {
			t.Fatal("it parses and is written in another way")
		}
	})
}

func FuzzConflict(f *testing.F) {
	l := newLog(f, origin, "", 9, 9)
	f.Add((&Conflict{A: l.at(f, 3), B: l.at(f, 9)}).Bytes())
	f.Add((&Conflict{A: l.at(f, 3), B: l.at(f, 9), Hashes: l.prove(f, 3, 9)}).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseConflict(b); err == nil && !bytes.Equal(c.Bytes(), b) {
			t.Fatal("it parses and is written in another way")
		}
	})
}

// FuzzAnswer is what a witness may answer to a client.
func FuzzAnswer(f *testing.F) {
	l := newLog(f, origin, "", 9, 9)
	keys := cosigners(f, "w")
	c, err := NewClient(ClientConfig{Name: "w", Origin: origin, URL: "http://w.example", Keys: []proof.WitnessKey{keys[0].Key()}})
	if err != nil {
		f.Fatal(err)
	}
	note := l.at(f, 9)
	line, err := keys[0].Cosign(note, 1700000000)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(lineText([]proof.SignatureLine{line})))
	f.Add([]byte("3\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, err := c.known(note.Checkpoint, b)
		if err == nil && len(lines) == 0 {
			t.Fatal("neither lines nor an error")
		}
		for _, l := range lines {
			if l.KeyHash != keys[0].Key().Hash() {
				t.Fatal("a line of another key")
			}
		}
		if size, err := conflictSize(&reply{contentType: typeSize, body: b}); err == nil && size < 0 {
			t.Fatal("a negative size")
		}
	})
}

func FuzzCollector(f *testing.F) {
	l := newLog(f, origin, "", 9, 9)
	b := newBench(f, l.public())
	line, err := b.cosigners[0].Cosign(l.at(f, 9), b.clock.Now().Unix())
	if err != nil {
		f.Fatal(err)
	}
	signed := l.at(f, 9).Checkpoint
	k, err := NewCollector(CollectorConfig{Origin: origin, Keys: b.Keys(), Now: b.clock.Now, Accept: func(_ context.Context, c proof.Checkpoint, _ []proof.SignatureLine) error {
		if c != signed {
			return errors.New("the witness never signed this")
		}
		return nil
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add((&proof.SignedCheckpoint{Checkpoint: l.at(f, 9).Checkpoint, Lines: []proof.SignatureLine{line}}).Bytes())
	f.Add(l.at(f, 9).Bytes())
	f.Fuzz(func(t *testing.T, body []byte) {
		if rec := post(k, "/cosignatures", body); rec.Code == 500 {
			t.Fatal(rec.Body)
		}
	})
}
