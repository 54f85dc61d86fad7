package page

// Compare is "/compare?a=&b=": release A against the later B.
type Compare struct {
	Shell
	A, B     Side
	Schemes  []CompareScheme
	Files    []FileChange // by which file: most telling first
	FilesSum string       // as "212 files changed, 3 added, 41 removed, 18,302 identical"
	Pager    Pager        // of the files
	Swap     string
	Choose   []Field // of a GET form: a and b; nil: none
}

// Side is one of two releases.
type Side struct {
	Product, Release, URL string
	Digest                string // of the dossier compared
	Note                  string
}

// CompareScheme is what changed under one scheme. Carried are those whose inputs are byte-identical.
type CompareScheme struct {
	Name, EditionA, EditionB string
	NewlyMet                 []Change
	NewlyFailed              []Change
	NotComparable            []Change
	Other                    []Change // further changes of verdict
	Carried                  int
	CarriedNote              string // as "inputs byte-identical"
}

// Change is a requirement whose verdict changed, with its cause.
type Change struct {
	ID, Name, URL string
	From, To      string // verdicts; empty: not in that edition
	Cause         string // as "libssl.so 3.0.11 → 3.0.15"
	Files         []Link
}

// FileChange is one node that differs. An empty digest: not there.
type FileChange struct {
	Address, URL string
	A, B         string // digests
	Words        string // as "libssl 3.0.11 → 3.0.15", "mode 0755 → 4755"
	Decided      int    // how many verdicts changed by it
}

func (v CompareScheme) headline() string {
	return number(int64(len(v.NewlyMet))) + " newly met · " + number(int64(len(v.NewlyFailed))) + " newly failed · " +
		number(int64(v.Carried)) + " carried over · " + number(int64(len(v.NotComparable))) + " no longer comparable"
}
