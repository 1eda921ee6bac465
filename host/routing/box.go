package routing

import (
	"cmp"
	"slices"

	"github.com/cockroachdb/apd/v3"

	abi "payrouter/abi/v1"
)

// box is a set of payments: those that lie in each of its areas. A dimension without an area is unbounded. What a rule
// matches is a union of boxes.
type box []area

// area bounds one dimension. A dimension is a field of the payment, its amount, or a condition that is either true or
// false. The areas of a box are sorted by dimension; each dimension occurs once, and no area is empty.
type area struct {
	dimension string
	// texts are allowed, or with except excluded; sorted. An area of amounts has bounds instead.
	texts  []string
	except bool
	bounds *interval
}

// interval is a range of amounts. A nil low is 0, which no amount is below; a nil high is open.
type interval struct {
	low, high         *apd.Decimal
	aboveLow, belowHi bool // the end itself is not in it
}

// isTrue is the only text of a dimension that is a condition.
const isTrue = "true"

func texts(dimension string, allowed []string) area {
	sorted := slices.Sorted(slices.Values(allowed))
	return area{dimension: dimension, texts: slices.Compact(sorted)}
}

// conditionArea is where a condition is true.
func conditionArea(text string) area {
	return area{dimension: text, texts: []string{isTrue}}
}

func amounts(s span) area {
	i := &interval{low: s.min, high: s.max}
	if i.low != nil && i.low.IsZero() {
		i.low = nil
	}
	return area{dimension: amountKey, bounds: i}
}

// empty reports that nothing lies in it. A payment's kind is one of a few; other fields may have any text.
func (a area) empty() bool {
	switch {
	case a.bounds != nil:
		return a.bounds.empty()
	case a.except && a.dimension == kindKey:
		return !slices.ContainsFunc(kinds, func(k kindNamed) bool { return !slices.Contains(a.texts, k.name) })
	}
	return !a.except && len(a.texts) == 0
}

func (i interval) empty() bool {
	if i.high == nil {
		return false
	}
	if i.low == nil {
		return i.belowHi && i.high.IsZero()
	}
	order := i.low.Cmp(i.high)
	return order > 0 || order == 0 && (i.aboveLow || i.belowHi)
}

func (a area) intersect(b area) area {
	switch {
	case a.bounds != nil:
		a.bounds = a.bounds.intersect(b.bounds)
	case a.except && b.except:
		merged := append(slices.Clone(a.texts), b.texts...)
		slices.Sort(merged)
		a.texts = slices.Compact(merged)
	case a.except:
		a, b = b, a
		fallthrough
	default:
		kept := make([]string, 0, len(a.texts))
		for _, text := range a.texts {
			if _, found := slices.BinarySearch(b.texts, text); found != b.except {
				kept = append(kept, text)
			}
		}
		a.texts = kept
	}
	return a
}

func (i *interval) intersect(j *interval) *interval {
	both := *i
	if j.low != nil {
		if order := compareLow(j.low, both.low); order > 0 {
			both.low, both.aboveLow = j.low, j.aboveLow
		} else if order == 0 {
			both.aboveLow = both.aboveLow || j.aboveLow
		}
	}
	if j.high != nil {
		if order := compareHigh(j.high, both.high); order < 0 {
			both.high, both.belowHi = j.high, j.belowHi
		} else if order == 0 {
			both.belowHi = both.belowHi || j.belowHi
		}
	}
	return &both
}

// compareLow compares lower ends, of which nil is the lowest; compareHigh upper ends, of which nil is the highest.
func compareLow(a, b *apd.Decimal) int {
	if b == nil {
		return 1
	}
	return a.Cmp(b)
}

func compareHigh(a, b *apd.Decimal) int {
	if b == nil {
		return -1
	}
	return a.Cmp(b)
}

// complement is what lies outside of the area, in its dimension.
func (a area) complement() []area {
	if a.bounds == nil {
		a.except = !a.except
		return nonEmpty(a)
	}
	i := a.bounds
	var outside []area
	if i.low != nil || i.aboveLow {
		low := i.low
		if low == nil {
			low = new(apd.Decimal)
		}
		outside = append(outside,
			nonEmpty(area{dimension: a.dimension, bounds: &interval{high: low, belowHi: !i.aboveLow}})...)
	}
	if i.high != nil {
		outside = append(outside, area{dimension: a.dimension, bounds: &interval{low: i.high, aboveLow: !i.belowHi}})
	}
	return outside
}

func nonEmpty(a area) []area {
	if a.empty() {
		return nil
	}
	return []area{a}
}

// intersect is what lies in both; not ok where nothing does.
func (b box) intersect(other box) (both box, ok bool) {
	both = make(box, 0, len(b)+len(other))
	for len(b) > 0 && len(other) > 0 {
		switch cmp.Compare(b[0].dimension, other[0].dimension) {
		case -1:
			both, b = append(both, b[0]), b[1:]
		case 1:
			both, other = append(both, other[0]), other[1:]
		default:
			common := b[0].intersect(other[0])
			if common.empty() {
				return nil, false
			}
			both, b, other = append(both, common), b[1:], other[1:]
		}
	}
	both = append(both, b...)
	return append(both, other...), true
}

// meets reports whether anything lies in both.
func (b box) meets(other box) bool {
	for len(b) > 0 && len(other) > 0 {
		switch cmp.Compare(b[0].dimension, other[0].dimension) {
		case -1:
			b = b[1:]
		case 1:
			other = other[1:]
		default:
			if b[0].intersect(other[0]).empty() {
				return false
			}
			b, other = b[1:], other[1:]
		}
	}
	return true
}

// within reports whether everything in b lies in other too.
func (b box) within(other box) bool {
	return !slices.ContainsFunc(other, func(a area) bool {
		return slices.ContainsFunc(a.complement(), func(outside area) bool { return b.meets(box{outside}) })
	})
}

// maxBoxes is how many boxes a rule may have; one with more is not checked.
const maxBoxes = 256

// focus is one value of one condition, while everything else stays as it is.
type focus struct {
	at    Position
	value Value
}

func (f *focus) isIn(when []Match) bool {
	return slices.ContainsFunc(when, func(m Match) bool {
		return m.At == f.at || slices.ContainsFunc(m.Any, f.isIn)
	})
}

// boxesOf is what conditions match, or with negated what they do not. focus narrows one of them, and may be nil. It is
// not ok with too many boxes.
func boxesOf(when []Match, negated bool, f *focus) (boxes []box, ok bool) {
	if !negated {
		boxes = []box{{}}
	}
	for i := range when {
		of, ok := when[i].boxes(negated, f)
		if !ok {
			return nil, false
		}
		if boxes, ok = join(boxes, of, negated); !ok {
			return nil, false
		}
	}
	return boxes, true
}

// join is the union of two sets, or what lies in both.
func join(a, b []box, union bool) (joined []box, ok bool) {
	if union {
		joined = slices.Concat(a, b)
		return joined, len(joined) <= maxBoxes
	}
	for _, left := range a {
		for _, right := range b {
			if both, meet := left.intersect(right); meet {
				joined = append(joined, both)
			}
			if len(joined) > maxBoxes {
				return nil, false
			}
		}
	}
	return joined, true
}

func (m *Match) boxes(negated bool, f *focus) ([]box, bool) {
	switch m.Key {
	case notKey:
		return boxesOf(m.Not, !negated, f)
	case anyKey:
		return m.alternatives(negated, f)
	}
	areas := []area{m.area(f)}
	if negated {
		areas = areas[0].complement()
	}
	var boxes []box
	for _, a := range areas {
		if !a.empty() {
			boxes = append(boxes, box{a})
		}
	}
	return boxes, true
}

// alternatives are the boxes of an any; where the focus is in one of them, only its.
func (m *Match) alternatives(negated bool, f *focus) (boxes []box, ok bool) {
	if negated {
		boxes = []box{{}}
	}
	focused := f != nil && slices.ContainsFunc(m.Any, f.isIn)
	for _, alternative := range m.Any {
		if focused && !f.isIn(alternative) {
			continue
		}
		of, ok := boxesOf(alternative, negated, f)
		if !ok {
			return nil, false
		}
		if boxes, ok = join(boxes, of, !negated); !ok {
			return nil, false
		}
	}
	return boxes, true
}

func (m *Match) area(f *focus) area {
	switch {
	case m.Key == amountKey:
		return amounts(m.bounds)
	case m.Key == timeKey:
		return conditionArea(inWindow(m.Windows).key())
	case f != nil && f.at == m.At:
		return texts(m.Key, f.value.texts())
	}
	return texts(m.Key, m.texts())
}

// flowBoxes are the payments that go through a flow.
func flowBoxes(flow *abi.Flow) []box {
	var limits box
	for _, l := range flowLimits(flow) {
		if len(l.values) == 0 {
			continue
		}
		values := l.values
		if l.mayBeAbsent {
			values = append(slices.Clone(values), "")
		}
		limits = append(limits, texts(l.key, values))
	}
	slices.SortFunc(limits, func(a, b area) int { return cmp.Compare(a.dimension, b.dimension) })
	var boxes []box
	unbounded := area{dimension: currencyKey, except: true}
	for _, bound := range flow.GetBounds() {
		currency := bound.GetCurrency()
		unbounded.texts = append(unbounded.texts, currency)
		bounded := box{amounts(boundOf(flow, currency)), texts(currencyKey, []string{currency})}
		if both, meet := limits.intersect(bounded); meet {
			boxes = append(boxes, both)
		}
	}
	slices.Sort(unbounded.texts)
	if rest, meet := limits.intersect(box{unbounded}); meet {
		boxes = append(boxes, rest)
	}
	return boxes
}
