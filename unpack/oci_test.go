package unpack

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/probat-lab/probat/tree"
)

// layerTar makes the tar of a layer. Lines are: "dir NAME MODE", "file NAME MODE CONTENT", "link NAME TARGET", "hard NAME TARGET".
func layerTar(t testing.TB, lines ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, line := range lines {
		f := strings.SplitN(line, " ", 4)
		h := &tar.Header{Name: f[1], Mode: 0o644, Uid: i, ModTime: time.Unix(1_600_000_000+int64(i), 0), Format: tar.FormatPAX}
		content := ""
		switch f[0] {
		case "dir":
			h.Typeflag = tar.TypeDir
			fmt.Sscanf(f[2], "%o", &h.Mode)
		case "file":
			h.Typeflag, content = tar.TypeReg, f[3]
			fmt.Sscanf(f[2], "%o", &h.Mode)
			h.Size = int64(len(content))
		case "link":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f[2]
		case "hard":
			h.Typeflag, h.Linkname = tar.TypeLink, f[2]
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ociLayers is a small distribution, what is put on top of it, and what takes some of it away.
func ociLayers(t testing.TB) [][]byte {
	return [][]byte{
		layerTar(t,
			"dir etc/ 755", "file etc/passwd 644 root:x:0:0::/:/bin/sh\n", "file etc/shadow 640 root:*:1::::::\n", "dir etc/cron.d/ 755", "file etc/cron.d/job 644 * * * * * root job\n",
			"dir usr/ 755", "dir usr/bin/ 755", "file usr/bin/busybox 4755 \x7fELF busybox", "hard usr/bin/sh usr/bin/busybox", "link bin usr/bin", "dir lib/ 755", "file lib/a 644 a", "dir opt/ 755", "file opt/x 644 x", "file opt/deep/er/y 644 y"),
		layerTar(t,
			"dir etc/ 750", "file etc/shadow 600 root:$6$:1::::::\n", "file etc/.wh.passwd 644 ", "dir opt/ 755", "file opt/z 644 z", "file opt/.wh..wh..opq 644 ", "file .wh..wh.plnk 644 ",
			"file bin/extra 755 through the link", "hard usr/bin/ash usr/bin/busybox", "hard usr/bin/ash2 usr/bin/ash", "file lib 644 a file now"),
		layerTar(t, "file etc/passwd 644 admin:x:0:0::/:/bin/sh\n", "dir etc/cron.d/ 700", "file etc/cron.d/.wh.job 644 ", "file .wh.gone 644 ", "file x.gz 644 "+string(gzipped(t, []byte("zipped")))),
	}
}

// ociWant is the file system that the layers make: type or content, mode, and owner, which in these layers is the number of the entry.
var ociWant = []string{
	"bin symlink 0644 9", "etc dir 0750 0", "etc/cron.d dir 0700 1", "etc/passwd admin:x:0:0::/:/bin/sh\n 0644 0", "etc/shadow root:$6$:1::::::\n 0600 1",
	"lib a file now 0644 10", "opt dir 0755 3", "opt/z z 0644 4", "usr dir 0755 5", "usr/bin dir 0755 6", "usr/bin/ash \x7fELF busybox 0644 8", "usr/bin/ash2 \x7fELF busybox 0644 9",
	"usr/bin/busybox \x7fELF busybox 4755 7", "usr/bin/extra through the link 0755 7", "usr/bin/sh \x7fELF busybox 0644 8", "x.gz " + "zipped" + " 0644 4",
}

// flattened describes what lies below an address in the way of want, whose contents it takes to know digests by.
func flattened(t testing.TB, tr *tree.Tree, address string, want []string) (got []string) {
	t.Helper()
	contents := map[tree.Digest]string{}
	for _, line := range want {
		f := strings.Split(line, " ")
		c := strings.Join(f[1:len(f)-2], " ")
		contents[sha256.Sum256([]byte(c))] = c
	}
	for i := range tr.Nodes {
		n := &tr.Nodes[i]
		path, ok := strings.CutPrefix(tr.Address(tree.ID(i)), address+"/")
		if !ok {
			continue
		}
		what := n.Type.String()
		if d, _, known := n.Innermost(); n.Type == tree.File && known {
			if what, ok = contents[d]; !ok {
				what = d.String()
			}
		}
		got = append(got, fmt.Sprintf("%s %s %04o %d", path, what, n.Mode, n.UID))
	}
	slices.Sort(got)
	return got
}

// ociImage makes an image whose layers are a gzip, a zstd and a plain tar.
func ociImage(t testing.TB, layers [][]byte) v1.Image {
	t.Helper()
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	for i, b := range layers {
		var l v1.Layer
		switch i % 3 {
		case 0:
			l = packedLayer{tar: b, packed: gzipped(t, b), kind: types.OCILayer}
		case 1:
			enc, _ := zstd.NewWriter(nil)
			l = packedLayer{tar: b, packed: enc.EncodeAll(b, nil), kind: types.OCILayerZStd}
		case 2:
			l = static.NewLayer(b, types.OCIUncompressedLayer)
		}
		var err error
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// packedLayer is a layer as it is stored.
type packedLayer struct {
	tar, packed []byte
	kind        types.MediaType
}

func hashOf(b []byte) v1.Hash {
	d := sha256.Sum256(b)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(d[:])}
}
func (l packedLayer) Digest() (v1.Hash, error)            { return hashOf(l.packed), nil }
func (l packedLayer) DiffID() (v1.Hash, error)            { return hashOf(l.tar), nil }
func (l packedLayer) Size() (int64, error)                { return int64(len(l.packed)), nil }
func (l packedLayer) MediaType() (types.MediaType, error) { return l.kind, nil }
func (l packedLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.packed)), nil
}

func (l packedLayer) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.tar)), nil
}

// ociLayout writes images as a layout and returns its folder.
func ociLayout(t testing.TB, images ...v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	for i := 0; err == nil && i < len(images); i++ {
		err = l.AppendImage(images[i])
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// folderTar makes a tar of a folder, in the order of the names given or else of all.
func folderTar(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "tar")
	if len(args) == 0 {
		args = []string{"."}
	}
	imageTool(t, "", "tar", append([]string{"--sort=name", "-C", dir, "-cf", out}, args...)...)
	return imageRead(t, out)
}

// checkImage checks an image below an address that ends in ! or the name of a folder.
func checkImage(t *testing.T, tr *tree.Tree, at string, layers [][]byte) {
	t.Helper()
	if d := cmp.Diff(ociWant, flattened(t, tr, at+"/fs", ociWant)); d != "" {
		t.Errorf("%s/fs:\n%s", at, d)
	}
	for i, b := range layers {
		n := imageNode(t, tr, fmt.Sprintf("%s/layer%d", at, i))
		if d, _, known := n.Innermost(); !known || d != sha256.Sum256(b) || !n.NoSystem || n.InnermostFormat() != "tar" {
			t.Errorf("layer%d: %+v", i, n)
		}
	}
	if n := imageNode(t, tr, at+"/layer1!/usr/bin/ash2"); !n.Known {
		t.Error("a link to a link to another layer has no digest")
	}
	// What a layer takes away still ships.
	imageNode(t, tr, at+"/layer0!/etc/cron.d/job")
	imageNode(t, tr, at+"/layer1!/etc/.wh.passwd")
	imageNode(t, tr, at+"/layer2!/etc/cron.d/.wh.job")
}

func TestOCI(t *testing.T) {
	layers := ociLayers(t)
	img := ociImage(t, layers)
	dir := ociLayout(t, img)
	kinds := []string{"gzip", "zstd", "tar"}
	check := func(t *testing.T, tr *tree.Tree) {
		t.Helper()
		checkImage(t, tr, "router!", layers)
		for i, kind := range kinds {
			if n := imageNode(t, tr, fmt.Sprintf("router!/layer%d", i)); n.Format != kind {
				t.Errorf("layer%d is %q", i, n.Format)
			}
		}
		checkHidden(t, tr, nil)
		if s := tr.Systems(); len(s) != 1 || s[0].Address != "router!/fs" {
			t.Errorf("systems %+v", s)
		}
		for _, a := range imageAddresses(tr) {
			if strings.HasPrefix(a, "router!/blobs/sha256/") && imageNode(t, tr, a).Format != "text" {
				t.Errorf("%s is a layer and an entry", a)
			}
		}
		imageNode(t, tr, "router!/index.json")
	}
	t.Run("tar", func(t *testing.T) {
		b := folderTar(t, dir, "blobs", "index.json", "oci-layout")
		tr := imageSame(t, b)
		check(t, tr)
		if n := imageNode(t, tr, "router"); n.Format != "oci" || n.Digest != sha256.Sum256(b) {
			t.Errorf("%+v", n)
		}
		a := imageNode(t, tr, "router").Account
		var nodes int64
		for i := range tr.Nodes {
			if n := &tr.Nodes[i]; n.Type == tree.File && !strings.Contains(tr.Address(tree.ID(i)), "/fs/") && strings.Count(tr.Address(tree.ID(i)), "!") == 1 {
				nodes += n.Size
			}
		}
		if a.Nodes != nodes || a.Unobserved != 0 {
			t.Errorf("account %+v, nodes have %d", *a, nodes)
		}
	})
	t.Run("tar of the folder", func(t *testing.T) { check(t, imageSame(t, folderTar(t, dir))) })
	t.Run("compressed", func(t *testing.T) {
		tr := imageSame(t, gzipped(t, folderTar(t, dir)))
		check(t, tr)
		if n := imageNode(t, tr, "router"); n.Format != "gzip" || n.InnermostFormat() != "oci" {
			t.Errorf("%+v", n)
		}
	})
	t.Run("folder", func(t *testing.T) {
		tr := imageWalkPath(t, dir, Config{})
		check(t, tr)
		if a := imageNode(t, tr, "router").Account; a.Nodes != filesBelow(dir) { // layers count once, and not again what they make
			t.Errorf("account %+v, the files of the folder have %d bytes", *a, filesBelow(dir))
		}
	})
	t.Run("large", func(t *testing.T) {
		// More than is held in memory, in a stream: it goes through a temporary file.
		big := ociImage(t, append(slices.Clone(layers), layerTar(t, "file big 644 "+string(imageCode(3, 3<<20)), "file .wh.big2 644 ")))
		tr := imageSame(t, gzipped(t, folderTar(t, ociLayout(t, big))))
		imageNode(t, tr, "router!/fs/big")
		checkHidden(t, tr, nil)
	})
}

func TestDockerSave(t *testing.T) {
	layers := ociLayers(t)
	t.Run("new", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "save.tar")
		tag, _ := name.NewTag("lab/router:1")
		if err := tarball.WriteToFile(out, tag, ociImage(t, layers)); err != nil {
			t.Fatal(err)
		}
		tr := imageSame(t, imageRead(t, out))
		checkImage(t, tr, "router!", layers)
		checkHidden(t, tr, nil)
	})
	t.Run("with blobs", func(t *testing.T) {
		// As Docker 25 and later: a layout that has a manifest.json too. It is one image.
		dir := ociLayout(t, ociImage(t, layers))
		img := ociImage(t, layers)
		config, _ := img.ConfigName()
		var paths []string
		all, _ := img.Layers()
		for _, l := range all {
			d, _ := l.Digest()
			paths = append(paths, "blobs/sha256/"+d.Hex)
		}
		b, _ := json.Marshal([]map[string]any{{"Config": "blobs/sha256/" + config.Hex, "RepoTags": []string{"lab/router:1"}, "Layers": paths}})
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		tr := imageSame(t, folderTar(t, dir, "blobs", "index.json", "manifest.json", "oci-layout"))
		checkImage(t, tr, "router!", layers)
		checkHidden(t, tr, nil)
	})
	t.Run("old", func(t *testing.T) {
		// As Docker up to 24: a folder a layer; a layer that is there already is a link.
		id := func(i int) string { return strings.Repeat(fmt.Sprintf("%x", i+1), 64) }
		var parts []any
		var paths, diffs []string
		for i, l := range layers {
			parts = append(parts, id(i)+"/VERSION", "1.0", id(i)+"/json", "{}", id(i)+"/layer.tar", l)
			paths = append(paths, id(i)+"/layer.tar")
			diffs = append(diffs, hashOf(l).String())
		}
		config, _ := json.Marshal(map[string]any{"rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
		manifest, _ := json.Marshal([]map[string]any{{"Config": "c.json", "Layers": paths}})
		parts = append(parts, "c.json", config, "manifest.json", manifest)
		tr := imageSame(t, tarOf(t, parts...))
		checkImage(t, tr, "router!", layers)
		checkHidden(t, tr, nil)
		imageNode(t, tr, "router!/"+id(0)+"/VERSION")

		// A layer that is not what the configuration says.
		parts[5] = layerTar(t, "file other 644 other")
		tr = imageSame(t, tarOf(t, parts...))
		checkHidden(t, tr, []string{
			"router!/layer0 0+-1 damaged *: its digest is not the one in the image's configuration",
			"router!/fs 0+-1 damaged *: layer0: its digest is not the one in the image's configuration",
			"router!/fs/usr/bin/ash 0+-1 link *", "router!/fs/usr/bin/ash2 0+-1 link *", "router!/layer1!/usr/bin/ash 0+-1 link *", "router!/layer1!/usr/bin/ash2 0+-1 link *",
		})
	})
}

func TestOCISeveral(t *testing.T) {
	layers := ociLayers(t)
	one := ociImage(t, layers)
	two := ociImage(t, layers[:1])
	dir := ociLayout(t, one, two)
	tr := imageSame(t, folderTar(t, dir))
	checkImage(t, tr, "router!/image0", layers)
	if n := imageNode(t, tr, "router!/image1/layer0"); n.Hardlink != "/image0/layer0" || !n.Known || n.Digest != imageNode(t, tr, "router!/image0/layer0").Digest {
		t.Errorf("a layer that images share: %+v", n)
	}
	imageNode(t, tr, "router!/image1/fs/etc/cron.d/job")
	var systems []string
	for _, s := range tr.Systems() {
		systems = append(systems, s.Address)
	}
	if want := []string{"router!/image0/fs", "router!/image1/fs"}; !slices.Equal(systems, want) {
		t.Errorf("systems %q", systems)
	}
	checkHidden(t, tr, nil)

	// An index in the index, with an attestation, and the manifest of another platform that is not there.
	blobs := filepath.Join(dir, "blobs/sha256")
	put := func(kind string, v any) map[string]any {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(blobs, hashOf(b).Hex), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return map[string]any{"mediaType": kind, "digest": hashOf(b).String(), "size": len(b)}
	}
	var index map[string]any
	if err := json.Unmarshal(imageRead(t, filepath.Join(dir, "index.json")), &index); err != nil {
		t.Fatal(err)
	}
	statement := put("application/vnd.in-toto+json", map[string]any{"predicate": 1})
	attestation := put("application/vnd.oci.image.manifest.v1+json", map[string]any{"config": put("application/vnd.oci.image.config.v1+json", map[string]any{}), "layers": []any{statement}})
	attestation["platform"] = map[string]any{"architecture": "unknown", "os": "unknown"}
	absent := map[string]any{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + strings.Repeat("ab", 32), "size": 7}
	nested := put("application/vnd.oci.image.index.v1+json", map[string]any{"manifests": append(index["manifests"].([]any), attestation, absent)})
	b, _ := json.Marshal(map[string]any{"manifests": []any{nested}})
	if err := os.WriteFile(filepath.Join(dir, "index.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	tr = imageSame(t, folderTar(t, dir))
	checkImage(t, tr, "router!/image0", layers)
	checkHidden(t, tr, nil)
	imageNode(t, tr, "router!/blobs/sha256/"+strings.TrimPrefix(statement["digest"].(string), "sha256:"))
}

func TestOCIFaults(t *testing.T) {
	layers := ociLayers(t)
	img := ociImage(t, layers)
	all, _ := img.Layers()
	first, _ := all[0].Digest()
	config, _ := img.ConfigName()
	manifest, _ := img.Digest()
	blob := func(dir string, h v1.Hash) string { return filepath.Join(dir, "blobs/sha256", h.Hex) }
	for _, c := range []struct {
		name   string
		change func(dir string) error
		hidden []string
	}{
		{"layer gone", func(dir string) error { return os.Remove(blob(dir, first)) }, []string{
			"router!/layer0 0+", "router!/fs 0+-1 truncated *: layer0: the layer is not in the archive",
			"router!/fs/usr/bin/ash 0+-1 link", "router!/fs/usr/bin/ash2 0+-1 link", "router!/layer1!/usr/bin/ash 0+-1 link", "router!/layer1!/usr/bin/ash2 0+-1 link",
		}},
		{"config of another digest", func(dir string) error {
			b := imageRead(t, blob(dir, config))
			return os.WriteFile(blob(dir, config), append(b, '\n'), 0o600)
		}, []string{"router -1+-1 damaged *: the digest of \"blobs/sha256/"}},
		{"config gone", func(dir string) error { return os.Remove(blob(dir, config)) }, []string{"router -1+-1 damaged *: reading the configuration"}},
		{"layer is another", func(dir string) error {
			return os.WriteFile(blob(dir, first), gzipped(t, append(bytes.Clone(layers[0]), make([]byte, 512)...)), 0o600)
		}, []string{"router!/layer0 0+-1 damaged *: its digest is not the one in the image", "router!/layer0 0+-1 damaged *: its digest is not the one in the man", "router!/layer0 0+-1 damaged *: the manifest says that it has", "router!/fs 0+-1 damaged *: layer0: ", "router!/fs 0+-1 damaged *: layer0: ", "router!/fs 0+-1 damaged *: layer0: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := ociLayout(t, img)
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			checkHidden(t, imageSame(t, folderTar(t, dir)), c.hidden)
			checkHidden(t, imageWalkPath(t, dir, Config{}), c.hidden)
		})
	}
	t.Run("manifest gone", func(t *testing.T) {
		dir := ociLayout(t, img)
		if err := os.Remove(blob(dir, manifest)); err != nil {
			t.Fatal(err)
		}
		tr := imageSame(t, folderTar(t, dir))
		if n := imageNode(t, tr, "router"); n.Format != "tar" {
			t.Errorf("an archive without an image is %q", n.Format)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		b := folderTar(t, ociLayout(t, img), "index.json", "oci-layout", "blobs")
		imageFaults(t, b, len(b)/40)
		for n := 512; n < len(b)-20*512; n += 512 * 3 {
			if len(imageHidden(imageWalk(t, b[:n+1], Config{}))) == 0 {
				t.Errorf("nothing is unobserved in the first %d of %d bytes", n+1, len(b))
			}
		}
	})
}

// Names of its own that an archive uses too, and paths that lead out of it.
func TestOCIHostile(t *testing.T) {
	layer := layerTar(t, "file ../../etc/passwd 644 out", "link up ../../../..", "file up/x 644 over a link", "link loop loop", "file loop/y 644 y", "dir fs/ 755", "file fs/z 644 z", "hard self self", "hard away ../../host",
		"dir .wh.dir/ 755", "file .wh.dir/inside 644 i", "file .wh. 644 ", "file .wh..wh..opq 644 ", "file a 644 1", "file a 644 2", "dir a/ 755", "file a/b 644 3")
	dir := ociLayout(t, ociImage(t, [][]byte{layer, layer}))
	for path, b := range map[string]string{"fs/etc/passwd": "mine", "layer0": "mine", "layer1!": "mine"} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "layer1!")); err != nil {
		t.Fatal(err)
	}
	tr := imageSame(t, folderTar(t, dir))
	for _, a := range []string{"router!/fs;2/etc/passwd", "router!/layer0;2", "router!/layer1", "router!/fs/a/b", "router!/fs/%2E%2E/%2E%2E/etc/passwd", "router!/fs/up/x", "router!/layer0!/.wh.dir/inside"} {
		imageNode(t, tr, a)
	}
	for _, a := range imageAddresses(tr) {
		if strings.HasPrefix(a, "router!/fs/.wh") || strings.HasPrefix(a, "router!/fs/etc") {
			t.Errorf("%s is there", a)
		}
	}

	// The same layer many times: the work is bounded.
	many := make([][]byte, 300)
	for i := range many {
		many[i] = layer
	}
	tr = imageWalk(t, folderTar(t, ociLayout(t, ociImage(t, many))), Config{Budget: Budget{Entries: 500}})
	if h := strings.Join(imageHidden(tr), "\n"); !strings.Contains(h, "budget *") {
		t.Errorf("unobserved: %s", h)
	}
}

// A tar that only begins like an archive of images is the tar that it was.
func TestOCINot(t *testing.T) {
	root := layerTar(t, "dir etc/ 755", "file etc/passwd 644 root\n", "dir bin/ 755", "dir lib/ 755")
	for name, b := range map[string][]byte{
		"index.json":    tarOf(t, "index.json", "{}", "a/b", "b", "rootfs.tar", root),
		"manifest.json": tarOf(t, "manifest.json", `{"name":"extension"}`, "a", "1"),
		"manifest list": tarOf(t, "manifest.json", `[{"Config":"none.json","Layers":["a/layer.tar"]}]`, "b", "1"),
		"blobs":         tarOf(t, "blobs/sha256/"+strings.Repeat("ab", 32), gzipped(t, root), "blobs/x", "1"),
		"large":         tarOf(t, "index.json", "[]", "big", imageCode(1, 2<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			plain := slices.DeleteFunc(Formats(), func(f Format) bool { return f.Name == "oci" })
			for _, b := range [][]byte{b, gzipped(t, b), gzipped(t, b)[:len(gzipped(t, b))*2/3]} {
				want := imageWalk(t, b, Config{Formats: plain})
				got := imageSame(t, b)
				if d := cmp.Diff(imageListing(t, want, "router"), imageListing(t, got, "router")); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff(imageHidden(want), imageHidden(got)); d != "" {
					t.Error(d)
				}
				if d := cmp.Diff(*imageNode(t, want, "router"), *imageNode(t, got, "router")); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// Keeping a stream to look at it as a whole is not charged twice.
func TestOCINotCostsNothing(t *testing.T) {
	b := gzipped(t, tarOf(t, "index.json", "{}", "big", imageNoise(1, 3<<20)))
	var p Progress
	imageWalk(t, b, Config{Progress: &p, Formats: slices.DeleteFunc(Formats(), func(f Format) bool { return f.Name == "oci" })})
	for _, workers := range []int{1, 2} {
		tr := imageWalk(t, b, Config{Workers: workers, Budget: Budget{Bytes: p.Bytes.Load()}})
		if h := strings.Join(imageHidden(tr), "\n"); strings.Contains(h, "budget") {
			t.Errorf("unobserved with %d workers: %s", workers, h)
		}
		tr = imageWalk(t, b, Config{Workers: workers, Budget: Budget{Bytes: p.Bytes.Load() / 2}})
		if h := strings.Join(imageHidden(tr), "\n"); !strings.Contains(h, "budget") {
			t.Errorf("unobserved with %d workers and half the budget: %s", workers, h)
		}
	}
}

func FuzzOCI(f *testing.F) {
	layers := ociLayers(f)
	f.Add(folderTar(f, ociLayout(f, ociImage(f, layers))))
	f.Add(folderTar(f, ociLayout(f, ociImage(f, layers), ociImage(f, layers[:1])), "index.json", "oci-layout", "blobs"))
	f.Add(tarOf(f, "manifest.json", `[{"Config":"c","Layers":["l"]}]`, "c", `{"rootfs":{"diff_ids":["sha256:00"]}}`, "l", layers[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		imageWalk(t, b, imageFuzz)
	})
}
