package reference

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const good = `{
  "set": "lifecycle", "as_of": "2026-11-24", "source": "https://example.net/eol", "licence": "CC0-1.0",
  "rows": {
    "openssl@1.1": {"supported_until": "2023-09-11", "lts": true, "n": 9007199254740993, "names": ["a", "b"], "none": []},
    "": {}
  }
}
`

func TestParse(t *testing.T) {
	s, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(good))
	if s.Name != "lifecycle" || s.AsOf != "2026-11-24" || s.Source != "https://example.net/eol" || s.Licence != "CC0-1.0" || s.Digest != hex.EncodeToString(sum[:]) || string(s.Bytes) != good {
		t.Errorf("got %+v", s)
	}
	row, ok := s.Row("openssl@1.1")
	want := map[string]any{"supported_until": "2023-09-11", "lts": true, "n": int64(9007199254740993), "names": []any{"a", "b"}, "none": []any{}}
	if diff := cmp.Diff(want, row); !ok || diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if row, ok := s.Row(""); !ok || len(row) != 0 {
		t.Errorf("the row without a name: %v, %v", row, ok)
	}
	if _, ok := s.Row("openssl"); ok {
		t.Error("there is a row that is not there")
	}
	if s, err := Parse([]byte(`{"set":"x","as_of":"2026-01-01","source":"s","rows":{}}`)); err != nil || s.Licence != "" {
		t.Errorf("the least set: %v", err)
	}
}

// TestParseKeepsBytes holds that the caller's bytes can change afterwards.
func TestParseKeepsBytes(t *testing.T) {
	data := []byte(good)
	s, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if string(s.Bytes) != good {
		t.Error("the set shares the caller's bytes")
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"no set":          {`"set": "lifecycle", `, ``, `reading the reference "": set, as_of (YYYY-MM-DD) and source are needed`},
		"bad name":        {`"lifecycle"`, `"Life/cycle"`, `reading the reference "Life/cycle": set, as_of (YYYY-MM-DD) and source are needed`},
		"no date":         {`2026-11-24`, `24.11.2026`, `reading the reference "lifecycle": set, as_of (YYYY-MM-DD) and source are needed`},
		"no such date":    {`2026-11-24`, `2026-02-30`, `reading the reference "lifecycle": set, as_of (YYYY-MM-DD) and source are needed`},
		"no source":       {`https://example.net/eol`, ``, `reading the reference "lifecycle": set, as_of (YYYY-MM-DD) and source are needed`},
		"source number":   {`"https://example.net/eol"`, `1`, `reading a reference: "source" is no text`},
		"unknown member":  {`"licence"`, `"license"`, `reading the reference "lifecycle": its members are set, as_of, source, licence and rows, an object`},
		"other case":      {`"rows"`, `"Rows"`, `reading the reference "lifecycle": its members are set, as_of, source, licence and rows, an object`},
		"repeated member": {`"licence": "CC0-1.0"`, `"source": "x"`, `reading a reference: member "source" is repeated`},
		"repeated row":    {`"": {}`, `"openssl@1.1": {}`, `reading a reference: member "openssl@1.1" is repeated`},
		"repeated value":  {`"lts": true`, `"n": 1`, `reading a reference: member "n" is repeated`},
		"rows are a list": {`"": {}`, `"": []`, `reading the reference "lifecycle": row "" is no object`},
		"null row":        {`"": {}`, `"": null`, `reading the reference "lifecycle": row "" is no object`},
		"null value":      {`true`, `null`, `reading the reference "lifecycle": row "openssl@1.1", "lts": is no text, whole number, truth value or list of texts`},
		"fraction":        {`9007199254740993`, `1.5`, `reading the reference "lifecycle": row "openssl@1.1", "n": 1.5 is no whole number of 64 bits`},
		"too large":       {`9007199254740993`, `9223372036854775808`, `reading the reference "lifecycle": row "openssl@1.1", "n": 9223372036854775808 is no whole number of 64 bits`},
		"list of numbers": {`["a", "b"]`, `[1]`, `reading a reference: a list holds texts only`},
		"list of lists":   {`["a", "b"]`, `[["a"]]`, `reading a reference: a list holds texts only`},
		"object in a row": {`["a", "b"]`, `{"a": 1}`, `reading a reference: objects are nested too deep`},
		"data behind":     {"}\n}\n", "}}{}", `reading a reference: data after the object`},
		"a list":          {good, `[]`, `reading a reference: [ stands where an object should`},
		"nothing":         {good, ``, `reading a reference: EOF`},
		"truncated":       {"}\n}\n", "", `reading a reference: EOF`},
		"comment":         {`"rows"`, `/* x */ "rows"`, `reading a reference: invalid character '/' looking for beginning of object key string`},
	} {
		data := strings.Replace(good, c.from, c.to, 1)
		if data == good {
			t.Errorf("%s: nothing to replace", name)
		}
		if s, err := Parse([]byte(data)); err == nil {
			t.Errorf("%s is accepted as %+v", name, s)
		} else if err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", name, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"set":"x","as_of":"2026-01-01","source":"s","rows":{"a":{"b":[]}}}`))
	f.Add([]byte(`{"set":{"set":{"set":{}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		if s.Name == "" || s.Source == "" || len(s.AsOf) != 10 || !bytes.Equal(s.Bytes, data) {
			t.Fatalf("got %+v", s)
		}
		for key := range s.rows {
			row, ok := s.Row(key)
			if !ok || row == nil {
				t.Fatalf("row %q is not there", key)
			}
			for name, v := range row {
				switch v := v.(type) {
				case string, bool, int64:
				case []any:
					for _, x := range v {
						if _, ok := x.(string); !ok {
							t.Fatalf("%q: %v in a list", name, x)
						}
					}
				default:
					t.Fatalf("%q is a %T", name, v)
				}
			}
		}
	})
}
