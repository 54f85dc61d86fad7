package product

import "github.com/probat-lab/probat/strictyaml"

// MaxSize is the size of the largest declaration that is read, in bytes.
const MaxSize = strictyaml.MaxSize

// Error is one thing that is wrong with a declaration.
type Error = strictyaml.Error

// Errors is everything that is wrong with a declaration, by place. Parse returns it as a pointer; errors.As finds it.
type Errors = strictyaml.ErrorList

// Parse reads a declaration in YAML 1.2. name stands in errors only.
//
// It is strict: unknown and repeated keys, values of another type, empty values, tags and merge keys are errors. Every
// error is found in one go, but for a file that is no YAML. The error is an *Errors.
func Parse(name string, data []byte) (*Declaration, error) {
	errs := newErrors(name)
	root := strictyaml.Parse(data, errs)
	if root == nil {
		return nil, errs.Err()
	}
	return decode(root, errs)
}

// Locate returns where the value of path, as in `artifacts[0].sha256`, stands in a declaration that Parse accepts; the
// nearest value around it when it is absent. Callers use it for what only they can find wrong, such as a missing file.
func Locate(data []byte, path string) (line, column int) {
	root := strictyaml.Parse(data, newErrors(""))
	if root == nil {
		return 1, 1
	}
	at, _ := root.Find(path)
	return at.Line, at.Column
}

func newErrors(name string) *strictyaml.Errors {
	return strictyaml.NewErrors(name, "a declaration", "vendor", "product", "kind", "version")
}
