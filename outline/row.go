package outline

// Format is Head.Format in every outline that this package writes and reads.
const Format = "probat-outline/1"

// MaxInteger is the largest integer in a row.
const MaxInteger = 1<<53 - 1

// What a stream is bounded by. What is left out is counted in End.
const (
	MaxLine     = 4 << 20 // bytes, with the newline
	MaxAddress  = 2048    // bytes; a longer one ends in … and its SHA-256
	MaxPlaces   = 32      // of a finding
	MaxFindings = 500_000 // of a dossier
	MaxNodes    = 1_000_000
	MaxFacts    = 500_000 // of all kinds together
	MaxPackages = 200_000
	MaxUnseen   = 100_000 // unobserved things
	// MaxRows is more than all of these together; MaxBytes bounds the stream for who runs the child.
	MaxRows  = 3_000_000
	MaxBytes = 4 << 30
)

// Row is a pointer to one of the structs of this package that have a kind.
//
// Tags say what a field may hold; an Encoder fits values to them, Read refuses others:
//
//	text=N    at most N bytes without control characters; longer ones end in "… and N more bytes"
//	lines=N   the same, with line feeds
//	name=N    the same, never empty and never cut: an identifier
//	digest    SHA-256, hexadecimal; digest? may be empty
//	address   at most MaxAddress bytes; address! is never empty
//	json=N    a JSON object in its canonical encoding, whose texts have no control characters
//	date      YYYY-MM-DD
//	one=a|b   one of these words; one?=a|b or empty
//	most=N    of a list: at most N elements
//	min=N     of an integer: at least N, where 0 is the least otherwise
type Row interface{ kind() string }

// Head is the first row.
type Head struct {
	AsOf        string      `json:"as_of" row:"date"`
	Bytes       Bytes       `json:"bytes"` // where the bytes of all containers went
	Dossier     string      `json:"dossier" row:"digest"`
	Facts       int64       `json:"facts"` // of all kinds
	Format      string      `json:"format" row:"one=probat-outline/1"`
	Interrupted bool        `json:"interrupted,omitempty"`
	Kinds       []KindCount `json:"kinds,omitempty" row:"most=1000"`             // facts by kind, sorted, those without facts left away
	LeftOut     []string    `json:"left_out,omitempty" row:"text=256,most=1000"` // observers that were not asked
	Limits      Limits      `json:"limits"`
	Predecessor string      `json:"predecessor,omitempty" row:"digest?"` // dossier whose judgement it continues
	Release     Release     `json:"release"`
	Unpackers   []string    `json:"unpackers,omitempty" row:"text=256,most=1000"` // as "tar 1"
}

// Bytes says where the bytes of all containers went.
type Bytes struct {
	Nodes      int64 `json:"nodes"`
	Padding    int64 `json:"padding"`
	Structure  int64 `json:"structure"`
	Unobserved int64 `json:"unobserved"`
}

// KindCount is how many facts of a kind the dossier holds.
type KindCount struct {
	Count int64  `json:"count"`
	Kind  string `json:"kind" row:"name=256"`
}

// Limits are the budgets that unpacking kept to.
type Limits struct {
	Bytes   int64 `json:"bytes"`
	Depth   int64 `json:"depth"`
	Entries int64 `json:"entries"`
}

// Release is what the vendor declared that was evaluated; empty without a declaration.
type Release struct {
	Kind    string `json:"kind,omitempty" row:"text=64"`
	Period  string `json:"period,omitempty" row:"text=256"`
	Product string `json:"product,omitempty" row:"text=512"`
	Vendor  string `json:"vendor,omitempty" row:"text=512"`
	Version string `json:"version,omitempty" row:"text=256"`
}

// Artifact is a file or directory of the release, in the manifest's order.
type Artifact struct {
	Digest   string `json:"digest,omitempty" row:"digest?"` // empty where not all bytes were read
	ID       string `json:"id" row:"name=2048"`
	Position int64  `json:"position"`
	Role     string `json:"role,omitempty" row:"text=256"`
	Size     int64  `json:"size"` // bytes; 0 for a directory
	Type     string `json:"type" row:"one=file|dir"`
}

// Declaration is what the vendor declared. There is at most one.
type Declaration struct {
	Digest string `json:"digest" row:"digest"`               // of the canonical form as the dossier has it
	JSON   string `json:"json,omitempty" row:"json=1048576"` // the canonical form, its texts escaped as fact.Escape does but for %; empty where it is larger
	Size   int64  `json:"size"`                              // bytes of the canonical form
}

// Document is a piece of evidence that the dossier holds.
type Document struct {
	Answers        []string `json:"answers,omitempty" row:"text=512,most=256"` // SCHEME/REQUIREMENT
	AnswersLeftOut int64    `json:"answers_left_out,omitempty"`
	Digest         string   `json:"digest" row:"digest"`
	Position       int64    `json:"position"`
	Size           int64    `json:"size"` // bytes
	Title          string   `json:"title,omitempty" row:"text=1024"`
}

// Observer is one that was asked, and what it looked at.
type Observer struct {
	Kinds    []string `json:"kinds,omitempty" row:"name=256,most=1000"` // of facts that it records, sorted
	Name     string   `json:"name" row:"name=256"`
	Nodes    int64    `json:"nodes"` // files that were offered to it
	Position int64    `json:"position"`
	Systems  int64    `json:"systems"`
	Version  int64    `json:"version"`
}

// Reference is a reference set that was at hand.
type Reference struct {
	AsOf     string `json:"as_of" row:"date"`
	Digest   string `json:"digest" row:"digest"`
	Name     string `json:"name" row:"name=256"`
	Position int64  `json:"position"`
}

// Scheme begins the requirements of one scheme.
type Scheme struct {
	Counts       Counts    `json:"counts"`
	Departs      string    `json:"departs,omitempty" row:"text=1024"` // it bears the name of a scheme that comes with the program, and is another
	Digest       string    `json:"digest" row:"digest"`
	Edition      string    `json:"edition" row:"name=256"`
	ID           string    `json:"id" row:"name=256"`
	Link         string    `json:"link,omitempty" row:"text=2048"`
	Position     int64     `json:"position"`
	Profiles     []Profile `json:"profiles,omitempty" row:"most=100"`
	Publisher    string    `json:"publisher,omitempty" row:"text=512"`
	Requirements int64     `json:"requirements"` // rows of that kind that follow
	Subtitle     string    `json:"subtitle,omitempty" row:"text=1024"`
	Texts        string    `json:"texts,omitempty" row:"text=4096"`
	Title        string    `json:"title" row:"text=512"`
}

// Counts says how many requirements came out how, of how many.
type Counts struct {
	Fail          int64         `json:"fail"`
	Inconclusive  int64         `json:"inconclusive"`
	NotApplicable int64         `json:"not_applicable"`
	NotAssessed   int64         `json:"not_assessed"`
	Pass          int64         `json:"pass"`
	Reasons       []ReasonCount `json:"reasons,omitempty" row:"most=16"` // of those that were not assessed, in the order of judge.Reasons
	Total         int64         `json:"total"`
}

// ReasonCount is how many requirements were not assessed for a reason.
type ReasonCount struct {
	Count  int64  `json:"count"`
	Reason string `json:"reason" row:"one=lab-error|needs-rescan|nothing-examined|no-test|needs-declaration|needs-artifact|needs-instance|needs-person"`
}

// Profile is a subset of a scheme's requirements; Requirement.Profiles says which.
type Profile struct {
	Counts Counts `json:"counts"`
	ID     string `json:"id" row:"name=256"`
	Reason string `json:"reason,omitempty" row:"text=2048"`
	Title  string `json:"title,omitempty" row:"text=512"`
}

// Count is how many rows of a kind an outline has, and how many things were left out because they are too many.
type Count struct {
	Kind    string `json:"kind" row:"name=64"`
	LeftOut int64  `json:"left_out"`
	Rows    int64  `json:"rows"`
}

// End is the last row: without it, an outline was cut off.
type End struct {
	Counts []Count `json:"counts" row:"most=32"` // every kind but end, in the order of the stream
}

func (*Head) kind() string        { return "head" }
func (*Artifact) kind() string    { return "artifact" }
func (*Declaration) kind() string { return "declaration" }
func (*Document) kind() string    { return "document" }
func (*Observer) kind() string    { return "observer" }
func (*Reference) kind() string   { return "reference" }
func (*Scheme) kind() string      { return "scheme" }
func (*Requirement) kind() string { return "requirement" }
func (*Finding) kind() string     { return "finding" }
func (*Node) kind() string        { return "node" }
func (*Fact) kind() string        { return "fact" }
func (*Package) kind() string     { return "package" }
func (*Unobserved) kind() string  { return "unobserved" }
func (*End) kind() string         { return "end" }

// kinds are all kinds but end, in the order of the stream: of scheme, requirement and finding the three go round.
func kinds() []string {
	return []string{
		"head", "artifact", "declaration", "document", "observer", "reference", "scheme", "requirement", "finding", "node", "fact", "package", "unobserved",
	}
}

// newRow returns an empty row of a kind, or nil.
func newRow(kind string) Row {
	switch kind {
	case "head":
		return &Head{}
	case "artifact":
		return &Artifact{}
	case "declaration":
		return &Declaration{}
	case "document":
		return &Document{}
	case "observer":
		return &Observer{}
	case "reference":
		return &Reference{}
	case "scheme":
		return &Scheme{}
	case "requirement":
		return &Requirement{}
	case "finding":
		return &Finding{}
	case "node":
		return &Node{}
	case "fact":
		return &Fact{}
	case "package":
		return &Package{}
	case "unobserved":
		return &Unobserved{}
	case "end":
		return &End{}
	}
	return nil
}
