package config

import "strings"

// unquoted finds what most often makes a file no YAML: a reference, a template,
// a pattern or a tag without quotes where YAML reads it otherwise. It is asked
// only about a text that cannot be parsed.
func (s sourceText) unquoted() (at place, message string, found bool) {
	scan := quoteScan{anchors: map[string]bool{}}
	for i, line := range s.lines {
		if scan.inText(line) {
			continue
		}
		if col, width, message := scan.line(line); message != "" {
			return place{i + 1, 1 + runes(line[:col]), max(1, width)}, message, true
		}
	}
	return place{}, "", false
}

// quoteScan reads lines just as far as is needed to know where values begin.
type quoteScan struct {
	depth   int  // of [ and {
	quote   byte // the mark of an open quotation, or 0
	anchors map[string]bool
	block   int // the indent of the line that opened a text with | or >, plus 1; 0 outside
}

// inText tells whether a line belongs to a text that | or > has opened.
func (q *quoteScan) inText(line string) bool {
	if q.block == 0 {
		return false
	}
	if strings.TrimSpace(line) == "" || len(line)-len(strings.TrimLeft(line, " ")) >= q.block {
		return true
	}
	q.block = 0
	return false
}

// line returns the byte at which something stands that needs quotes.
func (q *quoteScan) line(line string) (col, width int, message string) {
	start := true // a value may begin here
	for i := 0; i < len(line); i++ {
		rest := line[i:]
		switch c := line[i]; {
		case q.quote != 0:
			i += q.quoted(rest)
		case c == ' ' || c == '\t':
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return 0, 0, ""
		case start && (c == '"' || c == '\''):
			q.quote, start = c, false
		case start && c == '-' && (len(rest) == 1 || rest[1] == ' '):
		case start && c == '&':
			name := word(rest[1:])
			q.anchors[name] = true
			i += len(name)
		case start && (c == '|' || c == '>') && q.depth == 0:
			q.block = len(line) - len(strings.TrimLeft(line, " ")) + 1
			return 0, 0, ""
		case start && strings.HasPrefix(rest, "{{"):
			return i, 2, `a template needs "quotes"`
		case start && (c == '@' || c == '`' || c == '*' && !q.anchors[word(rest[1:])]):
			return i, len(token(rest)), `a value that starts with * or @ needs "quotes"`
		case start && c == '!' && q.depth > 0:
			return i, len(token(rest)), quoteLess(token(rest)) + " is a YAML tag, not text (use quotes)"
		case q.depth > 0 && strings.HasPrefix(rest, "${"):
			return i, len(token(rest)), `a ${…} inside [ ] or { } needs "quotes"`
		case q.depth > 0 && strings.HasPrefix(rest, "{{"):
			return i, 2, `a template needs "quotes"`
		case (c == '[' || c == '{') && (start || q.depth > 0):
			q.depth, start = q.depth+1, true
		case (c == ']' || c == '}') && q.depth > 0:
			q.depth, start = q.depth-1, false
		case c == ',' && q.depth > 0:
			start = true
		case c == ':' && (len(rest) == 1 || rest[1] == ' ' || rest[1] == '\t'):
			start = true
		default:
			start = false
		}
	}
	return 0, 0, ""
}

// quoted goes over one character of a quotation; it returns how many more
// bytes belong to it.
func (q *quoteScan) quoted(rest string) int {
	switch {
	case rest[0] == '\\' && q.quote == '"' && len(rest) > 1:
		return 1
	case rest[0] == q.quote && q.quote == '\'' && len(rest) > 1 && rest[1] == '\'':
		return 1
	case rest[0] == q.quote:
		q.quote = 0
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

// token is what stands up to the next blank or the end of the list.
func token(text string) string {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}', ']', ',', ' ', '\t':
			if depth == 0 {
				return text[:i]
			}
			if text[i] == '}' {
				depth--
			}
		}
	}
	return text
}
