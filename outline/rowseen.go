package outline

// Node is one node of the tree, parents first, siblings in order of their names. What the container does not say is -1 or empty.
type Node struct {
	Address       string   `json:"address" row:"address!"`
	Below         int64    `json:"below"` // rows of nodes that follow and lie below it
	Capabilities  []string `json:"capabilities,omitempty" row:"text=64,most=64"`
	Children      int64    `json:"children"`                        // those with rows
	Content       string   `json:"content,omitempty" row:"digest?"` // digest of the innermost bytes, which observers see; empty where not all were read
	Decoded       []Stream `json:"decoded,omitempty" row:"most=32"` // of single-stream compressors, outermost first
	Depth         int64    `json:"depth"`                           // 0 for an artifact
	Digest        string   `json:"digest,omitempty" row:"digest?"`  // of the bytes as stored in the parent
	Facts         int64    `json:"facts,omitempty"`                 // rows of facts, packages and unobserved things at it
	Findings      int64    `json:"findings,omitempty"`              // that fail and stand at it, over all schemes
	FindingsBelow int64    `json:"findings_below,omitempty"`        // the same at what lies below; one in several places counts at each
	Format        string   `json:"format,omitempty" row:"text=64"`  // what the stored bytes were recognised as
	GID           int64    `json:"gid" row:"min=-1"`
	Inner         bool     `json:"inner,omitempty"`               // content of a container: "!/" stands before Name
	Links         string   `json:"links,omitempty" row:"address"` // of a hard link: the entry that it repeats
	Major         int64    `json:"major,omitempty"`
	Minor         int64    `json:"minor,omitempty"`
	Mode          int64    `json:"mode" row:"min=-1"` // the twelve permission bits
	Name          string   `json:"name" row:"text=2048"`
	Parent        int64    `json:"parent" row:"min=-1"`          // position; -1 for an artifact
	Path          string   `json:"path,omitempty" row:"address"` // in the system
	Position      int64    `json:"position"`
	Size          int64    `json:"size" row:"min=-1"`              // bytes as stored in the parent
	System        string   `json:"system,omitempty" row:"address"` // root of the system that it lies in
	SystemRoot    bool     `json:"system_root,omitempty"`
	Target        string   `json:"target,omitempty" row:"text=4096"` // of a symbolic link
	Time          string   `json:"time,omitempty" row:"text=64"`     // modification, seconds since 1970 UTC
	Type          string   `json:"type" row:"one=file|dir|symlink|char|block|fifo|socket"`
	UID           int64    `json:"uid" row:"min=-1"`
	Unobserved    string   `json:"unobserved,omitempty" row:"text=512"` // why it was not looked at, or not wholly: reasons, with commas
}

// Stream is what a single-stream compressor held.
type Stream struct {
	Digest string `json:"digest,omitempty" row:"digest?"`
	Format string `json:"format,omitempty" row:"text=64"`
	Size   int64  `json:"size" row:"min=-1"`
}

// Fact is something that was seen at a node: of every kind but file, which is folded into Node, package and unobserved, which have rows of their own.
type Fact struct {
	Attributes string   `json:"attributes" row:"json=65536"` // by name; long texts and lists say how much they lack
	Excerpt    *Excerpt `json:"excerpt,omitempty"`
	Key        string   `json:"key,omitempty" row:"text=1024"` // the values that identify it, for people
	Kind       string   `json:"kind" row:"name=256"`
	Node       string   `json:"node" row:"address!"`
	NodeAt     int64    `json:"node_at" row:"min=-1"` // position of the node; -1 where it has no row
	Observer   string   `json:"observer" row:"name=256"`
	Path       string   `json:"path,omitempty" row:"address"`
	Position   int64    `json:"position"`
	System     string   `json:"system,omitempty" row:"address"`
	Version    int64    `json:"version,omitempty"`
}

// Package is one installed package: a line of the SBOM.
type Package struct {
	Arch          string `json:"arch,omitempty" row:"text=128"`
	Essential     bool   `json:"essential,omitempty"`
	Homepage      string `json:"homepage,omitempty" row:"text=1024"`
	Installed     bool   `json:"installed"`                     // its files are in the system
	Key           string `json:"key,omitempty" row:"text=1024"` // as in Place: name and architecture
	Maintainer    string `json:"maintainer,omitempty" row:"text=512"`
	Manager       string `json:"manager,omitempty" row:"text=128"`
	Name          string `json:"name" row:"text=512"`
	Node          string `json:"node" row:"address!"`
	NodeAt        int64  `json:"node_at" row:"min=-1"`
	Path          string `json:"path,omitempty" row:"address"`
	Position      int64  `json:"position"`
	Section       string `json:"section,omitempty" row:"text=256"`
	Source        string `json:"source,omitempty" row:"text=512"`
	SourceVersion string `json:"source_version,omitempty" row:"text=256"`
	Status        string `json:"status,omitempty" row:"text=128"`
	System        string `json:"system,omitempty" row:"address"`
	Version       string `json:"version,omitempty" row:"text=256"`
}

// Unobserved is something that could not be looked at, and what it may hide.
type Unobserved struct {
	By       string   `json:"by,omitempty" row:"text=256"` // observer that addresses the file; empty where unpacking could not read it
	Detail   string   `json:"detail,omitempty" row:"text=1024"`
	Hides    []string `json:"hides,omitempty" row:"text=256,most=64"` // kinds; * is every kind
	Length   int64    `json:"length" row:"min=-1"`                    // bytes; -1 when not known
	Node     string   `json:"node" row:"address!"`
	NodeAt   int64    `json:"node_at" row:"min=-1"`
	Offset   int64    `json:"offset" row:"min=-1"`
	Path     string   `json:"path,omitempty" row:"address"`
	Position int64    `json:"position"`
	Reason   string   `json:"reason" row:"text=64"`
	System   string   `json:"system,omitempty" row:"address"`
}
