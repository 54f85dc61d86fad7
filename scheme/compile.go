package scheme

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/strictyaml"
)

// maxExprSize is the longest expression that is compiled, in bytes.
const maxExprSize = 4096

// compiler compiles the expressions of one scheme.
type compiler struct {
	base *environment
	errs *strictyaml.Errors
	envs map[string]*cel.Env // by the variables that are declared beside the base's
}

// scope is what an expression may name beside what all may.
type scope struct {
	it    *types.Type // nil: there is no it
	group bool
	lets  []Let
}

func (c *compiler) env(s scope) (*cel.Env, error) {
	key := fmt.Sprint(s.it, s.group)
	for _, l := range s.lets {
		key += " " + l.Name + ":" + l.Expr.result.String()
	}
	if e, ok := c.envs[key]; ok {
		return e, nil
	}
	var options []cel.EnvOption
	if s.it != nil && !s.group {
		options = append(options, cel.Variable("it", s.it))
	}
	if s.group {
		options = append(options, cel.Variable("group", types.NewListType(s.it)))
	}
	for _, l := range s.lets {
		options = append(options, cel.Variable(l.Name, l.Expr.result))
	}
	e, err := c.base.Extend(options...)
	if err == nil {
		c.envs[key] = e
	}
	return e, err
}

// expr compiles the expression that stands at a node. want may be nil: any type. It returns nil after an error was recorded.
func (c *compiler) expr(n *strictyaml.Node, s scope, want *types.Type) *Expr {
	if n == nil {
		return nil
	}
	if n.Kind != strictyaml.String && n.Kind != strictyaml.Bool {
		c.errs.Add(n.At, "an expression belongs here, as a text")
		return nil
	}
	text := strings.TrimSpace(n.Text)
	if len(text) > maxExprSize {
		c.errs.Add(n.At, "the expression has %d bytes; at most %d are read", len(text), maxExprSize)
		return nil
	}
	env, err := c.env(s)
	if err != nil {
		c.errs.Add(n.At, "%v", err)
		return nil
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			at := n.At
			if !n.Block && e.Location.Line() == 1 {
				at.Column += e.Location.Column()
				if n.Quoted {
					at.Column++
				}
			} else if n.Block {
				at.Line += e.Location.Line()
				at.Column = e.Location.Column() + 1
			}
			c.errs.Add(at, "%s%s", oneLine(e.Message), c.hint(e.Message, text, s))
		}
		return nil
	}
	if want != nil && !checked.OutputType().IsExactType(want) {
		c.errs.Add(n.At, "the expression gives %s where %s is wanted", checked.OutputType(), want)
		return nil
	}
	program, err := env.Program(checked, cel.CostLimit(CostLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		c.errs.Add(n.At, "%v", err)
		return nil
	}
	return &Expr{Text: text, at: n.At, program: program, checked: checked.NativeRep(), result: checked.OutputType()}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// hint names the field that was probably meant where the checker found none of that name.
func (c *compiler) hint(message, text string, s scope) string {
	if !strings.Contains(message, "undefined field '") {
		return ""
	}
	_, rest, _ := strings.Cut(message, "undefined field '")
	field, _, _ := strings.Cut(rest, "'")
	owner := ""
	if s.it != nil && (strings.Contains(text, "it."+field) || s.group) {
		owner = s.it.TypeName()
	} else if strings.Contains(text, declarationName+"."+field) {
		owner = declarationType
	}
	if kind, ok := strings.CutPrefix(owner, kindTypePrefix); ok {
		if k, ok := fact.ByName(kind); ok {
			if f, ok := k.Field(field); ok && f.Identity {
				return fmt.Sprintf(": %s could tell who the vendor is, which no test may know", field)
			}
		}
	}
	names := c.base.fieldNames(owner)
	if owner == "" {
		for _, k := range fact.Kinds() {
			names = append(names, c.base.fieldNames(kindTypePrefix+k.Name)...)
		}
	}
	return nearest(field, names)
}

func nearest(word string, candidates []string) string { return strictyaml.Suggest(word, candidates) }

// itType returns the type of it for what a test goes over.
func (c *compiler) itType(over string) (*types.Type, error) {
	if name, ok := strings.CutPrefix(over, declarationPrefix); ok {
		typ := declarationType
		parts := strings.Split(name, ".")
		for i, part := range parts {
			f, ok := c.base.provider.FindStructFieldType(typ, part)
			if !ok {
				return nil, fmt.Errorf("the declaration has no %s%s", name, nearest(part, c.base.fieldNames(typ)))
			}
			if i == len(parts)-1 {
				if f.Type.Kind() != types.ListKind {
					return nil, fmt.Errorf("%s is no list", over)
				}
				return f.Type.Parameters()[0], nil
			}
			typ = f.Type.TypeName()
		}
	}
	if _, ok := fact.ByName(over); !ok {
		return nil, fmt.Errorf("there is no kind of facts %q%s", over, suggestKind(over))
	}
	return kindType(over), nil
}

// Where compiles a condition over facts of one kind, as a test's where.
func Where(kind, text string) (*Expr, error) {
	env, err := base()
	if err != nil {
		return nil, err
	}
	errs := strictyaml.NewErrors("--where", "an expression")
	c := &compiler{base: env, errs: errs, envs: map[string]*cel.Env{}}
	x := c.expr(&strictyaml.Node{At: strictyaml.Place{Line: 1, Column: 1}, Kind: strictyaml.String, Text: text}, scope{it: kindType(kind)}, types.BoolType)
	return x, errs.Err()
}
