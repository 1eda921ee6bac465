package manifest

import (
	"cmp"
	"reflect"
	"slices"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

// compare notes the differences of a field.
type compare func(c *comparison, at place, before, after reflect.Value)

// key is a field by which the elements of a list are paired: it is the same on both sides.
func key(*comparison, place, reflect.Value, reflect.Value) {}

// value compares a field as a whole. judge gets two values that are not equal.
func value[T any](judge func(before, after T) Direction) compare {
	return func(c *comparison, at place, before, after reflect.Value) {
		if reflect.DeepEqual(before.Interface(), after.Interface()) {
			return
		}
		was, _ := reflect.TypeAssert[T](before)
		is, _ := reflect.TypeAssert[T](after)
		c.add(at, spelled(before, at.row.empty), spelled(after, at.row.empty), judge(was, is))
	}
}

// nested compares the fields of a message; one that is not there is an empty one.
func nested(c *comparison, at place, before, after reflect.Value) {
	c.message(at.path, present(before), present(after))
}

func present(message reflect.Value) reflect.Value {
	if message.IsNil() {
		return reflect.New(message.Type().Elem()).Elem()
	}
	return message.Elem()
}

// each compares the elements of a list by their names. added and removed are the directions of an element that only
// one side has.
func each[E any](name func(*E) string, added, removed func(*E) Direction) compare {
	return func(c *comparison, at place, before, after reflect.Value) {
		was, _ := reflect.TypeAssert[[]*E](before)
		is, _ := reflect.TypeAssert[[]*E](after)
		formers, seen := byName(was, name), map[string]bool{}
		for _, element := range is {
			at, former := at.below(name(element)), formers[name(element)]
			switch {
			case seen[name(element)]:
				if !reflect.DeepEqual(was, is) {
					c.add(at, "once", "twice, of which the first holds", Looser)
				}
			case former == nil:
				c.add(at, "none", spelled(reflect.ValueOf(element), ""), added(element))
			default:
				c.message(at.path, reflect.ValueOf(former).Elem(), reflect.ValueOf(element).Elem())
			}
			seen[name(element)] = true
		}
		for _, element := range was {
			if !seen[name(element)] {
				c.add(at.below(name(element)), spelled(reflect.ValueOf(element), ""), "none", removed(element))
			}
		}
	}
}

// byName are the elements of a list by their names; of several of one name the first, as the host has it.
func byName[E any](list []*E, name func(*E) string) map[string]*E {
	named := make(map[string]*E, len(list))
	for _, element := range list {
		if _, earlier := named[name(element)]; !earlier {
			named[name(element)] = element
		}
	}
	return named
}

func always[E any](direction Direction) func(*E) Direction {
	return func(*E) Direction { return direction }
}

// flowActions compares a flow's actions, and which is the default of a role: the first.
func flowActions(c *comparison, at place, before, after reflect.Value) {
	// What was left behind is looked up and cancelled by these, so that to drop them is no restraint.
	each(actionName, always[abi.Action](Looser), func(a *abi.Action) Direction {
		if a.GetRole() == abi.Role_ROLE_LOOKUP || a.GetRole() == abi.Role_ROLE_CANCEL {
			return Looser
		}
		return Stricter
	})(c, at, before, after)
	was, _ := reflect.TypeAssert[[]*abi.Action](before)
	is, _ := reflect.TypeAssert[[]*abi.Action](after)
	first := func(actions []*abi.Action, role abi.Role) string {
		i := slices.IndexFunc(actions, func(a *abi.Action) bool { return a.GetRole() == role })
		if i < 0 {
			return ""
		}
		return actions[i].GetOperation()
	}
	var seen []abi.Role
	for _, action := range is {
		role := action.GetRole()
		former := first(was, role)
		if slices.Contains(seen, role) || former == "" || former == first(is, role) {
			continue
		}
		seen = append(seen, role)
		c.add(at.below("default "+abi.NameOf(role, "ROLE_")), former, first(is, role), Looser)
	}
}

// keyedBy compares the settings that make an operation KEYED.
func keyedBy(c *comparison, at place, before, after reflect.Value) {
	value(func(_, is string) Direction {
		operation, _ := reflect.TypeAssert[*abi.Operation](at.after.Addr())
		if is == "" && looseness(operation.GetIdempotency()) <= looseness(abi.Idempotency_IDEMPOTENCY_KEYED) {
			return Stricter
		}
		return Looser
	})(c, at, before, after)
}

func neutral[T any](_, _ T) Direction { return Neutral }

func anyChange[T any](_, _ T) Direction { return Looser }

func trueIsLooser(_, after bool) Direction { return looserIf(after) }

func falseIsLooser(_, after bool) Direction { return looserIf(!after) }

func looserIf(looser bool) Direction {
	if looser {
		return Looser
	}
	return Stricter
}

func moreIsLooser[T cmp.Ordered](before, after T) Direction { return looserIf(after > before) }

func lessIsLooser[T cmp.Ordered](before, after T) Direction { return looserIf(after < before) }

// moreSteps compares numbers of round trips, of which 0 means 1.
func moreSteps(before, after uint32) Direction {
	if max(before, 1) == max(after, 1) {
		return Neutral
	}
	return moreIsLooser(max(before, 1), max(after, 1))
}

// unlessNew is looser unless there was nothing before.
func unlessNew(before, _ string) Direction { return looserIf(before != "") }

// moreOf compares lists of what is possible.
func moreOf[T comparable](before, after []T) Direction {
	lacks := func(list []T) func(T) bool { return func(e T) bool { return !slices.Contains(list, e) } }
	switch {
	case slices.ContainsFunc(after, lacks(before)):
		return Looser
	case slices.ContainsFunc(before, lacks(after)):
		return Stricter
	}
	return Neutral
}

// fewerOf compares lists of what is demanded.
func fewerOf[T comparable](before, after []T) Direction { return moreOf(after, before) }

// moreOrAny compares lists of what is possible, of which an empty one means anything.
func moreOrAny[T comparable](before, after []T) Direction {
	switch {
	case len(after) == 0:
		return Looser
	case len(before) == 0:
		return Stricter
	}
	return moreOf(before, after)
}

// lowerIsLooser compares lower ends, of which an empty one is open.
func lowerIsLooser(before, after string) Direction {
	was, wasErr := decimal.Parse(cmp.Or(before, "0"))
	is, isErr := decimal.Parse(cmp.Or(after, "0"))
	if wasErr != nil || isErr != nil {
		return Looser
	}
	return byOrder(is.Cmp(was))
}

// higherIsLooser compares upper ends, of which an empty one is open.
func higherIsLooser(before, after string) Direction {
	if before == "" || after == "" {
		return looserIf(after == "")
	}
	return lowerIsLooser(after, before)
}

// byOrder is looser below zero, and stricter above.
func byOrder(order int) Direction {
	if order == 0 {
		return Neutral
	}
	return looserIf(order < 0)
}

// looseness orders the classes by what may follow a request without an answer (attempt.RuleFor): a NONE payment stays
// unknown, a KEYED one is sent again under its reference and stays unknown after that, an ABANDONABLE one is left
// behind and made elsewhere, and of a SAFE one nothing is left behind. It is negative for a class that is none.
func looseness(class abi.Idempotency) int {
	if class == abi.Idempotency_IDEMPOTENCY_UNSPECIFIED {
		class = abi.Idempotency_IDEMPOTENCY_NONE
	}
	return slices.Index([]abi.Idempotency{
		abi.Idempotency_IDEMPOTENCY_NONE, abi.Idempotency_IDEMPOTENCY_KEYED, abi.Idempotency_IDEMPOTENCY_ABANDONABLE,
		abi.Idempotency_IDEMPOTENCY_SAFE,
	}, class)
}

func classes(before, after abi.Idempotency) Direction {
	was, is := looseness(before), looseness(after)
	if was < 0 || is < 0 {
		return Looser
	}
	return byOrder(was - is)
}

// belief orders what a failure may mean by what may follow it: a duplicate is looked up and never sent elsewhere; a
// fault, and a failure that no rule lists, are followed by what the class allows; a hard decline ends the payment,
// after a soft one another provider is asked, and after a refusal the same one too. It is negative for a meaning that
// is none of these.
func belief(meaning abi.Meaning) int {
	if meaning == abi.Meaning_MEANING_UNSPECIFIED {
		meaning = abi.Meaning_MEANING_FAULT
	}
	return slices.Index([]abi.Meaning{
		abi.Meaning_MEANING_DUPLICATE, abi.Meaning_MEANING_FAULT, abi.Meaning_MEANING_DECLINED_HARD,
		abi.Meaning_MEANING_DECLINED_SOFT, abi.Meaning_MEANING_REFUSED,
	}, meaning)
}

// meanings compares what a failure means. NOT_FOUND, after which a payment is made elsewhere, compares with nothing but
// a duplicate and a fault.
func meanings(before, after abi.Meaning) Direction {
	was, is := belief(before), belief(after)
	if before == after {
		return Neutral
	}
	if before == abi.Meaning_MEANING_NOT_FOUND && is >= 0 {
		return looserIf(is > belief(abi.Meaning_MEANING_FAULT))
	}
	if was < 0 || is < 0 {
		return Looser
	}
	return byOrder(was - is)
}

// codes compares failure codes. The host itself acts on one alone.
func codes(before, _ string) Direction {
	if before == "authentication_failed" {
		return Looser
	}
	return Neutral
}
