package jsontext

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth bounds the nesting of arrays and objects.
const maxDepth = 64

// kind is what a node is; the zero kind is none.
type kind uint8

const (
	null kind = iota + 1
	boolean
	number
	quote // a string
	array
	object
)

// node is a value, or a member's name, where it stands in the text. A container's nodes follow it, up to next; an
// object's are names and values in turn.
type node struct {
	kind kind
	// plain: a text without escapes and of ASCII alone, which is its own content.
	plain bool
	// start and end bound the value; a text's are inside its quotes.
	start, end int32
	// next is the index of the node behind this one and all that is in it.
	next int32
}

// document is a text that was read whole. It does not change.
type document struct {
	text  string
	nodes []node
}

// newDocument makes a document of a text, with room for as many nodes as it is likely to have. Up to a usual answer's
// they lie beside it: an allocation costs a guest more than it does to clear them.
func newDocument(text string) *document {
	const textPerNode, few, some = 16, 8, 40 // of what providers send
	switch expected := len(text)/textPerNode + 4; {
	case expected <= few:
		made := &struct {
			document
			room [few]node
		}{}
		made.text, made.nodes = text, made.room[:0]
		return &made.document
	case expected <= some:
		made := &struct {
			document
			room [some]node
		}{}
		made.text, made.nodes = text, made.room[:0]
		return &made.document
	default:
		return &document{text: text, nodes: make([]node, 0, expected)}
	}
}

var (
	errSyntax = errors.New("not JSON")
	errDepth  = fmt.Errorf("nested deeper than %d levels", maxDepth)
)

// read goes through a text once, strictly as RFC 8259 has it. It is one loop over values, with the containers that are
// open on a stack of its own: a guest pays more for a call than for what most calls here would do.
func read(data []byte) (*document, error) {
	text := unsafe.String(unsafe.SliceData(data), len(data)) //nolint:gosec // G103: Value says that it borrows
	made := newDocument(text)
	nodes := made.nodes
	var open [maxDepth]int32
	depth, at := 0, blanks(text, mark(text))
	for {
		// A value stands here, and before it, in an object, its name.
		if depth > 0 && nodes[open[depth-1]].kind == object { //nolint:gosec // G602: depth is above 0
			end, plain := quoted(text, at)
			if end < 0 {
				return nil, refuse(errSyntax, at)
			}
			nodes = append(nodes, leaf(quote, plain, at+1, end-1, len(nodes)))
			if at = blanks(text, end); at == len(text) || text[at] != ':' {
				return nil, refuse(errSyntax, at)
			}
			at = blanks(text, at+1)
		}
		if at == len(text) {
			return nil, refuse(errSyntax, at)
		}
		is := starts[text[at]]
		switch is {
		case object, array:
			if depth == maxDepth {
				return nil, refuse(errDepth, at)
			}
			open[depth] = int32(len(nodes)) //nolint:gosec // G115: Parse bounds the text
			depth++
			nodes = append(nodes, leaf(is, false, at, at, len(nodes)))
			at = blanks(text, at+1)
			if at == len(text) || text[at] != closing(is) {
				continue
			}
			// An empty one: what follows closes it.
		case quote:
			end, plain := quoted(text, at)
			if end < 0 {
				return nil, refuse(errSyntax, at)
			}
			nodes = append(nodes, leaf(is, plain, at+1, end-1, len(nodes)))
			at = end
		case number, boolean, null:
			end := scalar(text, at, is)
			if end < 0 {
				return nil, refuse(errSyntax, at)
			}
			nodes = append(nodes, leaf(is, true, at, end, len(nodes)))
			at = end
		default:
			return nil, refuse(errSyntax, at)
		}
		// A value ended, or an empty container began: close what closes here.
		for at = blanks(text, at); depth > 0 && at < len(text); at = blanks(text, at) {
			self := &nodes[open[depth-1]]
			if text[at] != closing(self.kind) {
				break
			}
			at++
			self.end, self.next = int32(at), int32(len(nodes)) //nolint:gosec // G115: as above
			depth--
		}
		if depth == 0 {
			if at < len(text) {
				return nil, refuse(errSyntax, at)
			}
			made.nodes = nodes
			return made, nil
		}
		if at == len(text) || text[at] != ',' {
			return nil, refuse(errSyntax, at)
		}
		at = blanks(text, at+1)
	}
}

// mark is the width of the byte order mark that a text begins with. RFC 8259, section 8.1, lets a reader ignore one,
// and servers that are written in PHP send it before every answer where one of their files was saved with it.
func mark(text string) int {
	const byteOrderMark = "\uFEFF"
	if strings.HasPrefix(text, byteOrderMark) {
		return len(byteOrderMark)
	}
	return 0
}

func refuse(err error, at int) error {
	return fmt.Errorf("read JSON: %w at byte %d", err, at)
}

func leaf(is kind, plain bool, start, end, self int) node {
	//nolint:gosec // G115: Parse bounds the text
	return node{kind: is, plain: plain, start: int32(start), end: int32(end), next: int32(self + 1)}
}

// starts reports by its first byte what a value is; ordinary which bytes of a text stand for themselves and are ASCII.
//
//nolint:gochecknoglobals // lookup tables
var starts, ordinary = func() (is [256]kind, plain [256]bool) {
	is['{'], is['['], is['"'], is['t'], is['f'], is['n'], is['-'] = object, array, quote, boolean, boolean, null, number
	for c := '0'; c <= '9'; c++ {
		is[c] = number
	}
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return is, plain
}()

func closing(is kind) byte {
	if is == object {
		return '}'
	}
	return ']'
}

func blanks(text string, at int) int {
	for at < len(text) && text[at] <= ' ' {
		if c := text[at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return at
		}
		at++
	}
	return at
}

// quoted finds the end of the string that starts at a quote, behind its closing one; below 0 where there is none.
func quoted(text string, at int) (end int, plain bool) {
	if at == len(text) || text[at] != '"' {
		return -1, false
	}
	at++
	for at < len(text) && ordinary[text[at]] {
		at++
	}
	if at < len(text) && text[at] == '"' {
		return at + 1, true
	}
	for at < len(text) {
		switch c := text[at]; {
		case c == '"':
			return at + 1, false
		case c == '\\':
			width := escape(text[at:])
			if width == 0 {
				return -1, false
			}
			at += width
		case c < ' ':
			return -1, false
		default:
			at++
		}
	}
	return -1, false
}

// escape is the width of the escape that a text begins with; 0 where it is none.
func escape(text string) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(text[2:]); ok {
			return 6
		}
	}
	return 0
}

// scalar finds the end of a number or of a word; below 0 where there is none.
func scalar(text string, at int, is kind) int {
	if is == number {
		return numeral(text, at)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(text[at:], word) {
			return at + len(word)
		}
	}
	return -1
}

func numeral(text string, at int) int {
	if text[at] == '-' {
		at++
	}
	whole := figures(text, at)
	if whole == at || (text[at] == '0' && whole > at+1) {
		return -1
	}
	at = whole
	if at < len(text) && text[at] == '.' {
		if at = figures(text, at+1); text[at-1] == '.' {
			return -1
		}
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		if at++; at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		power := figures(text, at)
		if power == at {
			return -1
		}
		at = power
	}
	return at
}

func figures(text string, at int) int {
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	return at
}

// content is a string's text: escapes resolved, bytes that are not UTF-8 and half surrogates replaced.
func (d *document) content(n node) string {
	raw := d.text[n.start:n.end]
	if n.plain {
		return raw
	}
	if !strings.Contains(raw, `\`) {
		return strings.ToValidUTF8(raw, "\uFFFD")
	}
	var b strings.Builder
	b.Grow(len(raw))
	for len(raw) > 0 {
		before, after, escaped := strings.Cut(raw, `\`)
		b.WriteString(before)
		if !escaped {
			break
		}
		raw = unescape(&b, after)
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// unescape writes what the escape at the beginning of a text, behind its backslash, stands for. The reader has seen
// that it is one.
func unescape(b *strings.Builder, escape string) (rest string) {
	switch c := escape[0]; c {
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'u':
		return unescapeUnit(b, escape[1:])
	default:
		b.WriteByte(c)
	}
	return escape[1:]
}

func unescapeUnit(b *strings.Builder, digits string) (rest string) {
	unit, _ := hex4(digits)
	rest = digits[4:]
	if !utf16.IsSurrogate(unit) {
		b.WriteRune(unit)
		return rest
	}
	if low, found := strings.CutPrefix(rest, `\u`); found {
		second, _ := hex4(low)
		if pair := utf16.DecodeRune(unit, second); pair != utf8.RuneError {
			b.WriteRune(pair)
			return low[4:]
		}
	}
	b.WriteRune(utf8.RuneError)
	return rest
}

func hex4(text string) (unit rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range []byte(text[:4]) {
		switch {
		case c >= '0' && c <= '9':
			unit = unit<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			unit = unit<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			unit = unit<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}
