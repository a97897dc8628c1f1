package config

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// place is where a text stands in the file.
type place struct {
	line, col int // from 1; columns count characters
	width     int
}

// sourceText is the file as written, cut into the lines that YAML counts.
type sourceText struct{ lines []string }

func newSourceText(text string) sourceText {
	text = strings.TrimPrefix(text, "\ufeff")
	var s sourceText
	start := 0
	for i, r := range text {
		switch r {
		case '\n':
			end := i
			if end > start && text[end-1] == '\r' {
				end--
			}
			s.lines = append(s.lines, text[start:end])
			start = i + 1
		case '\r':
			if i+1 < len(text) && text[i+1] == '\n' {
				continue
			}
			s.lines = append(s.lines, text[start:i])
			start = i + 1
		case '\u0085', '\u2028', '\u2029':
			s.lines = append(s.lines, text[start:i])
			start = i + len(string(r))
		}
	}
	s.lines = append(s.lines, text[start:])
	return s
}

// line returns line n, counted from 1; empty if there is none.
func (s sourceText) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// from returns what stands at a place up to the end of its line.
func (s sourceText) from(line, col int) string {
	text := s.line(line)
	for i := range text {
		if col--; col == 0 {
			return text[i:]
		}
	}
	return ""
}

// at returns the place of a node's own text: what an anchor in front of it
// names, and its whole token where it is a scalar.
func (s sourceText) at(n *yaml.Node) place {
	p := place{line: max(n.Line, 1), col: max(n.Column, 1), width: 1}
	text := s.from(p.line, p.col)
	if n.Anchor != "" && strings.HasPrefix(text, "&"+n.Anchor) {
		rest := strings.TrimLeft(text[1+len(n.Anchor):], " \t")
		if rest != "" && rest[0] != '#' {
			p.col += runes(text) - runes(rest)
			text = rest
		}
	}
	switch {
	case strings.HasPrefix(text, "!"):
		p.width = runes(tagToken(text, n.Value))
	case n.Kind == yaml.AliasNode:
		p.width = 1 + runes(n.Value)
	case n.Kind != yaml.ScalarNode:
		p.width = 1
	case n.Style&yaml.DoubleQuotedStyle != 0:
		p.width = runes(quotedToken(text, '"'))
	case n.Style&yaml.SingleQuotedStyle != 0:
		p.width = runes(quotedToken(text, '\''))
	case strings.HasPrefix(text, n.Value):
		p.width = max(1, runes(n.Value))
	default:
		p.width = max(1, runes(strings.TrimRight(text, " \t")))
	}
	return p
}

// written tells whether the text of a node begins with prefix in the file.
func (s sourceText) written(n *yaml.Node, prefix string) bool {
	p := s.at(n)
	return strings.HasPrefix(s.from(p.line, p.col), prefix)
}

func runes(text string) int { return utf8.RuneCountInString(text) }

// quotedToken is a quoted scalar with its quotes, as far as it is on its line.
func quotedToken(text string, mark byte) string {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && mark == '"':
			i++
		case text[i] == mark && mark == '\'' && i+1 < len(text) && text[i+1] == mark:
			i++
		case text[i] == mark:
			return text[:i+1]
		}
	}
	return text
}

// tagToken is a tag together with the plain value behind it.
func tagToken(text, value string) string {
	end := strings.IndexAny(text, " \t,]}")
	if end < 0 {
		return text
	}
	rest := strings.TrimLeft(text[end:], " \t")
	if value != "" && strings.HasPrefix(rest, value) {
		return text[:len(text)-len(rest)+len(value)]
	}
	return text[:end]
}
