package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// screenWidth is what tables and texts fit in.
const screenWidth = 80

// glue becomes a blank, at which no line is broken. It is for private use, so
// that nothing else means it.
const glue = "\ue000"

// column is one column of a table.
type column struct {
	title string
	right bool // numbers: their ends stand below each other
	min   int  // the least width
	wrap  bool // gives way when the table is too wide: its text goes on in further lines
	below bool // the last column: goes into lines of its own when the table is too wide
	state bool // holds a state word, which may be coloured
}

// table lays rows out below titles, two blanks apart, within [screenWidth]
// where the columns let it.
type table struct {
	columns  []column
	rows     [][]string
	untitled bool // the titles stand further up already
}

// add appends a row. What is not printable in it is made visible, since cells
// hold what strangers have sent.
func (t *table) add(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range row {
		if i < len(cells) {
			row[i] = printable(cells[i])
		}
	}
	t.rows = append(t.rows, row)
}

// span is where a column lies: from its first place to before end.
type span struct{ start, end int }

// write prints the table.
func (t *table) write(w io.Writer, paint painter) {
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	spans, excess := t.layout(titles)
	last := len(t.columns) - 1
	under := excess > 0 && t.columns[last].below
	if under {
		narrow := table{columns: t.columns[:last]}
		for _, row := range t.rows {
			narrow.rows = append(narrow.rows, row[:last])
		}
		spans, _ = narrow.layout(titles[:last])
		titles = titles[:last]
	}
	if !t.untitled {
		t.writeRow(w, titles, spans, painter{}, true)
	}
	for _, row := range t.rows {
		t.writeRow(w, row[:len(spans)], spans, paint, false)
		if under {
			fmt.Fprintf(w, "%s%s\n", strings.Repeat(" ", spans[min(1, last-1)].start), unglue(row[last]))
		}
	}
}

// layout finds out where the columns lie, and by how much they are still too
// wide together. A table that is too wide first lets
// columns of numbers move to the left as far as no row closes up, then lets the
// columns that may wrap become narrower.
func (t *table) layout(titles []string) (_ []span, excess int) {
	spans := make([]span, len(t.columns))
	place := 0
	for i, c := range t.columns {
		width := max(c.min, textWidth(titles[i]))
		for _, row := range t.rows {
			width = max(width, textWidth(row[i]))
		}
		spans[i] = span{place, place + width}
		place += width + 2
	}
	excess = place - 2 - screenWidth
	for i := 1; i < len(spans) && excess > 0; i++ {
		if t.columns[i].right {
			give := min(excess, t.slack(i, titles, spans))
			shift(spans[i:], give)
			excess -= give
		}
	}
	for i, c := range t.columns {
		if c.wrap && excess > 0 {
			give := min(excess, spans[i].end-spans[i].start-max(c.min, leastWrap))
			if give > 0 {
				spans[i].end -= give
				shift(spans[i+1:], give)
				excess -= give
			}
		}
	}
	return spans, excess
}

// leastWrap is how narrow a column may become by wrapping.
const leastWrap = 16

func shift(spans []span, by int) {
	for i := range spans {
		spans[i].start -= by
		spans[i].end -= by
	}
}

// slack is how far column i can move to the left before a row closes up.
func (t *table) slack(i int, titles []string, spans []span) int {
	least := screenWidth
	for r := -1; r < len(t.rows); r++ {
		row, title := titles, true
		if r >= 0 {
			row, title = t.rows[r], false
		}
		before := t.span(i-1, row[i-1], spans, title)
		here := t.span(i, row[i], spans, title)
		least = min(least, here.start-before.end-2)
	}
	return max(least, 0)
}

// span is where the text of a cell lies.
func (t *table) span(i int, text string, spans []span, title bool) span {
	width := textWidth(text)
	if t.columns[i].right && !title {
		return span{spans[i].end - width, spans[i].end}
	}
	return span{spans[i].start, spans[i].start + width}
}

// writeRow prints one row, in as many lines as its wrapped cells need.
func (t *table) writeRow(w io.Writer, row []string, spans []span, paint painter, title bool) {
	cells := make([][]string, len(row))
	lines := 1
	for i, text := range row {
		cells[i] = []string{text}
		if t.columns[i].wrap {
			cells[i] = wrap(text, spans[i].end-spans[i].start)
		}
		lines = max(lines, len(cells[i]))
	}
	for n := range lines {
		var line strings.Builder
		place := 0
		for i := range cells {
			if n >= len(cells[i]) || cells[i][n] == "" {
				continue
			}
			text := cells[i][n]
			at := t.span(i, text, spans, title)
			if at.start > place {
				line.WriteString(strings.Repeat(" ", at.start-place))
			} else if place > 0 {
				line.WriteString("  ")
				at.start = place + 2
			}
			place = max(at.start, place) + textWidth(text)
			if t.columns[i].state {
				text = paint.state(text)
			}
			line.WriteString(text)
		}
		fmt.Fprintln(w, unglue(line.String()))
	}
}

// hanging breaks text after a label, so that its lines stand below each other.
func hanging(label, text string) string {
	indent := textWidth(label)
	lines := wrap(text, screenWidth-indent)
	return unglue(label + strings.Join(lines, "\n"+strings.Repeat(" ", indent)) + "\n")
}

func unglue(text string) string { return strings.ReplaceAll(text, glue, " ") }

// textWidth is how many places a text takes, marks over letters aside.
func textWidth(text string) int {
	n := utf8.RuneCountInString(text)
	for _, r := range text {
		if unicode.Is(unicode.Mn, r) || r == '\u200d' || r == '\ufe0f' {
			n--
		}
	}
	return n
}

// printable replaces what could move a terminal's cursor, change its colours or
// turn the direction of writing.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u2028' || r == '\u2029' {
			return utf8.RuneError
		}
		return r
	}, text)
}

// painter colours words for a terminal; the zero painter leaves them.
type painter struct{ colours bool }

// state colours a word that says how something is.
func (p painter) state(word string) string {
	if !p.colours {
		return word
	}
	switch strings.ToLower(word) {
	case "paused", "dead", "orphaned", "quarantined":
		return "\x1b[31m" + word + "\x1b[0m"
	case "retrying", "muted", "dropped":
		return "\x1b[33m" + word + "\x1b[0m"
	case "ok", "delivered":
		return "\x1b[32m" + word + "\x1b[0m"
	}
	return word
}
