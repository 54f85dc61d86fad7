package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// limits bound how long S3 is waited for; tests have smaller ones.
type limits struct {
	attempts int           // of one request, as long as the server says 5xx, 429 or nothing
	answer   time.Duration // from the end of a request to the first byte of the answer
	whole    time.Duration // one attempt with both bodies
}

var usual = limits{attempts: 4, answer: 15 * time.Second, whole: 2 * time.Minute}

// bucket is a bucket of S3, or the part of it below a prefix.
//
// It relies on conditional writes (If-None-Match: *). A server that ignores the condition would let Put overwrite, so the first Put of a new
// object makes the request twice: the second has to be refused. The bucket must not keep versions if Delete is to erase.
type bucket struct {
	core     *minio.Core
	name     string
	prefix   string // empty, or ends in "/"
	attempts int

	checking sync.Mutex // held while the first Put finds out whether the server heeds conditions
	heeds    bool       // guarded by checking: it does
}

func openS3(ctx context.Context, u string) (Store, error) {
	return openS3With(ctx, u, usual)
}

func openS3With(ctx context.Context, u string, l limits) (Store, error) {
	place, err := parseS3(u)
	if err != nil {
		return nil, fmt.Errorf("opening an S3 store: %w", err)
	}
	dialer := &net.Dialer{Timeout: l.answer, KeepAlive: 30 * time.Second}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   l.answer,
		ResponseHeaderTimeout: l.answer,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       time.Minute,
		DisableCompression:    true, // else a compressed answer would be taken for the object
	}
	creds := credentials.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN"))
	core, err := minio.NewCore(place.endpoint, &minio.Options{
		Creds: creds, Secure: !place.insecure, Region: place.region, Transport: bounded{transport, l.whole}, MaxRetries: l.attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the bucket %q at %q: %w", place.bucket, place.endpoint, err)
	}
	exists, err := core.BucketExists(ctx, place.bucket)
	if err != nil {
		return nil, fmt.Errorf("opening the bucket %q at %q: %w", place.bucket, place.endpoint, err)
	}
	if !exists {
		return nil, fmt.Errorf("opening the bucket %q at %q: %w", place.bucket, place.endpoint, ErrNotExist)
	}
	return &bucket{core: core, name: place.bucket, prefix: place.prefix, attempts: l.attempts}, nil
}

// place is what the URL of an S3 store says.
type place struct {
	bucket, prefix, endpoint, region string
	insecure                         bool
}

// parseS3 reads s3://bucket/prefix?endpoint=…&region=…&insecure=1. Its errors quote nothing that may be a secret put in the wrong place.
func parseS3(s string) (p place, err error) {
	u, err := url.Parse(s)
	if err != nil {
		return p, errors.New("the URL cannot be read")
	}
	if u.User != nil {
		return p, errors.New("the URL holds credentials: they belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		return p, errors.New("the URL cannot be read")
	}
	for key, values := range query {
		if !slices.Contains([]string{"endpoint", "region", "insecure"}, key) || len(values) != 1 {
			return p, fmt.Errorf("the URL has %q, which is unknown or there twice", key)
		}
	}
	p = place{bucket: u.Host, endpoint: query.Get("endpoint"), region: query.Get("region")}
	switch query.Get("insecure") {
	case "", "0":
	case "1":
		p.insecure = true
	default:
		return p, errors.New("insecure is 0 or 1")
	}
	if p.bucket == "" {
		return p, errors.New("the URL names no bucket")
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		if err := checkName(prefix); err != nil || len(prefix) > 100 {
			return p, fmt.Errorf("the prefix %q is no name, or longer than 100 bytes", prefix)
		}
		p.prefix = prefix + "/"
	}
	if p.region == "" {
		p.region = "us-east-1" // what servers that know no regions answer to
	}
	if p.endpoint == "" {
		p.endpoint = "s3." + p.region + ".amazonaws.com"
	}
	return p, nil
}

// bounded limits the time of each request until its answer has been read.
type bounded struct {
	next http.RoundTripper
	most time.Duration
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), b.most)
	res, err := b.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	res.Body = &closing{res.Body, cancel}
	return res, nil
}

type closing struct {
	io.ReadCloser
	then func()
}

// Close implements io.Closer.
func (c *closing) Close() error {
	defer c.then()
	return c.ReadCloser.Close()
}

// Get implements Store.
func (b *bucket) Get(ctx context.Context, name string, most int64) ([]byte, error) {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	for attempt := 1; ; attempt++ {
		data, broken, err := b.read(ctx, name, most)
		if err == nil {
			return data, nil
		}
		// The library has tried again whatever failed before the body came.
		if !broken || attempt >= b.attempts || ctx.Err() != nil {
			return nil, fmt.Errorf("reading %q in the bucket %q: %w", name, b.name, errors.Join(ctx.Err(), explain(err, false)))
		}
	}
}

// read reads an object; broken says that the answer ended before its time.
func (b *bucket) read(ctx context.Context, name string, most int64) (data []byte, broken bool, err error) {
	body, info, _, err := b.core.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, false, err
	}
	defer body.Close()
	if info.Size > most {
		return nil, false, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, info.Size, most)
	}
	data, err = io.ReadAll(io.LimitReader(body, most+1))
	if err != nil {
		return nil, true, err
	}
	if int64(len(data)) > most {
		return nil, false, fmt.Errorf("%w: at most %d", ErrTooLarge, most)
	}
	if info.Size >= 0 && int64(len(data)) != info.Size {
		return nil, true, io.ErrUnexpectedEOF
	}
	return data, false, nil
}

// Put implements Store.
func (b *bucket) Put(ctx context.Context, name string, data []byte) error {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return fmt.Errorf("writing an object: %w", err)
	}
	if err := b.putNew(ctx, name, data); err != nil {
		return fmt.Errorf("writing %q in the bucket %q: %w", name, b.name, errors.Join(ctx.Err(), explain(err, true)))
	}
	return nil
}

func (b *bucket) putNew(ctx context.Context, name string, data []byte) error {
	err := b.putIfNone(ctx, name, data)
	if err == nil {
		return b.checkHeeds(ctx, name, data)
	}
	// Also when an earlier attempt of ours was carried out and its answer was lost.
	if !refused(err) {
		return err
	}
	old, err := b.Get(ctx, name, int64(len(data)))
	if errors.Is(err, ErrTooLarge) || err == nil && !bytes.Equal(old, data) {
		return ErrExists
	}
	return err
}

// checkHeeds repeats, once in the life of b, a Put that has succeeded. The bytes are the same, so a server that overwrites does no harm here.
func (b *bucket) checkHeeds(ctx context.Context, name string, data []byte) error {
	b.checking.Lock()
	defer b.checking.Unlock()
	if b.heeds {
		return nil
	}
	err := b.putIfNone(ctx, name, data)
	if err == nil {
		return errors.New("the server ignores If-None-Match: nothing would be safe from being overwritten there")
	}
	b.heeds = refused(err)
	if !b.heeds {
		return err
	}
	return nil
}

// putIfNone writes an object on the condition that there is none. While another such request is under way, Amazon says conflict: then it is
// made again, and will be refused if the other has succeeded.
func (b *bucket) putIfNone(ctx context.Context, name string, data []byte) error {
	var options minio.PutObjectOptions
	options.SetMatchETagExcept("*")
	for attempt := 1; ; attempt++ {
		err := b.put(ctx, name, data, options)
		if minio.ToErrorResponse(err).Code != "ConditionalRequestConflict" || attempt >= b.attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(attempt) * 50 * time.Millisecond):
		}
	}
}

// put makes one request of any size: the condition of one in parts would only be looked at when the last part has come.
func (b *bucket) put(ctx context.Context, name string, data []byte, options minio.PutObjectOptions) error {
	sum := sha256.Sum256(data)
	options.ContentType = "application/octet-stream"
	options.DisableContentSha256 = true // of the stream's chunks; the hash of the whole is signed
	_, err := b.core.PutObject(ctx, b.name, b.prefix+name, bytes.NewReader(data), int64(len(data)), "", hex.EncodeToString(sum[:]), options)
	return err
}

// Replace implements Store.
func (b *bucket) Replace(ctx context.Context, name string, data []byte) error {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return fmt.Errorf("writing an object: %w", err)
	}
	if err := b.put(ctx, name, data, minio.PutObjectOptions{}); err != nil {
		return fmt.Errorf("writing %q in the bucket %q: %w", name, b.name, errors.Join(ctx.Err(), explain(err, true)))
	}
	return nil
}

// Delete implements Store.
func (b *bucket) Delete(ctx context.Context, name string) error {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return fmt.Errorf("deleting an object: %w", err)
	}
	err := b.core.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{})
	if err = explain(err, true); err != nil && !errors.Is(err, ErrNotExist) {
		return fmt.Errorf("deleting %q in the bucket %q: %w", name, b.name, errors.Join(ctx.Err(), err))
	}
	return nil
}

// List implements Store.
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := errors.Join(checkPrefix(prefix), ctx.Err()); err != nil {
			yield("", fmt.Errorf("listing objects: %w", err))
			return
		}
		last := ""
		for info := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
			name, below := strings.CutPrefix(info.Key, b.prefix)
			err := info.Err
			if err == nil && (!below || name <= last && last != "") {
				err = fmt.Errorf("the server lists %q after %q", info.Key, b.prefix+last)
			}
			if err != nil {
				yield("", fmt.Errorf("listing %q in the bucket %q: %w", prefix, b.name, errors.Join(ctx.Err(), explain(err, false))))
				return
			}
			last = name
			if checkName(name) == nil && !yield(name, nil) {
				return
			}
		}
		// The library ends a list whose context has ended without a word.
		if err := ctx.Err(); err != nil {
			yield("", fmt.Errorf("listing %q in the bucket %q: %w", prefix, b.name, err))
		}
	}
}

// refused says that a condition was not met.
func refused(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.Code == "PreconditionFailed" || r.StatusCode == http.StatusPreconditionFailed
}

// explain adds to an error of the server the error of this package that it stands for.
func explain(err error, writing bool) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == "NoSuchKey":
		return fmt.Errorf("%w: %w", ErrNotExist, err)
	case r.StatusCode == http.StatusInsufficientStorage || r.Code == "XMinioStorageFull" || r.Code == "QuotaExceeded":
		return fmt.Errorf("%w: %w", ErrFull, err)
	case writing && r.Code == "AccessDenied":
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
