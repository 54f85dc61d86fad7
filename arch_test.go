// Package probat_test holds the house's own rules: which room may import which, and which foreign modules there are, why.
package probat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/probat-lab/probat"

// rooms says what each room may import of ours. A room below another (unpack/ext) has its own line. Order: as data walks through the house.
var rooms = map[string][]string{
	"fact":       {},
	"strictyaml": {},
	"tree":       {"fact"},
	"product":    {"strictyaml"},
	"reference":  {},

	"unpack":          {"fact", "tree", "unpack/ext", "unpack/lzma", "unpack/squashfs"},
	"unpack/ext":      {},
	"unpack/lzma":     {},
	"unpack/squashfs": {"unpack/lzma"},

	"observe":             {"fact", "tree"},
	"observe/observetest": {"fact", "observe", "tree", "unpack"},
	"observe/account":     {"fact", "observe", "tree"},
	"observe/dpkg":        {"fact", "observe", "tree"},
	"observe/elf":         {"fact", "observe", "tree"},
	"observe/file":        {"fact", "observe", "tree"},
	"observe/osrelease":   {"fact", "observe", "tree"},
	"observe/service":     {"fact", "observe", "observe/sshd", "tree"}, // where sshd listens
	"observe/sshd":        {"fact", "observe", "tree"},

	"scheme":     {"fact", "product", "strictyaml"},
	"schemes":    {},
	"statement":  {},
	"judge":      {"fact", "reference", "scheme"},
	"schemetest": {"fact", "judge", "product", "reference", "scheme", "strictyaml"},
	"dossier":    {"fact", "judge", "product", "reference", "scheme"},
	"report":     {"dossier", "fact", "judge", "scheme", "schemes"},
	"evaluate": {
		"dossier", "fact", "judge", "observe", "observe/account", "observe/dpkg", "observe/elf", "observe/file", "observe/osrelease",
		"observe/service", "observe/sshd", "product", "reference", "scheme", "tree", "unpack",
	},
	"cmd/probat": {
		"dossier", "evaluate", "fact", "judge", "reference", "report", "scheme", "schemes", "schemetest", "strictyaml", "tree", "unpack",
	},
	"examples/build": {},
	"internal/bench": {},
}

// foreign lists the modules that our code (tests apart) imports directly: why, and who may.
var foreign = map[string]struct {
	licence, reason string
	who             []string
}{
	"cel.dev/cel-go": {
		"Apache-2.0", "the expression language of tests: typed, bounded, and known outside (Kubernetes uses it); our own would be a parser, a checker and a proof of termination",
		[]string{"scheme"},
	},
	"github.com/goccy/go-yaml": {
		"MIT", "YAML with the place of every value, for errors by line and column",
		[]string{"strictyaml"},
	},
	"github.com/gowebpki/jcs": {
		"Apache-2.0", "canonical JSON, RFC 8785; small and the reference implementation's port",
		[]string{"dossier", "product", "statement"},
	},
	"github.com/klauspost/compress": {
		"BSD-3-Clause", "gzip, zlib and zstd, the fastest there is in Go; zstd is in no standard library",
		[]string{"evaluate", "internal/bench", "unpack", "unpack/squashfs"},
	},
	"github.com/pierrec/lz4/v4": {
		"BSD-3-Clause", "lz4 blocks, as squashfs, initramfs and the frame format hold them",
		[]string{"unpack", "unpack/squashfs"},
	},
	"github.com/anchore/go-lzo": {
		"MIT", "lzo1x blocks, which squashfs on small devices uses",
		[]string{"unpack/squashfs"},
	},
	"github.com/spf13/cobra": {
		"Apache-2.0", "commands, their help, completion and man pages",
		[]string{"cmd/probat"},
	},
	"github.com/google/go-cmp": {
		"BSD-3-Clause", "differences in tests; observe/observetest serves tests only",
		[]string{"observe/observetest"},
	},
	"golang.org/x/sync": {
		"BSD-3-Clause", "errgroup: who starts goroutines waits for them",
		[]string{"judge", "observe"},
	},
	"golang.org/x/sys": {
		"BSD-3-Clause", "extended attributes, device numbers and open flags of the host; the exchange of two folders in one step",
		[]string{"dossier", "unpack"},
	},
	"golang.org/x/term": {
		"BSD-3-Clause", "whether a person at a terminal reads, and how wide it is",
		[]string{"cmd/probat"},
	},
}

// most is how many direct foreign modules there may be without portal, work, store, blob and ledger.
const most = 20

type pkg struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Module     *struct{ Path string }
	Standard   bool
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,GoFiles,Module,Standard"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []pkg
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	owner := map[string]string{}
	for _, p := range list(t, "-deps", "./...") {
		if !p.Standard && p.Module != nil {
			owner[p.ImportPath] = p.Module.Path
		}
	}
	used := map[string]bool{}
	for _, p := range list(t, "./...") {
		if len(p.GoFiles) == 0 {
			continue
		}
		room := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("room %s has no line in arch_test.go", room)
			continue
		}
		for _, imp := range p.Imports {
			if ours, isOurs := strings.CutPrefix(imp, module+"/"); isOurs {
				if !slices.Contains(allowed, ours) {
					t.Errorf("%s imports %s, which it may not", room, ours)
				}
				continue
			}
			mod, isForeign := owner[imp]
			if !isForeign {
				continue
			}
			used[mod] = true
			rule, known := foreign[mod]
			if !known {
				t.Errorf("%s imports the module %s, for which no reason is given", room, mod)
			} else if !slices.Contains(rule.who, room) {
				t.Errorf("%s imports the module %s, which it may not", room, mod)
			}
		}
	}
	for mod := range foreign {
		if !used[mod] {
			t.Errorf("the module %s has a reason and no user", mod)
		}
	}
	if len(used) > most {
		t.Errorf("%d foreign modules, at most %d are allowed", len(used), most)
	}
}

// TestDepth keeps the import graph of our own rooms shallow.
func TestDepth(t *testing.T) {
	const deepest = 9
	depth := map[string]int{}
	var of func(room string) int
	of = func(room string) int {
		if d, ok := depth[room]; ok {
			return d
		}
		d := 1
		for _, r := range rooms[room] {
			d = max(d, of(r)+1)
		}
		depth[room] = d
		return d
	}
	for room := range rooms {
		if d := of(room); d > deepest {
			t.Errorf("%s stands on %d floors, at most %d are allowed", room, d, deepest)
		}
	}
}

// TestNoSocket: nothing that observes or judges can open a network connection, because nothing of it imports a package that could.
func TestNoSocket(t *testing.T) {
	for _, p := range list(t, "-deps", "./evaluate") {
		if strings.HasPrefix(p.ImportPath, module) {
			for _, imp := range p.Imports {
				if imp == "net" || imp == "net/http" || strings.HasPrefix(imp, "net/rpc") {
					t.Errorf("%s imports %s", p.ImportPath, imp)
				}
			}
		}
	}
}
