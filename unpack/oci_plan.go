package unpack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// imagePlan is which images an archive holds.
type imagePlan struct {
	images []image
	faults []imageFault
}

// image is one image, its layers from the lowest on.
type image struct{ layers []imageLayer }

type imageLayer struct {
	member
	there  bool
	size   int64  // as the manifest says; -1 where it does not
	digest string // of the layer as stored, as the manifest says; may be empty
	diffID string // of the tar inside, as the configuration says; may be empty
}

type imageFault struct {
	reason, detail string
	hides          tree.Hides
}

// The documents of images: OCI Image Format 1.1, image-index.md, manifest.md, config.md, and the manifest.json of docker save.
type (
	ociDescriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
	}
	ociManifest struct { // an index too: one has manifests, the other layers
		MediaType string        `json:"mediaType"`
		Config    ociDescriptor `json:"config"`
		Layers    descriptors   `json:"layers"`
		Manifests descriptors   `json:"manifests"`
	}
	ociConfig struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	dockerImage struct {
		Config string
		Layers []string
	}
)

// descriptors is a list of which no more is kept than is looked at.
type descriptors []ociDescriptor

// UnmarshalJSON reads the beginning of a list.
func (l *descriptors) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return err
	}
	for dec.More() && len(*l) <= maxDescriptors {
		var d ociDescriptor
		if err := dec.Decode(&d); err != nil {
			return err
		}
		*l = append(*l, d)
	}
	return nil
}

// errAbsent says that there is no such file.
var errAbsent = errors.New("it is not there")

const (
	maxJSON        = 4 << 20   // bytes of a document; Docker itself takes manifests of that size
	maxIndexDepth  = 4         // indexes inside each other
	maxDescriptors = 4096      // of an archive: indexes, manifests, configurations and layers together
	maxDocuments   = 128 << 20 // bytes of all documents that are read
)

// planner gathers the images of an archive.
type planner struct {
	ctx         context.Context
	src         members
	plan        imagePlan
	descriptors int
	documents   int64           // bytes read of documents
	seen        map[string]bool // digests of manifests and of blobs that were compared
	images      map[string]bool // by their layers, which docker save may list in two ways
}

// planImages finds the images of an archive: those of index.json, if there is a layout, and those of manifest.json.
// Without any, the archive is no archive of images.
func planImages(ctx context.Context, src members) imagePlan {
	p := &planner{ctx: ctx, src: src, seen: map[string]bool{}, images: map[string]bool{}}
	if _, err := p.document("oci-layout"); err == nil {
		if b, err := p.document("index.json"); err == nil {
			var index ociManifest
			if json.Unmarshal(b, &index) == nil {
				p.index(index.Manifests, 1)
			}
		}
	}
	if b, err := p.document("manifest.json"); err == nil {
		var list []dockerImage
		if json.Unmarshal(b, &list) == nil {
			for _, img := range list {
				p.docker(img)
			}
		}
	}
	return p.plan
}

// document reads a small file whole.
func (p *planner) document(name string) ([]byte, error) {
	m, ok := find(p.src, name)
	switch {
	case !ok:
		return nil, errAbsent
	case m.size > maxJSON:
		return nil, fmt.Errorf("it has more than %d bytes", maxJSON)
	case p.documents+m.size > maxDocuments:
		return nil, fmt.Errorf("all documents of the images have more than %d bytes", maxDocuments)
	}
	p.documents += m.size
	r, done, err := p.src.open(m)
	if err != nil {
		return nil, err
	}
	defer done()
	b := make([]byte, m.size)
	return b, readFull(r, b, 0)
}

func (p *planner) fault(reason, format string, args ...any) {
	p.plan.faults = append(p.plan.faults, imageFault{reason, fact.Escape(fmt.Sprintf(format, args...)), tree.HidesAll})
}

// room counts a descriptor. It says once that there are too many.
func (p *planner) room() bool {
	p.descriptors++
	if p.descriptors == maxDescriptors+1 {
		p.fault("budget", "more than %d blobs are named by the images of the archive", maxDescriptors)
	}
	return p.descriptors <= maxDescriptors && p.ctx.Err() == nil
}

// index follows the manifests of an index. One that is not there is a fault only where none of them is: an export for one
// platform keeps the index of all.
func (p *planner) index(list []ociDescriptor, depth int) {
	absent, there := "", false
	for _, d := range list {
		if !p.room() {
			return
		}
		if p.seen[d.Digest] {
			there = true
			continue
		}
		b, err := p.blob(d)
		if errors.Is(err, errAbsent) {
			absent = d.Digest
			continue
		}
		there = true
		p.seen[d.Digest] = true
		var m ociManifest
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		switch {
		case err != nil:
			p.fault("damaged", "reading the manifest %q: %v", d.Digest, err)
		case len(m.Manifests) > 0 && depth < maxIndexDepth:
			p.index(m.Manifests, depth+1)
		case len(m.Manifests) > 0:
			p.fault("budget", "more than %d indexes inside each other", maxIndexDepth)
		default:
			p.manifest(m)
		}
	}
	if absent != "" && !there {
		p.fault("truncated", "the index names the manifest %q, which is not there", absent)
	}
}

// blobPath returns where a layout keeps a blob.
func blobPath(digest string) (string, bool) {
	algorithm, sum, ok := strings.Cut(digest, ":")
	if !ok || algorithm == "" || sum == "" || strings.Trim(algorithm, "abcdefghijklmnopqrstuvwxyz0123456789+._-") != "" || !isHex(sum) {
		return "", false
	}
	return "blobs/" + algorithm + "/" + sum, true
}

// blob reads a document and compares it with its digest.
func (p *planner) blob(d ociDescriptor) ([]byte, error) {
	name, ok := blobPath(d.Digest)
	if !ok {
		return nil, errors.New("its digest is none")
	}
	b, err := p.document(name)
	if err != nil {
		return nil, err
	}
	if want, ok := sha256Of(d.Digest); ok && want != sha256.Sum256(b) {
		p.fault("damaged", "the digest of %q is another one", name)
	}
	return b, nil
}

// compare compares a blob that is no layer with its digest. It stays an ordinary entry.
func (p *planner) compare(d ociDescriptor) {
	want, ok := sha256Of(d.Digest)
	if !ok || p.seen[d.Digest] || !p.room() {
		return
	}
	p.seen[d.Digest] = true
	name, _ := blobPath(d.Digest)
	m, ok := find(p.src, name)
	if !ok {
		return
	}
	r, done, err := p.src.open(m)
	if err != nil {
		return
	}
	defer done()
	h := sha256.New()
	buf := make([]byte, 64<<10)
	for s := io.NewSectionReader(r, 0, m.size); ; {
		n, err := s.Read(buf)
		h.Write(buf[:n])
		if p.ctx.Err() != nil || err != nil && err != io.EOF {
			return
		}
		if err == io.EOF {
			break
		}
	}
	if tree.Digest(h.Sum(nil)) != want {
		p.fault("damaged", "the digest of %q is another one", name)
	}
}

// isLayer tells layers from what else is kept the way images are: attestations, charts, signatures.
func isLayer(mediaType string) bool {
	return mediaType == "" || strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.") ||
		strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.")
}

func isImageConfig(mediaType string) bool {
	return mediaType == "application/vnd.oci.image.config.v1+json" || mediaType == "application/vnd.docker.container.image.v1+json"
}

// manifest takes an image. What has no layer of a file system is left as ordinary entries.
func (p *planner) manifest(m ociManifest) {
	var img image
	for _, d := range m.Layers {
		if !isLayer(d.MediaType) {
			p.compare(d)
			continue
		}
		if !p.room() {
			return
		}
		l := imageLayer{size: d.Size, digest: d.Digest}
		if name, ok := blobPath(d.Digest); ok {
			l.member, l.there = find(p.src, name)
		}
		img.layers = append(img.layers, l)
	}
	if len(img.layers) == 0 && (len(m.Layers) > 0 || !isImageConfig(m.Config.MediaType)) {
		p.compare(m.Config)
		return
	}
	if b, err := p.blob(m.Config); err == nil {
		img.diffIDs(b)
	} else if !errors.Is(err, errAbsent) || isImageConfig(m.Config.MediaType) {
		p.fault("damaged", "reading the configuration %q of an image: %v", m.Config.Digest, err)
	}
	p.add(img)
}

// docker takes an image of a manifest.json.
func (p *planner) docker(d dockerImage) {
	if d.Config == "" || !p.room() {
		return
	}
	config, err := p.document(d.Config)
	if err != nil && len(d.Layers) == 0 {
		return
	}
	var img image
	there := err == nil
	for _, name := range d.Layers {
		if !p.room() {
			return
		}
		l := imageLayer{size: -1}
		l.member, l.there = find(p.src, name)
		there = there || l.there
		img.layers = append(img.layers, l)
	}
	if !there {
		return // some other manifest.json
	}
	if err != nil {
		p.fault("damaged", "reading the configuration %q of an image: %v", d.Config, err)
	}
	img.diffIDs(config)
	p.add(img)
}

// diffIDs takes the digests of the layers from the configuration.
func (img *image) diffIDs(config []byte) {
	var c ociConfig
	if json.Unmarshal(config, &c) != nil || len(c.RootFS.DiffIDs) != len(img.layers) {
		return
	}
	for i, id := range c.RootFS.DiffIDs {
		img.layers[i].diffID = id
	}
}

func (p *planner) add(img image) {
	var key strings.Builder
	for _, l := range img.layers {
		fmt.Fprintf(&key, "%q %d %d %t,", l.path, l.at, l.member.size, l.there)
	}
	if !p.images[key.String()] {
		p.images[key.String()] = true
		p.plan.images = append(p.plan.images, img)
	}
}
