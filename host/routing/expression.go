package routing

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
	"github.com/cockroachdb/apd/v3"
	"go.yaml.in/yaml/v3"
)

// Expression is a rule's "if", in the Common Expression Language. It is safe for concurrent use.
type Expression struct {
	Text string
	At   Position

	program cel.Program
	// reads are the metadata that it reads without testing for them, and "time" where it reads that.
	reads []string
	// readsMethod: it looks at the payment's method.
	readsMethod bool
}

const (
	// maxExpression is in characters.
	maxExpression = 4096
	// maxCost is what one evaluation may cost, in CEL's units: a comparison costs about one.
	maxCost = 10_000
)

// variables are what an expression knows of a payment. amount is a decimal of our own: CEL's numbers are 64-bit floats
// and integers.
//
//nolint:gochecknoglobals // a table
var variables = []struct {
	name string
	kind *cel.Type
	get  func(f Facts) any
}{
	{"kind", cel.StringType, func(f Facts) any { return f.kind() }},
	{currencyKey, cel.StringType, func(f Facts) any { return f.Currency }},
	{countryKey, cel.StringType, func(f Facts) any { return f.Country }},
	{methodKey, cel.StringType, func(f Facts) any { return f.Method }},
	{"merchant", cel.StringType, func(f Facts) any { return f.Merchant }},
	{amountKey, decimalType, func(f Facts) any { return toDecimal(types.String(f.Amount)) }},
	{"metadata", cel.MapType(cel.StringType, cel.StringType), func(f Facts) any {
		if f.Metadata == nil {
			return map[string]string{}
		}
		return f.Metadata
	}},
	{timeKey, cel.TimestampType, func(f Facts) any { return f.At.UTC() }},
}

func variableNames() []string {
	names := make([]string, 0, len(variables))
	for _, v := range variables {
		names = append(names, v.name)
	}
	return names
}

// bindings are a payment's facts for an expression.
type bindings struct{ Facts }

func (b bindings) ResolveName(name string) (any, bool) {
	for _, v := range variables {
		if v.name != name {
			continue
		}
		if name == timeKey && b.At.IsZero() {
			return types.NewErr("time is not given"), true
		}
		return v.get(b.Facts), true
	}
	return nil, false
}

func (bindings) Parent() cel.Activation { return nil }

// whyNot of an error names only the members that the payment lacks: CEL's own text may contain metadata.
func (x *Expression) whyNot(f Facts) string {
	result, _, err := x.program.Eval(bindings{f})
	var canceled interpreter.EvalCancelledError
	switch {
	case errors.As(err, &canceled):
		return "if costs too much to evaluate"
	case err != nil:
		return "if cannot be evaluated" + x.missing(f)
	case result != types.True:
		return "if is false"
	}
	return ""
}

func (x *Expression) missing(f Facts) string {
	for _, key := range x.reads {
		name := strings.TrimPrefix(key, metadataPrefix)
		if _, given := f.Metadata[name]; key != timeKey && !given || key == timeKey && f.At.IsZero() {
			return ": " + key + " is not given"
		}
	}
	return ""
}

//nolint:gochecknoglobals // a constant
var decimalType = types.NewObjectType("decimal", traits.ComparerType)

// number is a decimal inside an expression.
type number struct{ *apd.Decimal }

func toDecimal(text ref.Val) ref.Val {
	s, _ := text.Value().(string)
	d, ok := parseAmount(s)
	if !ok {
		return types.NewErr("not a decimal number")
	}
	return number{d}
}

func (n number) Compare(other ref.Val) ref.Val {
	o, ok := other.(number)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(n.Cmp(o.Decimal))
}

func (n number) Equal(other ref.Val) ref.Val {
	o, ok := other.(number)
	return types.Bool(ok && n.Cmp(o.Decimal) == 0)
}

func (n number) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("a decimal is no %s", to)
}

func (n number) ConvertToType(to ref.Type) ref.Val {
	switch to {
	case types.TypeType:
		return decimalType
	case types.StringType:
		return types.String(n.Text('f'))
	}
	return types.NewErr("a decimal is no %s", to.TypeName())
}

func (n number) Type() ref.Type { return decimalType }
func (n number) Value() any     { return n.Decimal }

// environment is what expressions are compiled in: CEL's standard functions, the payment's variables, and decimals.
func environment() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ExpressionNodeLimit(maxExpression),
		cel.ParserRecursionLimit(64),
		cel.RegexProgramSizeLimit(1000),
		cel.Types(decimalType),
		cel.Function("decimal",
			cel.Overload("string_to_decimal", []*cel.Type{cel.StringType}, decimalType, cel.UnaryBinding(toDecimal))),
	}
	for _, v := range variables {
		options = append(options, cel.Variable(v.name, v.kind))
	}
	// The standard library compares whatever implements its Comparer; decimals only have to be declared.
	for name, operator := range map[string]string{
		"less": operators.Less, "less_equals": operators.LessEquals, "greater": operators.Greater,
		"greater_equals": operators.GreaterEquals,
	} {
		options = append(options,
			cel.Function(operator, cel.Overload(name+"_decimal", []*cel.Type{decimalType, decimalType}, cel.BoolType)))
	}
	return cel.NewEnv(options...)
}

func (r *reader) expression(node *yaml.Node) *Expression {
	text, ok := r.text(node, "if")
	if !ok {
		return nil
	}
	const form = `write an expression such as amount >= decimal("10.50") && country == "DE"`
	if strings.TrimSpace(text) == "" {
		r.report(node, "if holds no expression", form)
		return nil
	}
	x := &Expression{Text: text, At: r.at(node)}
	if err := r.compile(x, node); err != nil {
		r.report(node, "if cannot be compiled: "+err.Error(), form)
	}
	return x
}

// compile reports what is wrong with an expression at its position. Its error is for what has none.
func (r *reader) compile(x *Expression, node *yaml.Node) error {
	if r.cel == nil {
		env, err := environment()
		if err != nil {
			return err
		}
		r.cel = env
	}
	before := len(r.problems)
	parsed, issues := r.cel.Parse(x.Text)
	r.issues(node, issues, "")
	if len(r.problems) == before {
		r.unknownNames(node, parsed.NativeRep())
	}
	if len(r.problems) > before {
		return nil
	}
	checked, issues := r.cel.Check(parsed)
	r.issues(node, issues, `compare like with like; amounts with decimals, as in amount >= decimal("10.50")`)
	if len(r.problems) > before {
		return nil
	}
	if checked.OutputType() != cel.BoolType {
		r.report(node, fmt.Sprintf("if gives a %s", checked.OutputType()), "write an expression that is true or false")
		return nil
	}
	x.reads = r.lint(node, checked.NativeRep())
	x.readsMethod = readsMethod(checked.NativeRep())
	if len(r.problems) > before {
		return nil
	}
	program, err := r.cel.Program(checked, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	x.program = program
	return err
}

func (r *reader) issues(node *yaml.Node, issues *cel.Issues, mend string) {
	for _, e := range issues.Errors() {
		r.reportAt(within(r.at(node), node, e.Location.Line(), e.Location.Column()), "if: "+e.Message, mend)
	}
}

func (r *reader) reportIn(node *yaml.Node, in *ast.AST, e ast.Expr, what, mend string) {
	at := in.SourceInfo().GetStartLocation(e.ID())
	r.reportAt(within(r.at(node), node, at.Line(), at.Column()), what, mend)
}

// unknownNames reports unknown variables and functions, with the known name that is nearest.
func (r *reader) unknownNames(node *yaml.Node, parsed *ast.AST) {
	known := variableNames()
	var idents []ast.Expr
	ast.PreOrderVisit(parsed.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.ComprehensionKind:
			c := e.AsComprehension()
			known = append(known, c.IterVar(), c.IterVar2(), c.AccuVar())
		case ast.IdentKind:
			idents = append(idents, e)
		case ast.CallKind:
			if name := e.AsCall().FunctionName(); !r.cel.HasFunction(name) {
				r.reportIn(node, parsed, e, fmt.Sprintf("if: unknown function %q", name),
					DidYouMean(name, r.functionNames()))
			}
		default: // it names nothing
		}
	}))
	for _, e := range idents {
		// Types are names, too: type(x) == string.
		name := strings.TrimPrefix(e.AsIdent(), ".")
		if _, isType := r.cel.CELTypeProvider().FindIdent(name); !isType && !slices.Contains(known, name) {
			r.reportIn(node, parsed, e, fmt.Sprintf("if: unknown name %q", name), DidYouMean(name, variableNames()))
		}
	}
}

// functionNames are those that are written as names, not the operators.
func (r *reader) functionNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.cel.Functions())),
		func(name string) bool { return strings.ContainsAny(name, "_@!-?") })
}

// lint reports what would fail in every evaluation, and returns what the expression reads.
func (r *reader) lint(node *yaml.Node, checked *ast.AST) (reads []string) {
	ast.PreOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if key := metadataRead(e); key != "" {
			reads = append(reads, key)
		}
		if e.Kind() == ast.IdentKind && e.AsIdent() == timeKey {
			reads = append(reads, timeKey)
		}
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) == 0 {
			return
		}
		call := e.AsCall()
		last := call.Args()[len(call.Args())-1]
		literal, isLiteral := literalText(last)
		switch _, ok := parseAmount(literal); {
		case call.FunctionName() == "decimal" && isLiteral && !ok:
			r.reportIn(node, checked, last, fmt.Sprintf("if: %q is not an amount", literal),
				"write a decimal number such as 49.90, without sign, exponent or separators")
		case call.FunctionName() == "matches" && !isLiteral:
			r.reportIn(node, checked, last, "if: a pattern is made while payments are routed",
				"write the pattern out, or compare with ==, contains, startsWith")
		}
	}))
	return reads
}

// metadataRead is "metadata.tier" for metadata.tier and metadata["tier"], and "" for whatever else.
func metadataRead(e ast.Expr) string {
	isMetadata := func(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == "metadata" }
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() && isMetadata(s.Operand()) {
			return metadataPrefix + s.FieldName()
		}
	case ast.CallKind:
		if c := e.AsCall(); c.FunctionName() == operators.Index && len(c.Args()) == 2 && isMetadata(c.Args()[0]) {
			if key, ok := literalText(c.Args()[1]); ok {
				return metadataPrefix + key
			}
		}
	default: // it reads nothing itself
	}
	return ""
}

func literalText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().(types.String)
	return string(text), ok
}

// within is the place in the file of a line (from 1) and column (from 0) of a scalar's text. In a folded block, and
// where quotes or escapes come before it, it is the scalar's beginning. The YAML parser has neither a block's
// indentation, so that its columns are the text's own, nor the lines of a plain scalar: they count from the first.
func within(at Position, node *yaml.Node, line, column int) Position {
	inLine := func(indent int, escaped string) {
		if line == 1 && !strings.ContainsAny(node.Value, "\n"+escaped) {
			at.Column += indent + column
		}
	}
	switch node.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle:
		at.Line += line
		at.Column = 1 + column
	case yaml.SingleQuotedStyle:
		inLine(1, "'")
	case yaml.DoubleQuotedStyle:
		inLine(1, "\"\\")
	case 0:
		inLine(0, "")
	default: // folded
	}
	return at
}
