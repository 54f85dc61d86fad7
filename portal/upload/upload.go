// Package upload takes large files in pieces, over connections that break: the tus protocol 1.0 with creation, creation-with-upload,
// termination and expiration. Bytes are sealed by the vault as they land.
//
// It knows who is uploading (WithOwner) but not who may: what is mounted before it signs people in, checks their role and their rate, and
// refuses requests of other origins. A file's name is a label and nothing else. An upload that has all its bytes is complete, and waits for
// the database to give its object to a release; until then, and until it expires, it counts in its party's quota.
package upload

import (
	"context"
	"errors"
	"time"

	"github.com/probat-lab/probat/blob/vault"
)

// Owner is who uploads, by IDs of the database.
type Owner struct {
	Party  string // owns the upload: each of its people may go on with it
	Person string // has begun it
}

type ownerKey struct{}

// WithOwner returns a context for requests of this owner.
func WithOwner(ctx context.Context, o Owner) context.Context {
	return context.WithValue(ctx, ownerKey{}, o)
}

func owner(ctx context.Context) (Owner, bool) {
	o, ok := ctx.Value(ownerKey{}).(Owner)
	return o, ok && o.Party != ""
}

// Upload is a row.
type Upload struct {
	ID      string // 26 of the characters a-z 2-7, random
	Owner   Owner
	Size    int64     // bytes in all, as said at the beginning, at least 1
	Offset  int64     // bytes that are safe
	Label   string    // the file's name as its owner said it: at most 200 bytes of UTF-8 without slashes and control characters, may be empty
	Expires time.Time // UTC; later with every piece that comes
	// State is the vault's; it grows by 20 bytes for each 4 to 8 MiB. Nil once complete.
	State []byte
	// Ref is nil until Offset is Size. Then the upload is complete, and (vault).Upload(ID) opens the object for Adopt.
	Ref *vault.Ref
}

// Complete says whether all bytes are there.
func (u Upload) Complete() bool { return u.Ref != nil }

// Quota is what a party may have at a time, complete uploads that no release has claimed included. Zero allows nothing.
type Quota struct {
	Uploads int
	Bytes   int64 // the sum of their sizes, as said at the beginning
}

// Uploads is where the rows are. Each method is one transaction, and may be called by several goroutines and processes at once.
type Uploads interface {
	// Create stores a new row, unless the party's uploads would then exceed the quota: ErrQuota. Two that race do not exceed it either.
	Create(ctx context.Context, u Upload, most Quota) error

	// Get returns a row, expired or not: ErrNotFound if there is none, if it is another party's, or if a release has claimed it.
	Get(ctx context.Context, party, id string) (Upload, error)

	// Save stores Offset, Expires, State and Ref of a row whose offset is from and which is not complete: ErrConflict if it is not so any more,
	// ErrNotFound as Get. After another error it may be stored all the same.
	Save(ctx context.Context, from int64, u Upload) error

	// Delete removes a row whose offset is from: ErrConflict and ErrNotFound as Save, but a complete one is removed too. Claiming and Delete
	// exclude each other: what Delete has removed cannot be claimed.
	Delete(ctx context.Context, party, id string, from int64) error

	// Expired returns at most most rows, of whatever party, that expired before now, the oldest first.
	Expired(ctx context.Context, now time.Time, most int) ([]Upload, error)
}

// Errors of Uploads, which may be wrapped.
var (
	ErrNotFound = errors.New("no such upload")
	ErrConflict = errors.New("somebody else has changed the upload")
	ErrQuota    = errors.New("the party has too many or too large uploads under way")
)
