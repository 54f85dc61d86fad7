package scheme

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/probat-lab/probat/strictyaml"
)

var stringsType = reflect.TypeFor[[]string]()

// CostLimit is what one evaluation of an expression may cost, in the units of the expression language (about one for each
// operation). Beyond it the test is a lab-error. The dearest expression of a scheme that is shipped needs a few hundred.
const CostLimit = 100_000

// ErrCost is returned for an evaluation that was given up because of CostLimit.
var ErrCost = errors.New("the expression costs more than an evaluation may")

// Expr is a compiled expression.
type Expr struct {
	Text    string
	at      strictyaml.Place
	program cel.Program
	checked *ast.AST
	result  *types.Type
}

// Inputs is what an expression is evaluated with.
type Inputs struct {
	It          *Item // nil for an expression about a group or the declaration
	Group       []*Item
	Declaration *Declared
	AsOf        string // YYYY-MM-DD
	Lookups     Lookups
	lets        []Let
	done        map[string]ref.Val
}

// With returns the inputs for the expressions of a test, whose lets they then see.
func (in Inputs) With(t *Test) *Inputs {
	in.lets = t.Lets
	in.done = nil
	return &in
}

// ResolveName is the expression language's way to ask for a variable.
func (in *Inputs) ResolveName(name string) (any, bool) {
	switch name {
	case "it":
		if in.It == nil {
			return nil, false
		}
		return in.It.value, true
	case "group":
		list := make([]ref.Val, len(in.Group))
		for i, m := range in.Group {
			list[i] = m.value
		}
		return types.NewRefValList(types.DefaultTypeAdapter, list), true
	case "declaration":
		return in.Declaration.value, true
	case "as_of":
		return types.String(in.AsOf), true
	case contextName:
		return &contextValue{object: object{typ: contextType}, Lookups: in.Lookups}, true
	}
	return in.let(name)
}

func (in *Inputs) let(name string) (any, bool) {
	if v, ok := in.done[name]; ok {
		return v, true
	}
	for _, l := range in.lets {
		if l.Name != name {
			continue
		}
		v, err := l.Expr.eval(in)
		if err != nil {
			v = types.WrapErr(err)
		}
		if in.done == nil {
			in.done = map[string]ref.Val{}
		}
		in.done[name] = v
		return v, true
	}
	return nil, false
}

// Parent is part of the expression language's interface; there is none.
func (in *Inputs) Parent() interpreter.Activation { return nil }

func (e *Expr) eval(in *Inputs) (ref.Val, error) {
	v, _, err := e.program.Eval(interpreter.Activation(in))
	if err != nil {
		var cancelled interpreter.EvalCancelledError
		if errors.As(err, &cancelled) || strings.Contains(err.Error(), "cost limit exceeded") {
			return nil, ErrCost
		}
		return nil, err
	}
	return v, nil
}

// Bool evaluates an expression whose type is bool. An error means unknown, but for ErrCost.
func (e *Expr) Bool(in *Inputs) (bool, error) {
	v, err := e.eval(in)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, errors.New("the expression gave no true or false")
	}
	return bool(b), nil
}

// Plain evaluates an expression to a bool, int64, string, []any or nil: nil where its value is absent.
func (e *Expr) Plain(in *Inputs) any {
	v, err := e.eval(in)
	if err != nil {
		return nil
	}
	return plainValue(v)
}

func plainValue(v ref.Val) any {
	switch v := v.(type) {
	case types.Bool:
		return bool(v)
	case types.Int:
		return int64(v)
	case types.String:
		return string(v)
	}
	if n, err := v.ConvertToNative(stringsType); err == nil {
		list := []any{}
		for _, s := range n.([]string) {
			list = append(list, s)
		}
		return list
	}
	return nil
}

// reads collects the attributes that an expression reads, by kind, and the kinds that it finds.
func (e *Expr) reads(into map[string][]string) {
	add := func(kind, attr string) {
		if attr != "" && !slices.Contains(into[kind], attr) {
			into[kind] = append(into[kind], attr)
		} else if _, ok := into[kind]; !ok {
			into[kind] = nil
		}
	}
	ast.PreOrderVisit(e.checked.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.SelectKind:
			s := x.AsSelect()
			if kind, ok := strings.CutPrefix(e.checked.GetType(s.Operand().ID()).TypeName(), kindTypePrefix); ok {
				add(kind, s.FieldName())
			}
		case ast.CallKind:
			c := x.AsCall()
			if kind, ok := strings.CutPrefix(c.FunctionName(), findPrefix); ok {
				add(kind, "")
			}
			// it.?attribute of the optional types
			if c.FunctionName() == "_?._" && len(c.Args()) == 2 {
				kind, ok := strings.CutPrefix(e.checked.GetType(c.Args()[0].ID()).TypeName(), kindTypePrefix)
				if name, isLiteral := literal(c.Args()[1]); ok && isLiteral {
					add(kind, name)
				}
			}
		}
	}))
}

// sets collects the reference sets that an expression looks up.
func (e *Expr) sets() (names []string) {
	ast.PreOrderVisit(e.checked.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() == ast.CallKind && x.AsCall().FunctionName() == refName {
			if s, ok := literal(x.AsCall().Args()[1]); ok {
				names = append(names, s)
			}
		}
	}))
	return names
}
