package portal

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/portal/upload"
	"github.com/probat-lab/probat/store/records"
)

// uploads are the rows of uploads, as the tus handler wants them.
type uploads struct{ r *records.Records }

func toRow(u upload.Upload) records.Upload {
	row := records.Upload{ID: u.ID, Party: u.Owner.Party, Person: u.Owner.Person, Size: u.Size, Place: u.Offset, Label: u.Label, Expires: u.Expires, State: u.State}
	if u.Ref != nil {
		row.Address, row.Object, row.Wrapped = u.Ref.Address, u.Ref.Object, u.Ref.Wrapped
	}
	return row
}

func fromRow(u records.Upload) upload.Upload {
	x := upload.Upload{ID: u.ID, Owner: upload.Owner{Party: u.Party, Person: u.Person}, Size: u.Size, Offset: u.Place, Label: u.Label, Expires: u.Expires, State: u.State}
	if u.Object != "" {
		x.State, x.Ref = nil, &vault.Ref{Address: u.Address, Object: u.Object, Wrapped: u.Wrapped}
	}
	return x
}

func uploadError(err error) error {
	switch {
	case errors.Is(err, records.ErrNotFound):
		return upload.ErrNotFound
	case errors.Is(err, records.ErrMoved):
		return upload.ErrConflict
	case errors.Is(err, records.ErrQuota):
		return upload.ErrQuota
	}
	return err
}

func (x uploads) Create(ctx context.Context, u upload.Upload, most upload.Quota) error {
	return uploadError(x.r.AddUpload(ctx, toRow(u), most.Uploads, most.Bytes))
}

func (x uploads) Get(ctx context.Context, party, id string) (upload.Upload, error) {
	u, err := x.r.Upload(ctx, party, id)
	return fromRow(u), uploadError(err)
}

func (x uploads) Save(ctx context.Context, from int64, u upload.Upload) error {
	return uploadError(x.r.SaveUpload(ctx, from, toRow(u)))
}

func (x uploads) Delete(ctx context.Context, party, id string, from int64) error {
	return uploadError(x.r.DropUpload(ctx, party, id, from))
}

func (x uploads) Expired(ctx context.Context, now time.Time, most int) ([]upload.Upload, error) {
	list, err := x.r.ExpiredUploads(ctx, now, most)
	out := make([]upload.Upload, len(list))
	for i, u := range list {
		out[i] = fromRow(u)
	}
	return out, err
}

// people are the rows of people, as passkeys want them.
type people struct{ r *records.Records }

func (x people) ByHandle(ctx context.Context, handle []byte) (signin.Person, error) {
	p, err := x.r.PersonByHandle(ctx, handle)
	if errors.Is(err, records.ErrNotFound) {
		return signin.Person{}, signin.ErrUnknown
	}
	if err != nil {
		return signin.Person{}, err
	}
	return x.person(ctx, p)
}

func (x people) person(ctx context.Context, p records.Person) (signin.Person, error) {
	out := signin.Person{Handle: p.Handle, Name: p.Name, DisplayName: p.Name}
	keys, err := x.r.Passkeys(ctx, p.ID)
	if err != nil {
		return out, err
	}
	for _, k := range keys {
		var key signin.Passkey
		if err := json.Unmarshal(k.Body, &key); err != nil {
			return out, err
		}
		key.Counter, key.BackedUp = k.Counter, k.BackedUp
		out.Passkeys = append(out.Passkeys, key)
	}
	return out, nil
}

func (x people) Used(ctx context.Context, id []byte, before, after uint32, backedUp bool) error {
	err := x.r.PasskeyUsed(ctx, id, before, after, backedUp)
	if errors.Is(err, records.ErrNotFound) {
		return signin.ErrCloned
	}
	return err
}

// sessions are the rows of sessions, as sign-in wants them.
type sessions struct{ r *records.Records }

func (x sessions) Replace(ctx context.Context, old []byte, s signin.NewSession) error {
	return x.r.ReplaceSession(ctx, old, s.Digest, records.Session{Person: s.Person, Method: s.Method, Begun: s.Begun, Expires: s.Expires})
}

func (x sessions) End(ctx context.Context, digest []byte) error { return x.r.EndSession(ctx, digest) }

// Put stores bytes as a finished upload of a party, for what the server itself brings: demo data.
func Put(ctx context.Context, d *desk.Desk, party, person, name string, data []byte) (id string, err error) {
	id = records.NewID()
	ref, info, err := d.Vault.Upload(id).Put(ctx, party, data)
	if err != nil {
		return "", err
	}
	return id, d.AddUpload(ctx, records.Upload{
		ID: id, Party: party, Person: person, Size: info.Size, Place: info.Size, Label: name, Expires: time.Now().Add(uploadIdle), Address: ref.Address, Object: ref.Object, Wrapped: ref.Wrapped,
	}, mostUploads, mostBytes)
}
