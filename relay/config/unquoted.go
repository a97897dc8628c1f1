package config

import "strings"

// unquoted finds what most often makes a file no YAML: a reference, a template,
// a pattern or a tag without quotes where YAML reads it otherwise, and what is
// opened and never closed. It is asked only about a text that cannot be parsed.
func (s sourceText) unquoted() (at place, message string, found bool) {
	scan := quoteScan{anchors: map[string]bool{}}
	for i, line := range s.lines {
		if scan.inText(line) {
			continue
		}
		scan.number = i + 1
		if col, width, message := scan.line(line); message != "" {
			return place{i + 1, 1 + runes(line[:col]), max(1, width)}, message, true
		}
	}
	if n := len(scan.open); n > 0 {
		last := scan.open[n-1]
		at = place{last.number, 1 + runes(s.line(last.number)[:last.byte]), 1}
		return at, string(last.mark) + " is opened here and not closed", true
	}
	return place{}, "", false
}

// opening is a bracket or a quotation mark that is still open.
type opening struct {
	mark   byte
	number int // of its line
	byte   int // where it is in the line
}

// quoteScan reads lines just as far as is needed to know where values begin.
type quoteScan struct {
	number  int // of the line
	open    []opening
	anchors map[string]bool
	block   int // the least indent of a text that | or > has opened; 0 outside
}

func (q *quoteScan) push(line string, i int) {
	q.open = append(q.open, opening{line[i], q.number, i})
}

// quote returns the mark of the quotation that is open, or 0.
func (q *quoteScan) quote() byte {
	if n := len(q.open); n > 0 && (q.open[n-1].mark == '"' || q.open[n-1].mark == '\'') {
		return q.open[n-1].mark
	}
	return 0
}

// inText tells whether a line belongs to a text that | or > has opened.
func (q *quoteScan) inText(line string) bool {
	if q.block == 0 {
		return false
	}
	if strings.TrimSpace(line) == "" || indent(line) >= q.block {
		return true
	}
	q.block = 0
	return false
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// outerIndent is the indent that a text opened in this line must exceed: that of
// its key, which may stand behind the dashes of a list, or of its own dash.
func outerIndent(line string) int {
	outer := 0
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '-' && strings.HasPrefix(line[i+1:], " "):
			outer = i
		case line[i] == '|' || line[i] == '>':
			return outer
		case line[i] != ' ':
			return i
		}
	}
	return outer
}

// line returns the byte at which something stands that needs quotes.
func (q *quoteScan) line(line string) (col, width int, message string) {
	start := true // a value may begin here
	for i := 0; i < len(line); i++ {
		rest := line[i:]
		inside := len(q.open) > 0
		switch c := line[i]; {
		case q.quote() != 0:
			i += q.quoted(rest)
		case c == ' ' || c == '\t':
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return 0, 0, ""
		case start && (c == '|' || c == '>') && !inside:
			q.block = outerIndent(line) + 1
			return 0, 0, ""
		case start && c == '&':
			name := word(rest[1:])
			q.anchors[name] = true
			i += len(name)
		case start && (c == '"' || c == '\''), (start || inside) && (c == '[' || c == '{') && !strings.HasPrefix(rest, "{{"):
			q.push(line, i)
			start = c == '[' || c == '{'
		case q.needsQuotes(rest, start) != "":
			return i, runes(token(rest)), q.needsQuotes(rest, start)
		case start && c == '-' && (len(rest) == 1 || rest[1] == ' '):
		case (c == ']' || c == '}') && inside:
			q.open = q.open[:len(q.open)-1]
			start = false
		case c == ',' && inside, c == ':' && (len(rest) == 1 || strings.ContainsRune(" \t\"'[{", rune(rest[1]))):
			start = true
		default:
			start = false
		}
	}
	return 0, 0, ""
}

// needsQuotes returns what to say about the text at which rest begins, where a
// value starts or goes on.
func (q *quoteScan) needsQuotes(rest string, start bool) string {
	inside := len(q.open) > 0
	switch {
	case strings.HasPrefix(rest, "{{") && (start || inside):
		return `a template needs "quotes"`
	case strings.HasPrefix(rest, "${") && inside:
		return `a ${…} inside [ ] or { } needs "quotes"`
	case start && (rest[0] == '@' || rest[0] == '`' || rest[0] == '*' && !q.anchors[word(rest[1:])]):
		return `a value that starts with * or @ needs "quotes"`
	case start && rest[0] == '!' && inside:
		return quoteLess(token(rest)) + ` is a YAML tag, not text (what is to be left out stands under "except", without !)`
	}
	return ""
}

// quoted goes over one character of a quotation; it returns how many more
// bytes belong to it.
func (q *quoteScan) quoted(rest string) int {
	mark := q.quote()
	switch {
	case rest[0] == '\\' && mark == '"' && len(rest) > 1:
		return 1
	case rest[0] == mark && mark == '\'' && len(rest) > 1 && rest[1] == '\'':
		return 1
	case rest[0] == mark:
		q.open = q.open[:len(q.open)-1]
	}
	return 0
}

// word is the name of an anchor or an alias.
func word(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if end < 0 {
		return text
	}
	return text[:end]
}

// token is what stands up to the next blank or the end of the list, or of the
// template.
func token(text string) string {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case depth == 0 && strings.ContainsRune("]}, \t", rune(c)):
			return text[:i]
		}
	}
	return text
}
