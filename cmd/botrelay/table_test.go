package main

import (
	"strings"
	"testing"
	"unicode"
)

func TestTableGivesWay(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("the broker does not answer ", 5)
	wide := &table{columns: []column{{title: "SINK"}, {title: "REASON", wrap: true}, {title: "EVENTS", right: true}}}
	wide.add("backend", long, "1,204")
	wide.add("bots", "short", "7")
	checkScreen(t, shown(func(s screen) { s.table(wide) }), `
SINK     REASON                                                           EVENTS
backend  the broker does not answer the broker does not answer the broker  1,204
         does not answer the broker does not answer the broker does not
         answer
bots     short                                                                 7
`)
}

// What strangers have sent must not act on a terminal.
func TestCellsArePrintable(t *testing.T) {
	t.Parallel()
	hostile := "\x1b[2Jbot.\u202efatal\r\n\u009b31m\x00"
	x := &table{columns: []column{{title: "EVENT"}, {title: "ID"}}}
	x.add(hostile, "msg_1")
	got := shown(func(s screen) { s.table(x) })
	for _, r := range got {
		if r != '\n' && (unicode.IsControl(r) || r == '\u202e') {
			t.Errorf("%q is in %q", r, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 2 {
		t.Errorf("%d lines, want 2: %q", n, got)
	}
}

func TestColoursOnlyWhereAsked(t *testing.T) {
	t.Parallel()
	x := &table{columns: []column{{title: "STATE", state: true}, {title: "WAITING", right: true}}}
	x.add("PAUSED", "12")
	plain := shown(func(s screen) { s.table(x) })
	if strings.Contains(plain, "\x1b") {
		t.Errorf("coloured without being asked: %q", plain)
	}
	coloured := shown(func(s screen) { s.paint.colours = true; s.table(x) })
	if want := "\x1b[31mPAUSED\x1b[0m"; !strings.Contains(coloured, want) {
		t.Errorf("no %q in %q", want, coloured)
	}
	if got := strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(coloured); got != plain {
		t.Errorf("colours move the columns: %q, plain %q", got, plain)
	}
}

func FuzzTableFits(f *testing.F) {
	f.Add("backend", "HTTP 422: unknown tenant", "41")
	f.Add("", strings.Repeat("x", 100), "33,402")
	f.Add("\x1b[0m", "a b c", "\n")
	f.Fuzz(func(t *testing.T, name, reason, number string) {
		x := &table{columns: []column{{title: "SINK"}, {title: "REASON", wrap: true}, {title: "EVENTS", right: true}}}
		x.add(name, reason, number)
		x.add("lake", "short", "1")
		got := shown(func(s screen) { s.table(x) })
		longest := 0
		for word := range strings.FieldsSeq(reason) {
			longest = max(longest, textWidth(printable(word)))
		}
		if textWidth(name) > 20 || textWidth(number) > 20 || longest > leastWrap {
			return // words are never broken
		}
		for line := range strings.SplitSeq(got, "\n") {
			if textWidth(line) > screenWidth {
				t.Errorf("over %d columns: %q", screenWidth, line)
			}
		}
	})
}
