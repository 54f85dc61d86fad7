package page

// Submit is the form for a new release. Artifacts are uploaded by tus 1.0 to Endpoint while one fills in the rest; the addresses of the finished
// uploads go along as hidden fields under the name of each Upload. Without scripts the page shows the command line instead of the file fields.
type Submit struct {
	Shell
	Form     Form // its Fields, Hidden, Action, Sign and Error; ID is "submit"
	Uploads  []Upload
	Endpoint string // of tus
	Most     int64  // largest upload in bytes, 0: not told
	Command  string
}

// Upload is a field for files that are uploaded resumably.
type Upload struct {
	Name, Label, Help, Error string
	Several, Required        bool
	Accept                   string
	Done                     []Pair // finished before: Name is the file's, Value the upload's address
}

// Declaration is the form of a declaration, or with YAML shown the file itself. As one types, it is posted to Check, which answers with Checked.
type Declaration struct {
	Shell
	Product, Release, ReleaseURL string
	Action, Check                string
	Submit                       string // the button
	Hidden                       []Pair
	Sets                         []Fieldset
	YAML                         string
	Text                         bool   // the YAML is edited, not the form
	Other                        Link   // to the other way of editing
	Drafted                      string // as "drafted from what was observed: 8 services, 12 accounts"
	Problems                     []Problem
	Told                         bool // it was checked: with no Problems, say that it is complete
	Sign                         string
}

// Fieldset is a group of fields, or a list of Entries with buttons to add and remove. The buttons submit the form with name "add" and the
// list's Path, or "remove" and the entry's.
type Fieldset struct {
	Legend, Help string
	Path         string // as "services", "services.2"
	Fields       []Field
	Entries      []Fieldset
	List         bool   // entries can be added and removed
	Add          string // the button, as "Add a service"
}

// Problem is what a check found.
type Problem struct {
	Where string // path, or "line 12, column 3"
	Text  string
	Field string // name of the field, to lead there; may be empty
	Line  int
}

// slotted gives a field a place for its error that is there even without one, so that a check can fill it.
func (f Field) slotted() Field {
	f.slot = true
	return f
}

func allFields(sets []Fieldset) []Field {
	var out []Field
	for _, s := range sets {
		out = append(append(out, s.Fields...), allFields(s.Entries)...)
	}
	return out
}
