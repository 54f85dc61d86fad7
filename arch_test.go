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
	"judge":      {"fact", "reference", "scheme"},
	"schemetest": {"fact", "judge", "product", "reference", "scheme", "strictyaml"},
	"dossier":    {"fact", "judge", "product", "reference", "scheme"},
	"report":     {"dossier", "fact", "judge", "scheme", "schemes"},
	"evaluate": {
		"dossier", "fact", "judge", "observe", "observe/account", "observe/dpkg", "observe/elf", "observe/file", "observe/osrelease",
		"observe/service", "observe/sshd", "product", "reference", "scheme", "tree", "unpack",
	},
	"statement":                 {},
	"ledger/proof":              {},
	"credential":                {"ledger/proof", "statement"},
	"credential/credentialtest": {"credential", "ledger/proof", "statement"},
	"verify":                    {"credential", "ledger/proof", "statement"},
	"cmd/probat-verify":         {"verify"},

	"blob":            {},
	"blob/vault":      {"blob"},
	"store":           {},
	"store/storetest": {},
	"store/records":   {"access", "store"},
	"access":          {},
	"work":            {},
	"outline":         {"fact", "statement"},
	"outline/draw":    {"dossier", "fact", "judge", "outline", "report", "scheme", "statement", "tree", "unpack"},
	"ledger":          {"blob", "ledger/proof", "statement", "store"},
	"ledger/witness":  {"ledger/proof"},

	"sandbox":      {},
	"seal/examine": {"schemes", "statement"},
	"seal/draft":   {"dossier", "fact", "judge", "product", "seal/examine", "statement"},
	"lab":          {"blob", "credential", "ledger", "ledger/proof", "ledger/witness", "statement", "store", "strictyaml"},
	"seal":         {"blob", "credential", "lab", "ledger", "ledger/proof", "seal/examine", "statement", "store"},

	"lab/box": {"judge", "outline", "seal/examine", "statement"},
	"lab/child": {
		"dossier", "evaluate", "lab/box", "outline", "outline/draw", "product", "report", "sandbox", "scheme", "schemes", "seal/draft", "seal/examine", "statement", "unpack",
	},
	"lab/desk": {
		"access", "blob", "blob/vault", "judge", "lab", "lab/box", "ledger", "outline", "schemes", "seal", "seal/examine", "statement", "store/records",
	},

	"lab/demo": {"access", "examples", "lab/desk", "seal", "statement", "store/records"},
	"examples": {},

	"portal": {
		"access", "blob/vault", "lab/box", "lab/desk", "outline", "portal/page", "portal/signin", "portal/upload", "scheme", "schemes", "seal", "seal/examine", "statement", "store/records",
		"work",
	},
	"portal/client":            {},
	"portal/page":              {},
	"portal/signin":            {"portal/signin/assertion"},
	"portal/signin/assertion":  {},
	"portal/upload":            {"blob", "blob/vault"},
	"portal/upload/uploadtest": {"blob/vault", "portal/upload"},

	"cmd/probat": {
		"access", "lab/child", "lab/demo", "lab/desk", "portal", "portal/client", "portal/page", "portal/signin", "store", "store/records", "work",
		"blob", "credential", "dossier", "evaluate", "fact", "judge", "lab", "ledger", "ledger/proof", "ledger/witness", "product", "reference", "report", "sandbox", "scheme",
		"schemes", "schemetest", "seal", "seal/draft", "seal/examine", "statement", "strictyaml", "tree", "unpack", "verify",
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
		[]string{"dossier", "product", "seal/draft", "statement"},
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
		"BSD-3-Clause", "differences in tests; the rooms named here serve tests only",
		[]string{"observe/observetest", "portal/upload/uploadtest"},
	},
	"golang.org/x/sync": {
		"BSD-3-Clause", "errgroup: who starts goroutines waits for them",
		[]string{"judge", "lab/demo", "ledger", "observe"},
	},
	"golang.org/x/sys": {
		"BSD-3-Clause", "extended attributes, device numbers and open flags of the host; the exchange of two folders in one step; namespaces and Landlock of the sandbox",
		[]string{"dossier", "sandbox", "unpack"},
	},
	"golang.org/x/mod": {
		"BSD-3-Clause", "the Merkle tree of the Go checksum database, by the people who run it: tree hashes, proofs, tiles",
		[]string{"credential", "credential/credentialtest", "ledger", "ledger/proof", "ledger/witness", "verify"},
	},
	"filippo.io/mldsa": {
		"BSD-3-Clause", "ML-DSA-44, FIPS 204, for cosignatures that outlive quantum computers; the standard library has none yet",
		[]string{"ledger/proof"},
	},
	"filippo.io/age": {
		"BSD-3-Clause", "keys at rest under a passphrase, and disclosures to one recipient: a format with a specification and other implementations",
		[]string{"cmd/probat", "lab"},
	},
	"github.com/elastic/go-seccomp-bpf": {
		"Apache-2.0", "assembles seccomp filters by names of system calls, for all architectures that Linux has",
		[]string{"sandbox"},
	},
	"github.com/jackc/pgx/v5": {
		"MIT", "PostgreSQL, the driver that the field uses",
		[]string{"store", "store/storetest"},
	},
	"modernc.org/sqlite": {
		"BSD-3-Clause", "SQLite without cgo: the lab's database where nobody runs one",
		[]string{"store"},
	},
	"github.com/minio/minio-go/v7": {
		"Apache-2.0", "S3 with conditional writes, for tiles and evidence; a third of the size of the alternatives",
		[]string{"blob"},
	},
	"github.com/cedar-policy/cedar-go": {
		"Apache-2.0", "policies that say who may do what, in a language with a specification and an analyser; by the people who made it",
		[]string{"access"},
	},
	"github.com/nats-io/nats-server/v2": {
		"Apache-2.0", "the queue in process: JetStream, so that the same code takes a cluster by URL",
		[]string{"work"},
	},
	"github.com/nats-io/nats.go": {
		"Apache-2.0", "the client of NATS",
		[]string{"work"},
	},
	"github.com/a-h/templ": {
		"MIT", "pages as typed Go with contextual escaping; generated files are committed",
		[]string{"portal", "portal/page"},
	},
	"github.com/danielgtaylor/huma/v2": {
		"MIT", "the API: OpenAPI 3.1 from Go types, problems by RFC 9457, validation",
		[]string{"portal"},
	},
	"github.com/tus/tusd/v2": {
		"MIT", "resumable uploads by the tus protocol, the reference implementation; its storage is ours",
		[]string{"portal/upload"},
	},
	"golang.org/x/exp": {
		"BSD-3-Clause", "the type of tusd's logger, to silence it",
		[]string{"portal/upload"},
	},
	"github.com/go-webauthn/webauthn": {
		"BSD-3-Clause", "passkeys: the ceremonies of WebAuthn level 2, and all its encodings",
		[]string{"portal/signin"},
	},
	"github.com/coreos/go-oidc/v3": {
		"Apache-2.0", "sign-in by a party's own identity provider: discovery, keys, ID tokens",
		[]string{"portal/signin"},
	},
	"golang.org/x/oauth2": {
		"BSD-3-Clause", "the authorization code flow with PKCE, under go-oidc",
		[]string{"portal/signin"},
	},
	"golang.org/x/crypto": {
		"BSD-3-Clause", "argon2id, RFC 9106, for passwords; the standard library has none",
		[]string{"portal/signin"},
	},
	"golang.org/x/time": {
		"BSD-3-Clause", "token buckets for rates of requests",
		[]string{"portal/signin"},
	},
	"golang.org/x/term": {
		"BSD-3-Clause", "whether a person at a terminal reads, and how wide it is",
		[]string{"cmd/probat"},
	},
}

// How many foreign modules there may be: without the rooms that apart lists, in all, and in what auditors read of probat-verify.
const (
	most       = 20
	mostInAll  = 45
	mostVerify = 5
)

var apart = []string{"portal", "portal/page", "portal/signin", "portal/upload", "portal/upload/uploadtest", "work", "store", "store/storetest", "blob", "ledger"}

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
	small := 0
	for mod := range used {
		if slices.ContainsFunc(foreign[mod].who, func(room string) bool { return !slices.Contains(apart, room) }) {
			small++
		}
	}
	if small > most || len(used) > mostInAll {
		t.Errorf("%d foreign modules without %v and %d in all; at most %d and %d are allowed", small, apart, len(used), most, mostInAll)
	}
}

// TestVerifierIsSmall holds what auditors have to read to the rooms and modules that its guide names.
func TestVerifierIsSmall(t *testing.T) {
	mods, ours := map[string]bool{}, []string{}
	for _, p := range list(t, "-deps", "./cmd/probat-verify") {
		switch {
		case p.Standard || p.Module == nil:
		case p.Module.Path == module:
			ours = append(ours, strings.TrimPrefix(p.ImportPath, module+"/"))
		default:
			mods[p.Module.Path] = true
		}
		for _, banned := range []string{"net", "net/http", "os/exec", "database/sql", "plugin"} {
			if !p.Standard && slices.Contains(p.Imports, banned) {
				t.Errorf("%s imports %s", p.ImportPath, banned)
			}
		}
	}
	if len(mods) > mostVerify {
		t.Errorf("probat-verify needs %d foreign modules: %v; at most %d are allowed", len(mods), mods, mostVerify)
	}
	slices.Sort(ours)
	if want := []string{"cmd/probat-verify", "credential", "ledger/proof", "statement", "verify"}; !slices.Equal(ours, want) {
		t.Errorf("probat-verify consists of %v, want %v", ours, want)
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
