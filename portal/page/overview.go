package page

// Overview is "/products": releases in rows, schemes in columns, the same columns for every vendor.
type Overview struct {
	Shell
	Heading string // default "Releases, one bar for all"
	Sub     string // what the counts are of, which editions
	Schemes []Link // the columns; Note is the edition
	Rows    []ReleaseRow
	Filters []Field // of a GET form; each must have a Label
	Pager   Pager
	Submit  string // address of the form to submit a release; empty: the reader can't
	Server  string // public address, for the command line that an empty page teaches
	Compare []Link // pairs worth comparing, may be empty
}

// ReleaseRow is one release. Cells are in the order of the schemes.
type ReleaseRow struct {
	Product, ProductURL string
	Release, ReleaseURL string
	Vendor              string
	Notes               []string // state, credential, clock, in words
	Cells               []Cell
}

// Cell is one release under one scheme.
type Cell struct {
	Asked  bool // false: "not asked for"
	URL    string
	Counts Counts
	Note   string // instead of counts that do not exist yet, as "queued", or beside them
}

// Product is "/products/{id}".
type Product struct {
	Shell
	Name, Vendor, Kind string // Kind: equipment, software, service, process
	Facts              []Pair
	Schemes            []Link
	Releases           []ReleaseRow
	Grants             []Grant
	Actions            []Form
	Submit             string // a new release of this product
}
