package config

import (
	"slices"
	"strings"

	"botrelay/relay"
)

// wholeFileWarnings are those that only make sense once the file has no fault.
func (f *File) wholeFileWarnings() []Problem {
	var found []Problem
	used := map[string]bool{}
	unknown := false // a name is behind a reference that was not resolved
	for i, r := range f.routes {
		if by := f.shadowedBy(i); len(by) > 0 {
			at, path := r.block.locate("name")
			found = append(found, f.problem(at, strings.TrimSuffix(path, ".name"), true,
				"%s changes nothing: its sinks have these events from %s (put it before, or remove it)", quote(f.mask(r.Name)), f.quoteAll(by)))
		}
		for _, t := range r.To {
			used[t.sink] = true
			unknown = unknown || t.skipped
		}
	}
	for _, s := range f.Sinks {
		if at, path := s.Block.locate(""); !used[s.Name] && !unknown {
			found = append(found, f.problem(at, path, true, "nothing sends to it"))
		}
	}
	return found
}

func (f *File) quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(f.mask(name))
	}
	return strings.Join(quoted, ", ")
}

// shadowedBy returns the earlier routes from which all sinks of route i have
// all of its events already; empty if there is a sink for which no single
// earlier route covers it. It says so only where it is certain.
func (f *File) shadowedBy(i int) []string {
	r := &f.routes[i]
	var by []string
	for _, t := range r.To {
		name, ok := f.coveredFor(i, t.sink)
		if !ok {
			return nil
		}
		if len(by) == 0 || by[len(by)-1] != name {
			by = append(by, name)
		}
	}
	return by
}

// coveredFor finds a route before route i that gives sink all of its events.
func (f *File) coveredFor(i int, sink string) (name string, ok bool) {
	for j := range f.routes[:i] {
		earlier := &f.routes[j]
		if earlier.To.has(sink) && covers(earlier, &f.routes[i]) {
			return earlier.Name, true
		}
	}
	return "", false
}

func (l targetList) has(sink string) bool {
	return slices.ContainsFunc(l, func(t target) bool { return t.sink == sink })
}

// covers tells whether every event that b matches is matched by a.
func covers(a, b *routeKeys) bool {
	match := b.Match.blocks
	if len(match) == 0 {
		match = []condBlock{{{field: "event", patterns: []pattern{{text: "*"}}}}}
	}
	for _, block := range match {
		if !blockCovered(a.Match.blocks, block) {
			return false
		}
	}
	for _, left := range a.Except.blocks {
		if !exceptCovered(b.Except.blocks, left) {
			return false
		}
	}
	return true
}

// blockCovered tells whether any of the wide blocks, or the absence of blocks,
// which is every received event, holds wherever narrow holds.
func blockCovered(wide []condBlock, narrow condBlock) bool {
	if len(wide) == 0 {
		return !narrow.takesDerived()
	}
	for _, w := range wide {
		if (w.condition("event") != nil || !narrow.takesDerived()) && conditionsCovered(w, narrow) {
			return true
		}
	}
	return false
}

// exceptCovered is the same for except, where a block without an event holds
// for the relay's own events, too.
func exceptCovered(wide []condBlock, narrow condBlock) bool {
	for _, w := range wide {
		if conditionsCovered(w, narrow) {
			return true
		}
	}
	return false
}

// conditionsCovered tells whether each condition of wide is implied by the
// condition of narrow on the same field.
func conditionsCovered(wide, narrow condBlock) bool {
	for _, c := range wide {
		own := narrow.condition(c.field)
		if own == nil {
			return false
		}
		for _, p := range own.patterns {
			if !c.coversPattern(p) {
				return false
			}
		}
	}
	return true
}

func (b condBlock) condition(field string) *condition {
	for i := range b {
		if b[i].field == field {
			return &b[i]
		}
	}
	return nil
}

// takesDerived tells whether a block of match can hold for an event that the
// relay made.
func (b condBlock) takesDerived() bool {
	events := b.condition("event")
	if events == nil {
		return false
	}
	return slices.ContainsFunc(events.patterns, isDerived)
}

func isDerived(p pattern) bool { return !p.null && strings.HasPrefix(p.text, relay.DerivedPrefix) }

func (c condition) coversPattern(narrow pattern) bool {
	for _, wide := range c.patterns {
		if c.field == "event" && isDerived(narrow) && !isDerived(wide) {
			continue
		}
		if wide.null == narrow.null && (wide.null || patternCovers(wide.text, narrow.text)) {
			return true
		}
	}
	return false
}

// star stands for a * in the letters of a pattern; no text has it.
const star = rune(-1)

// letters are the characters of a pattern, with star for each of its stars.
func letters(text string) []rune {
	var out []rune
	escaped := false
	for _, r := range text {
		switch {
		case r == '*' && escaped:
			out[len(out)-1] = '*'
		case r == '*':
			out = append(out, star)
		default:
			out = append(out, r)
		}
		escaped = r == '\\'
	}
	return out
}

// patternCovers tells whether every text that narrow matches is matched by
// wide: wide matches narrow itself, whose stars only its own stars may take.
func patternCovers(wide, narrow string) bool {
	w, n := letters(wide), letters(narrow)
	i, lastStar, resume := 0, -1, 0
	for j := 0; j < len(n); {
		switch {
		case i < len(w) && w[i] == star:
			lastStar, resume = i, j
			i++
		case i < len(w) && w[i] == n[j]:
			i, j = i+1, j+1
		case lastStar >= 0:
			resume++
			i, j = lastStar+1, resume
		default:
			return false
		}
	}
	for i < len(w) && w[i] == star {
		i++
	}
	return i == len(w)
}
