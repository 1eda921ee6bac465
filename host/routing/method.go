package routing

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
)

const methodKey = "method"

// CheckMethod is how to correct a payment method that no provider and no rule names; empty for one that may be meant.
// An expression that reads the method may compare it with anything, and then nothing is refused; nor is it where
// no one names a method.
func (r *Ruleset) CheckMethod(method string) string {
	if method == "" || r.anyMethod || len(r.methods) == 0 || slices.Contains(r.methods, method) {
		return ""
	}
	return "leave it out, or write one that a provider or a rule here names: " + strings.Join(r.methods, ", ")
}

// nameMethods gathers the methods that providers and rules name.
func (r *Ruleset) nameMethods(rules []Rule) {
	known := map[string]bool{}
	for _, provider := range r.providers {
		for _, flow := range provider.Flows {
			for _, method := range flow.GetMethods() {
				known[method] = true
			}
		}
	}
	for _, rule := range rules {
		for _, method := range methodsIn(rule.When) {
			known[method] = true
		}
		r.anyMethod = r.anyMethod || rule.If != nil && rule.If.readsMethod
	}
	r.methods = slices.Sorted(maps.Keys(known))
}

func methodsIn(when []Match) (named []string) {
	for _, m := range when {
		if m.Key == methodKey {
			named = append(named, m.texts()...)
		}
		for _, inner := range slices.Concat(m.Any, [][]Match{m.Not}) {
			named = append(named, methodsIn(inner)...)
		}
	}
	return named
}

// readsMethod reports whether an expression looks at the payment's method.
func readsMethod(checked *ast.AST) (reads bool) {
	ast.PreOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		reads = reads || e.Kind() == ast.IdentKind && strings.TrimPrefix(e.AsIdent(), ".") == methodKey
	}))
	return reads
}
