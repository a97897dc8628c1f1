package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Problem is a fault or a warning, at the place of the text it is about.
type Problem struct {
	File    string // as given to Load
	Line    int    // from 1
	Col     int    // from 1, in characters
	Path    string // routes[0].to[1]; empty for the whole file
	Message string // what is wrong, without the hint; no secret
	Hint    string // what to do about it; may be empty
	Warning bool   // the file can be used all the same

	width  int    // of the text it is about, in characters
	source string // the line it stands in
	gutter int    // width of the widest line number among its neighbours
}

// String is the one line that people and editors read:
//
//	config.yaml:13:15: routes[0].to[1]: unknown sink "lakee" (did you mean "lake"?)
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Col)
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// excerptWidth is how much of a long line an excerpt shows.
const excerptWidth = 160

// Excerpt is the source line and a line of carets below the text in question,
// each with its line feed; empty if there is no such line. It shows the file as
// written, so it is for the person who has the file.
func (p Problem) Excerpt() string {
	line := []rune(p.source)
	before := min(p.Col-1, len(line))
	if len(line) == 0 || before < 0 {
		return ""
	}
	from := max(0, before-excerptWidth/2)
	to := min(len(line), from+excerptWidth)
	var text, carets strings.Builder
	for i := from; i < to; i++ {
		r := line[i]
		if r != '\t' && !unicode.IsPrint(r) {
			r = '?'
		}
		text.WriteRune(r)
		switch {
		case i < before && r == '\t':
			carets.WriteByte('\t')
		case i < before:
			carets.WriteByte(' ')
		}
	}
	carets.WriteString(strings.Repeat("^", min(max(p.width, 1), max(to-before, 1))))
	number := fmt.Sprintf("%*d", p.gutter, p.Line)
	return fmt.Sprintf("%s | %s\n%*s | %s\n", number, text.String(), len(number), "", carets.String())
}

// sortProblems puts problems in file order; those of one place stay as they were found.
func sortProblems(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}

// splitHint takes a remark in brackets off the end of a message.
func splitHint(message string) (text, hint string) {
	if rest, ok := strings.CutSuffix(message, ")"); ok {
		if i := strings.LastIndex(rest, " ("); i > 0 {
			return rest[:i], rest[i+2:]
		}
	}
	return message, ""
}

// quoteLimit is how much of a text a message repeats.
const quoteLimit = 80

// quote is text in quotation marks, on one line and not longer than a message
// may be.
func quote(text string) string {
	if r := []rune(text); len(r) > quoteLimit {
		text = string(r[:quoteLimit]) + "…"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// didYouMean is a hint with the candidate nearest to word, or empty.
func didYouMean(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return " (did you mean " + quote(near) + "?)"
	}
	return ""
}

// nearest returns the candidate that differs from word by the fewest typing
// slips, the first of several; empty if all differ by more than a third.
func nearest(word string, candidates []string) string {
	a := []rune(word)
	best, found := min(3, max(1, len(a)/3))+1, ""
	if len(a) < 2 || len(a) > 2*quoteLimit {
		return ""
	}
	for _, candidate := range candidates {
		b := []rune(candidate)
		if candidate == word || len(b) > len(a)+best-1 || len(b) < len(a)-best+1 {
			continue
		}
		if d := slips(a, b); d < best {
			best, found = d, candidate
		}
	}
	return found
}

// slips counts insertions, deletions, replacements and swaps of neighbours.
func slips(a, b []rune) int {
	width := len(b) + 1
	before, last, row := make([]int, width), make([]int, width), make([]int, width)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
