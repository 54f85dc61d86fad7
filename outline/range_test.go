package outline_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/statement"
)

func TestRange(t *testing.T) {
	r := &outline.Range{
		Content: strings.Repeat("ab", 32), Data: []byte("a***b"), Line: 2, Masked: []outline.Span{{Length: 3, Offset: 11, Why: "hash"}}, Offset: 10, Size: 99,
	}
	good, err := r.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := outline.ParseRange(good)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Data, r.Data) || got.Masked[0] != r.Masked[0] {
		t.Errorf("%+v", got)
	}
	for what, change := range map[string][2]string{
		"white space": {`{`, `{ `}, "unknown": {`"line"`, `"a":1,"line"`}, "behind the file": {`"size":99`, `"size":14`}, "why": {`hash`, `else`},
		"before the range": {`"offset":11`, `"offset":9`}, "beyond it": {`"length":3`, `"length":5`}, "nothing": {`"length":3`, `"length":0`},
		"negative": {`"line":2`, `"line":-2`}, "digest": {`abab`, `aba`}, "null": {`"data":"YSoqKmI="`, `"data":null`}, "line feed": {`YSoq`, `YS\noq`},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("%s: nothing was changed in %s", what, good)
		}
		if _, err := outline.ParseRange([]byte(text)); !errors.Is(err, outline.ErrRow) && !errors.Is(err, statement.ErrForm) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
