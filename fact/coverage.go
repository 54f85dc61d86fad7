package fact

import "slices"

// Coverage says what an observer looked at in one run, for those who ask later: a dossier keeps it.
type Coverage struct {
	Observer string              `json:"observer"`
	Version  int                 `json:"version"`
	Kinds    map[string][]string `json:"kinds"`   // attributes by kind, sorted
	Nodes    int64               `json:"nodes"`   // files that were offered to it
	Systems  int64               `json:"systems"` // systems that were offered to it
}

// Records tells whether the observer records that attribute of that kind; an empty attribute asks for the kind alone.
func (c *Coverage) Records(kind, attr string) bool {
	attrs, ok := c.Kinds[kind]
	if !ok || attr == "" || attr == "path" || attr == "system" {
		return ok
	}
	_, found := slices.BinarySearch(attrs, attr)
	return found
}
