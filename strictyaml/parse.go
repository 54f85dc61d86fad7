package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxSize is the size of the largest file that is read, in bytes.
const MaxSize = 1 << 20

// Bounds for hostile input. The parser below takes time that grows with the square of the depth and of the keys in a
// mapping, and a few hundred bytes of memory for each indicator character, so these are counted before it runs. A scheme of
// 400 KB with 73 requirements and their tests needs about a tenth of the indicators and half of the depth.
const (
	MaxIndicators = 1 << 18 // characters that can start a token, as Indicators counts them
	MaxDepth      = 16      // mappings and lists inside each other
	maxKeys       = 256     // in one mapping
	maxNodes      = 1 << 18 // after aliases were expanded
)

// Parse returns the content of the only document in data, or nil after adding errors. Repeated keys, tags, directives and merge
// keys are errors; aliases are expanded.
func Parse(data []byte, errs *Errors) *Node {
	if len(data) > MaxSize {
		errs.Add(Place{}, "the file has %d bytes; %s has at most %d", len(data), errs.what, MaxSize)
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at, ok := invalidText(data); ok {
		errs.Add(at, "byte that is no text: %s is UTF-8 without control characters", errs.what)
		return nil
	}
	if n := Indicators(string(data)); n > MaxIndicators {
		errs.Add(Place{}, "the file has %d punctuation characters; at most %d are read", n, MaxIndicators)
		return nil
	}
	file := parseTokens(string(data), errs)
	if file == nil {
		return nil
	}
	c := converter{errs: errs, anchors: map[string]*Node{}}
	var root *Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		n := c.convert(doc.Body)
		if root != nil {
			errs.Add(n.At, "second document: %s is one document", errs.what)
			return nil
		}
		root = n
	}
	if root == nil {
		errs.Add(Place{}, "the file is empty: %s %s", errs.what, errs.beginning())
		return nil
	}
	if c.nodes > maxNodes {
		errs.Add(root.At, "aliases expand to more than %d values", maxNodes)
		return nil
	}
	return root
}

// parseTokens runs the YAML parser, or adds errors and returns nil. A panic in it, which hostile bytes might find, is an
// error like any other.
func parseTokens(data string, errs *Errors) (file *ast.File) {
	defer func() {
		if r := recover(); r != nil {
			errs.Add(Place{}, "no YAML: the parser broke on it: %s", Quote(fmt.Sprint(r)))
			file = nil
		}
	}()
	tokens := lexer.Tokenize(data)
	if !boundTokens(tokens, errs) || !oneDocument(tokens, errs) {
		return nil
	}
	// Repeated keys are looked for by the converter, which finds all of them.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		syntaxError(err, errs)
		return nil
	}
	return file
}

// invalidText finds the first byte that YAML does not allow in a text, or that would drive a terminal.
func invalidText(data []byte) (Place, bool) {
	at := Place{1, 1}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return at, true
		case r == '\n':
			at = Place{at.Line + 1, 0}
		case r == '\r' && i+1 < len(data) && data[i+1] == '\n', r == '\t':
		case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029', r == '\ufeff':
			return at, true
		}
		at.Column++
		i += n
	}
	return Place{}, false
}

// Indicators counts the characters that can make a token; Parse reads at most MaxIndicators. What the lexer returns is at most
// about twice as long. Who writes a file for Parse asks it.
func Indicators(data string) int {
	n := 0
	for i := range len(data) {
		if strings.IndexByte("-?:,[]{}#&*!|>'\"%@`", data[i]) >= 0 {
			n++
		}
	}
	return n
}

// boundTokens refuses what the parser should never see: nesting and mappings beyond the bounds, and the parts of YAML that
// our files do not need.
func boundTokens(tokens token.Tokens, errs *Errors) bool {
	var columns, keys []int // of the open blocks
	flow, line := 0, 0
	for i, t := range tokens {
		at := Place{t.Position.Line, t.Position.Column}
		first := at.Line != line
		line = at.Line
		switch t.Type {
		case token.TagType:
			errs.Add(at, "tag %s: %s has no tags", Quote(t.Value), errs.what)
			return false
		case token.DirectiveType:
			errs.Add(at, "directive: %s has no directives", errs.what)
			return false
		case token.MergeKeyType:
			errs.Add(at, "merge key: write the keys out")
			return false
		case token.AnchorType, token.AliasType:
			if i+2 < len(tokens) && tokens[i+2].Type == token.AnchorType && t.Type == token.AnchorType {
				errs.Add(at, "anchor of an anchor")
				return false
			}
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.MappingValueType:
			if flow <= 0 && len(keys) > 0 {
				keys[len(keys)-1]++
			}
		case token.CommentType:
			continue
		}
		if flow <= 0 && (first || t.Type == token.SequenceEntryType || t.Type == token.MappingKeyType || afterEntry(tokens, i)) {
			for len(columns) > 0 && columns[len(columns)-1] > at.Column {
				columns, keys = columns[:len(columns)-1], keys[:len(keys)-1]
			}
			if len(columns) == 0 || columns[len(columns)-1] < at.Column {
				columns, keys = append(columns, at.Column), append(keys, 0)
			}
		}
		if max(flow, 0)+len(columns) > MaxDepth {
			errs.Add(at, "more than %d lists and mappings inside each other", MaxDepth)
			return false
		}
		if len(keys) > 0 && keys[len(keys)-1] > maxKeys {
			errs.Add(at, "more than %d keys in one mapping", maxKeys)
			return false
		}
	}
	return true
}

// oneDocument refuses what stands behind the end of the first document. The parser passes over what follows two markers, so that
// a reader of the file would see what we do not.
func oneDocument(tokens token.Tokens, errs *Errors) bool {
	begun, closed := false, false
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType:
		case token.DocumentHeaderType:
			closed = closed || begun
			begun = true
		case token.DocumentEndType:
			closed = closed || begun
		default:
			if closed {
				errs.Add(Place{t.Position.Line, t.Position.Column}, "second document: %s is one document", errs.what)
				return false
			}
			begun = true
		}
	}
	return true
}

// afterEntry says whether token i stands behind the dash of a list item, where a block of its own can begin.
func afterEntry(tokens token.Tokens, i int) bool {
	return i > 0 && tokens[i-1].Type == token.SequenceEntryType
}

// syntaxError adds what the YAML parser says, at the place of its token.
func syntaxError(err error, errs *Errors) {
	var positioned interface {
		error
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &positioned) || positioned.GetToken() == nil {
		message, _, _ := strings.Cut(err.Error(), "\n")
		errs.Add(Place{}, "no YAML: %s", Quote(message))
		return
	}
	p := positioned.GetToken().Position
	message, _, _ := strings.Cut(positioned.GetMessage(), "\n")
	errs.Add(Place{p.Line, p.Column}, "no YAML: %s", message)
}
