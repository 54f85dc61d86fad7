package fact

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func groupLine(node, system, name string, e *Excerpt) string {
	return Encode("o", Location{Node: node, System: system, Path: "/p"}, Record{Attrs: Group{Name: name}, Excerpt: e})
}

// TestSortLines holds the order: node, offset (none before 0), line; each line once.
func TestSortLines(t *testing.T) {
	want := []string{
		groupLine("a", "", "z", nil),
		groupLine("a", "", "a", &Excerpt{Offset: 0, Length: 1, Text: "y"}),
		groupLine("a", "", "a", &Excerpt{Offset: 2, Length: 1, Text: "x"}),
		groupLine("a", "", "b", &Excerpt{Offset: 2, Length: 1, Text: "x"}),
		groupLine("a", "", "a", &Excerpt{Offset: 10, Length: 1, Text: "x"}),
		groupLine("a", "", "a", &Excerpt{Offset: maxExact + 1, Length: 1, Text: "x"}),
		groupLine("a!/b", "", "a", nil),
		groupLine("a/b", "", "a", nil),
		groupLine("b\"", "", "a", nil), // the escape's backslash does not count
		groupLine("bA", "", "a", nil),
	}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.Permutation(append(slices.Clone(want), want[2], want[4], want[4])).Draw(t, "lines")
		got, err := SortLines(lines)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
	if got, err := SortLines(nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	if _, err := SortLines([]string{want[0], "{"}); err == nil {
		t.Error("what is no fact is sorted")
	}
}

func TestSet(t *testing.T) {
	k, _ := ByName("group")
	sorted, err := SortLines([]string{
		groupLine("r!/etc/group", "r!/", "wheel", nil),
		groupLine("r!/etc/group", "r!/", "wheel", &Excerpt{Line: 7, Offset: 90, Length: 5, Text: "wheel"}),
		groupLine("r!/etc/group", "r!/", "adm\"", nil),
		groupLine("s!/etc/group", "s!/", "wheel", nil),
		groupLine("t", "", "wheel", nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSet()
	s.Put(k, sorted)
	var all []string
	for f, err := range s.All("group") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Line())
	}
	if !slices.Equal(all, sorted) || s.Len("group") != 5 || !slices.Equal(s.Lines("group"), sorted) {
		t.Errorf("got %q", all)
	}
	for _, c := range []struct {
		system, key string
		want        []int
	}{
		{"", "wheel", []int{1, 2, 3, 4}},
		{"r!/", "wheel", []int{1, 2}},
		{"s!/", "wheel", []int{3}},
		{"t!/", "wheel", nil},
		{"", "adm\"", []int{0}},
		{"", "adm", nil},
		{"", "", nil},
	} {
		found, err := s.Find("group", c.system, c.key)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, f := range found {
			got = append(got, slices.Index(sorted, f.Line()))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q in %q: got %v, want %v", c.key, c.system, got, c.want)
		}
	}
	if found, err := s.Find("file", "", "x"); found != nil || err != nil || s.Len("file") != 0 || s.Lines("file") != nil {
		t.Errorf("of a kind without facts: %v, %v", found, err)
	}
	for range s.All("file") {
		t.Error("there is a fact")
	}
}

// TestKeys holds that a key of several attributes is joined in its order, whatever their types, and absent ones are empty.
func TestKeys(t *testing.T) {
	k, _ := ByName("service")
	s := NewSet()
	full := Encode("o", Location{Node: "n"}, Record{Attrs: Service{Name: "ssh", Program: Known("/sbin/sshd"), Protocol: Known("tcp"), Port: Known[int64](22)}})
	bare := Encode("o", Location{Node: "n"}, Record{Attrs: Service{Name: "ssh"}})
	sorted, _ := SortLines([]string{full, bare})
	s.Put(k, sorted)
	for key, want := range map[string]string{JoinKey("ssh", "/sbin/sshd", "tcp", "22"): full, JoinKey("ssh", "", "", ""): bare} {
		if found, err := s.Find("service", "", key); err != nil || len(found) != 1 || found[0].Line() != want {
			t.Errorf("%q: got %v, %v", key, found, err)
		}
	}
	file, _ := ByName("file")
	f, err := Parse(file, Encode("o", Location{Node: "n", Path: "/a\x00b"}, Record{Attrs: File{Type: "file"}}))
	if err != nil || f.KeyString() != "/a\x00b" {
		t.Errorf("got %v, %v", f, err)
	}
}

// TestSetStopsAtError holds that what can be read is given, and then the error, each time.
func TestSetStopsAtError(t *testing.T) {
	k, _ := ByName("group")
	s := NewSet()
	s.Put(k, []string{groupLine("a", "", "x", nil), "{}", groupLine("b", "", "x", nil)})
	for range 2 {
		n, failed := 0, false
		for f, err := range s.All("group") {
			if err != nil {
				failed = true
				if !strings.HasPrefix(err.Error(), "line 2: ") {
					t.Errorf("got %v", err)
				}
				continue
			}
			n++
			_ = f.Line()
		}
		if n != 1 || !failed {
			t.Errorf("%d facts, failed %v", n, failed)
		}
		if found, err := s.Find("group", "", "x"); err == nil || len(found) != 1 {
			t.Errorf("got %v, %v", found, err)
		}
	}
	for range s.All("group") {
		break // stopping early is no error
	}
}

// TestSetConcurrently holds that readers need no lock; -race watches.
func TestSetConcurrently(t *testing.T) {
	k, _ := ByName("group")
	var lines []string
	for i := range 500 {
		lines = append(lines, groupLine(fmt.Sprintf("n%03d", i), "", fmt.Sprint(i%7), nil))
	}
	s := NewSet()
	s.Put(k, lines)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			found, err := s.Find("group", "", "3")
			n := 0
			for f := range s.All("group") {
				if _, ok := f.Get("name"); ok {
					n++
				}
			}
			if err != nil || len(found) != 71 || n != 500 {
				t.Errorf("got %d, %d, %v", len(found), n, err)
			}
		})
	}
	wg.Wait()
}

func TestText(t *testing.T) {
	if got, want := Text([]byte("a\x1b\xff\r\n\n")), "a%1B%FF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Text([]byte(strings.Repeat("a", 1000))); len(got) != MaxExcerpt {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestAppendJSON(t *testing.T) {
	got := string(AppendJSON(nil, []any{nil, true, int64(7), int64(maxExact + 1), "a\"\n", []string{"x", "y"}, []any{}}))
	if want := `[null,true,7,"9007199254740993","a\"\n",["x","y"],[]]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(AppendJSON(nil, "a\xff")); got != "\"a\ufffd\"" {
		t.Errorf("got %s", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a type that is no attribute's is accepted")
		}
	}()
	AppendJSON(nil, 1.5)
}
