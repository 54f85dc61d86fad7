package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"sync"
)

//go:embed static
var embedded embed.FS

// Static holds the files that pages load: one style sheet, a few ES modules, htmx and the licences.
func Static() fs.FS {
	files, err := fs.Sub(embedded, "static")
	if err != nil {
		return embedded // cannot be: the folder is embedded above
	}
	return files
}

// AssetPrefix is where the files of [Static] are served, "/static/HASH/". The hash is of all names and contents, so an answer below it may be
// cached for ever, and modules that import each other by relative address stay of one version.
var AssetPrefix = sync.OnceValue(func() string {
	sum := sha256.New()
	files := Static()
	// Neither walking nor reading an embedded folder can end in an error; if it did, the hash would differ and nothing else.
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		one := sha256.Sum256(content)
		sum.Write([]byte(name + "\x00"))
		sum.Write(one[:])
		return err
	})
	return "/static/" + hex.EncodeToString(sum.Sum(nil))[:16] + "/"
})

// Asset is the address of one file of [Static], as "/static/HASH/app.css".
func Asset(name string) string { return AssetPrefix() + name }
