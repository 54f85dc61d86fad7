package credential

// File names and contents of a container, for tests that forge one.
type ZipFile struct {
	Name string
	Data []byte
}

// ReadZip takes a container apart.
func ReadZip(data []byte) ([]ZipFile, error) {
	members, err := readZip(data)
	var out []ZipFile
	for _, m := range members {
		out = append(out, ZipFile{m.name, m.data})
	}
	return out, err
}

// WriteZip writes a container of any files.
func WriteZip(files []ZipFile) []byte {
	var members []member
	for _, f := range files {
		members = append(members, member{f.Name, f.Data})
	}
	return writeZip(members)
}

var (
	LogID    = logID
	MaxTrust = maxTrust
)
