package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file; both counts start at 1. Line 0 means the source as a whole; File may then also name
// an environment variable.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String is "routing.yaml:12:5", the form that editors jump to.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one mistake in routing.yaml, and how to correct it.
type Problem struct { //nolint:errname // one of a list for a person, as a compiler's; ProblemError would say it twice
	At   Position `json:"at"`
	What string   `json:"what"`
	// Mend is what to write instead; empty where What is enough.
	Mend string `json:"mend,omitempty"`
}

// Error is "routing.yaml:12:5: what: mend".
func (p *Problem) Error() string {
	if p.Mend == "" {
		return p.At.String() + ": " + p.What
	}
	return p.At.String() + ": " + p.What + ": " + p.Mend
}

// Problems are the problems that an error joins, in the order of the file, each once. Errors that are no Problem are
// left out.
func Problems(err error) []*Problem {
	found := collect(err, nil)
	slices.SortStableFunc(found, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.At.File, b.At.File), cmp.Compare(a.At.Line, b.At.Line),
			cmp.Compare(a.At.Column, b.At.Column))
	})
	return slices.CompactFunc(found, func(a, b *Problem) bool { return *a == *b })
}

func collect(err error, into []*Problem) []*Problem {
	switch e := err.(type) { //nolint:errorlint // it walks the whole tree; errors.As would stop at the first
	case *Problem:
		return append(into, e)
	case interface{ Unwrap() []error }:
		for _, joined := range e.Unwrap() {
			into = collect(joined, into)
		}
	case interface{ Unwrap() error }:
		return collect(e.Unwrap(), into)
	}
	return into
}

// DidYouMean is a mend for a word that is none of the known ones: the nearest of them, or all of them where none is
// near.
func DidYouMean(word string, known []string) string {
	best, distance := "", 1+min(len(word)/2, 3)
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 {
		return "there is none"
	}
	return "write " + oneOf(known)
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours between two words. Only words
// short enough to be a slip of the finger are compared.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// oneOf lists words for a reader: "EUR", "EUR or USD", "one of EUR, USD, GBP".
func oneOf(words []string) string {
	const shown = 10
	switch {
	case len(words) == 1:
		return words[0]
	case len(words) == 2:
		return words[0] + " or " + words[1]
	case len(words) > shown:
		return fmt.Sprintf("one of %s and %d more", strings.Join(words[:shown], ", "), len(words)-shown)
	}
	return "one of " + strings.Join(words, ", ")
}
