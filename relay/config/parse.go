package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// parse reads the text into the tree. It returns false if that is all that can
// be said about the file: a syntax error stands alone.
func (f *File) parse(text string) bool {
	f.text = newSourceText(text)
	if at, ok := notUTF8(text); ok {
		f.fault(at, "", "the file is not UTF-8 from here on")
		return false
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	document, err := nextDocument(decoder)
	if err != nil && !errors.Is(err, io.EOF) {
		at, message := f.text.syntaxFault(err)
		f.fault(at, "", "%s", message)
		return false
	}
	if document == nil || len(document.Content) == 0 || isNull(document.Content[0]) && document.Content[0].Value == "" {
		f.fault(place{1, 1, 1}, "", "the file is empty (botrelay init prints one to begin with)")
		return false
	}
	second, err := nextDocument(decoder)
	if !errors.Is(err, io.EOF) {
		f.fault(f.secondDocument(document, second), "", "a second document starts here; botrelay reads one (remove ---)")
	}
	f.root = document.Content[0]
	if f.root.Kind != yaml.MappingNode {
		f.fault(f.text.at(f.root), "", "keys are expected here: sources, sinks, routes")
		return false
	}
	if n, message := tooBig(f.root); n != nil {
		f.fault(f.text.at(n), "", "%s", message)
		return false
	}
	return true
}

// nextDocument reads one document. The library reports what it cannot do by
// panics of its own; one that escapes must not end the relay.
func nextDocument(d *yaml.Decoder) (document *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			document, err = nil, fmt.Errorf("the YAML library gave up: %v", r)
		}
	}()
	document = new(yaml.Node)
	if err := d.Decode(document); err != nil {
		return nil, err
	}
	return document, nil
}

// secondDocument is where the second document begins.
func (f *File) secondDocument(first, second *yaml.Node) place {
	for line := lastLine(first) + 1; line <= len(f.text.lines); line++ {
		if strings.HasPrefix(f.text.line(line), "---") {
			return place{line, 1, 3}
		}
	}
	if second != nil {
		return f.text.at(second)
	}
	return place{max(len(f.text.lines), 1), 1, 1}
}

// lastLine is the last line in which a node of the tree begins.
func lastLine(n *yaml.Node) int {
	line := n.Line
	for _, child := range n.Content {
		line = max(line, lastLine(child))
	}
	return line
}

func notUTF8(text string) (place, bool) {
	if utf8.ValidString(text) {
		return place{}, false
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			lines := newSourceText(text[:i]).lines
			return place{len(lines), 1 + runes(lines[len(lines)-1]), 1}, true
		}
	}
	return place{}, false
}

var errorLine = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?((?s).*)$`)

// parserMessages are those for which the library counts lines from 0.
var parserMessages = regexp.MustCompile(`^(did not find expected|found duplicate|found incompatible|found undefined tag)`)

// syntaxFault says where a syntax error is and what to do about it. The usual
// ones are found in the text: the library names the line at which a list or a
// block begins, not the one where it goes wrong.
func (s sourceText) syntaxFault(err error) (place, string) {
	if at, message, ok := s.unquoted(); ok {
		return at, message
	}
	line, message := 1, err.Error()
	if m := errorLine.FindStringSubmatch(message); m != nil {
		message = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
		if parserMessages.MatchString(message) && m[1] != "" {
			line++
		}
	}
	line = min(max(line, 1), len(s.lines))
	if parserMessages.MatchString(message) {
		line = s.failingLine(line)
	}
	text := s.line(line)
	inner := strings.TrimLeft(text, " ")
	at := place{line, 1 + len(text) - len(inner), max(1, runes(strings.TrimRight(inner, " \t")))}
	if i := strings.IndexByte(text, '\t'); i >= 0 && strings.TrimSpace(text[:i]) == "" {
		return place{line, i + 1, 1}, "a tab stands here; YAML is indented with spaces"
	}
	return at, "this is not YAML: " + quoteLess(message)
}

// searchedLines is up to how many lines a file is read again and again to find
// the line at fault. In a longer one the library's word has to do.
const searchedLines = 10_000

// failingLine finds the line that makes the text no YAML any more: the one
// before it ends a text that can be read.
func (s sourceText) failingLine(from int) int {
	bad := len(s.lines)
	if bad > searchedLines {
		return from
	}
	good := max(from-1, 0)
	if !s.readable(good) {
		good = 0
	}
	for bad-good > 1 {
		middle := (good + bad) / 2
		if s.readable(middle) {
			good = middle
		} else {
			bad = middle
		}
	}
	return bad
}

func (s sourceText) readable(lines int) bool {
	var any yaml.Node
	return yaml.Unmarshal([]byte(strings.Join(s.lines[:lines], "\n")+"\n"), &any) == nil
}
