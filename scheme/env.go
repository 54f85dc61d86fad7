package scheme

import (
	"fmt"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/parser"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/product"
)

// Names of the types and hidden names of the expression language. An @ cannot be written in an expression.
const (
	declarationType = "Declaration"
	declarationName = "declaration"
	kindTypePrefix  = "fact."
	contextName     = "@context"
	findPrefix      = "find@"
	refName         = "ref@"
)

func kindType(kind string) *types.Type { return types.NewObjectType(kindTypePrefix + kind) }

var contextType = types.NewOpaqueType("context")

// provider answers the type checker's questions about facts and the declaration.
type provider struct {
	*types.Registry
	fields map[string]map[string]*types.FieldType
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.fields[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := p.fields[name]
	if !ok {
		return p.Registry.FindStructFieldNames(name)
	}
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, true
}

func (p *provider) FindStructFieldType(typ, field string) (*types.FieldType, bool) {
	fields, ok := p.fields[typ]
	if !ok {
		return p.Registry.FindStructFieldType(typ, field)
	}
	f, ok := fields[field]
	return f, ok
}

// NewValue refuses: expressions read facts, they make none.
func (p *provider) NewValue(typ string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.fields[typ]; ok {
		return types.NewErr("a %s cannot be made", typ)
	}
	return p.Registry.NewValue(typ, fields)
}

func (p *provider) add(typ, name string, t *types.Type) {
	if p.fields[typ] == nil {
		p.fields[typ] = map[string]*types.FieldType{}
	}
	p.fields[typ][name] = &types.FieldType{
		Type:    t,
		IsSet:   func(target any) bool { _, ok := target.(*object).get(name); return ok },
		GetFrom: func(target any) (any, error) { return target.(*object).field(name) },
	}
}

// newProvider describes every kind, but for what could tell who the vendor is, and the declaration's view.
func newProvider() (*provider, error) {
	r, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	p := &provider{Registry: r, fields: map[string]map[string]*types.FieldType{}}
	for _, k := range fact.Kinds() {
		for _, f := range slices.Concat(fact.Place(), k.Fields) {
			if !f.Identity {
				p.add(kindTypePrefix+k.Name, f.Name, attributeType(f.Type))
			}
		}
	}
	p.declare(declarationType, product.Fields())
	return p, nil
}

func (p *provider) declare(typ string, fields []product.Field) {
	for _, f := range fields {
		inner := typ + "." + f.Name
		if f.Fields != nil {
			p.declare(inner, f.Fields)
		}
		name := f.Type
		if name == "list" {
			name = f.Elem
		}
		t := map[string]*types.Type{
			"bool": types.BoolType, "int": types.IntType, "string": types.StringType, "object": types.NewObjectType(inner),
		}[name]
		if f.Type == "list" {
			t = types.NewListType(t)
		}
		p.add(typ, f.Name, t)
	}
}

func attributeType(t fact.Type) *types.Type {
	switch t {
	case fact.Bool:
		return types.BoolType
	case fact.Int:
		return types.IntType
	case fact.Strings:
		return types.NewListType(types.StringType)
	default:
		return types.StringType
	}
}

// base is the part of the environment that all tests share.
var base = sync.OnceValues(func() (*environment, error) {
	p, err := newProvider()
	if err != nil {
		return nil, err
	}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(p), cel.CustomTypeAdapter(p.Registry),
		cel.OptionalTypes(), ext.Lists(), ext.Strings(), ext.Sets(),
		cel.Macros(append(slices.Clone(cel.StandardMacros), cel.GlobalMacro("find", 2, findMacro), cel.GlobalMacro("ref", 2, refMacro))...),
		cel.Variable(contextName, contextType),
		cel.Variable(declarationName, types.NewObjectType(declarationType)),
		cel.Variable("as_of", types.StringType),
		cel.Function(refName, cel.Overload(refName, []*cel.Type{contextType, types.StringType, types.StringType},
			types.NewOptionalType(types.NewMapType(types.StringType, types.DynType)), cel.FunctionBinding(callRef))),
	}
	for _, k := range fact.Kinds() {
		name := findPrefix + k.Name
		result := types.NewListType(kindType(k.Name))
		options = append(options, cel.Function(name,
			cel.Overload(name+"_string", []*cel.Type{contextType, types.StringType}, result, cel.BinaryBinding(findOne(k.Name))),
			cel.Overload(name+"_list", []*cel.Type{contextType, types.NewListType(types.StringType)}, result, cel.BinaryBinding(findMany(k.Name))),
		))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("making the environment of expressions: %w", err)
	}
	return &environment{Env: env, provider: p}, nil
})

type environment struct {
	*cel.Env
	provider *provider
}

// fieldNames returns the fields of a type, for suggestions.
func (e *environment) fieldNames(typ string) []string {
	names, _ := e.provider.FindStructFieldNames(typ)
	return names
}

// findMacro turns find("file", key) into a call whose result has the kind's type.
func findMacro(mef parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	kind, ok := literal(args[0])
	if !ok {
		return nil, mef.NewError(args[0].ID(), "find wants the kind as a text: find(\"file\", path)")
	}
	if _, ok := fact.ByName(kind); !ok {
		return nil, mef.NewError(args[0].ID(), fmt.Sprintf("there is no kind of facts %q%s", kind, suggestKind(kind)))
	}
	return mef.NewCall(findPrefix+kind, mef.NewIdent(contextName), args[1]), nil
}

func refMacro(mef parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if _, ok := literal(args[0]); !ok {
		return nil, mef.NewError(args[0].ID(), "ref wants the set as a text: ref(\"lifecycle\", key)")
	}
	return mef.NewCall(refName, mef.NewIdent(contextName), args[0], args[1]), nil
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

func suggestKind(name string) string {
	var names []string
	for _, k := range fact.Kinds() {
		names = append(names, k.Name)
	}
	return nearest(name, names)
}

// Lookups is what find and ref ask while an expression is evaluated.
type Lookups interface {
	// Find returns the facts of a kind with that key (fact.JoinKey), in the system of the item that is judged; an error where none is there but the kind is incompletely observed.
	Find(kind, key string) ([]*fact.Fact, error)
	// Ref returns a row of a reference; false where it has none for the key.
	Ref(set, key string) (map[string]any, bool, error)
}

func callRef(args ...ref.Val) ref.Val {
	row, ok, err := args[0].(*contextValue).Ref(string(args[1].(types.String)), string(args[2].(types.String)))
	switch {
	case err != nil:
		return types.WrapErr(err)
	case !ok:
		return types.OptionalNone
	}
	return types.OptionalOf(types.DefaultTypeAdapter.NativeToValue(row))
}

func findOne(kind string) func(ref.Val, ref.Val) ref.Val {
	return func(ctx, key ref.Val) ref.Val { return find(ctx, kind, string(key.(types.String))) }
}

func findMany(kind string) func(ref.Val, ref.Val) ref.Val {
	return func(ctx, key ref.Val) ref.Val {
		parts, err := key.ConvertToNative(stringsType)
		if err != nil {
			return types.WrapErr(err)
		}
		return find(ctx, kind, fact.JoinKey(parts.([]string)...))
	}
}

func find(ctx ref.Val, kind, key string) ref.Val {
	facts, err := ctx.(*contextValue).Find(kind, key)
	if err != nil {
		return types.WrapErr(err)
	}
	list := make([]ref.Val, len(facts))
	for i, f := range facts {
		list[i] = factValue(f)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, list)
}

// contextValue hides Lookups in a value.
type contextValue struct {
	object
	Lookups
}

func (c *contextValue) Value() any { return c }
