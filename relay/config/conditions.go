package config

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"botrelay/relay/route"
)

// conditions is what stands under match or except: blocks of which any will do.
type conditions struct {
	except bool
	blocks []condBlock
}

// condBlock is one block: all of its conditions must hold.
type condBlock []condition

// condition is one line of a block.
type condition struct {
	field    string
	patterns []pattern
}

// pattern is one text of a condition, with its place.
type pattern struct {
	text  string
	null  bool
	plain bool // written here, not behind a reference
	node  *yaml.Node
	path  string
}

func (c *conditions) decodeNode(f *File, n, key *yaml.Node, path string) {
	hint := "leave match out to have every event that is received"
	if c.except {
		hint = "leave except out if nothing is to be left out"
	}
	if n.Kind == yaml.MappingNode {
		c.add(f, n, path, hint)
		return
	}
	if n.Kind != yaml.SequenceNode {
		f.expect(entry{key, n}, n, yaml.MappingNode, path)
		return
	}
	if len(n.Content) == 0 {
		f.fault(f.text.at(n), path, "the list is empty (%s)", hint)
	}
	for i, one := range f.list(entry{key, n}, n) {
		at := indexed(path, i)
		if item, ok := f.usable(one, at); ok && f.expect(one, item, yaml.MappingNode, at) {
			c.add(f, item, at, hint)
		}
	}
}

func (c *conditions) add(f *File, n *yaml.Node, path, hint string) {
	m := f.mapping(n, path)
	if len(m.entries) == 0 {
		f.fault(f.text.at(n), path, "the block is empty (%s)", hint)
	}
	var block condBlock
	for _, e := range m.entries {
		if message := fieldFault(e.key.Value); message != "" {
			f.fault(f.text.at(e.key), path, "%s", message)
			continue
		}
		if patterns := f.patterns(e, join(path, e.key.Value), c.except); len(patterns) > 0 {
			block = append(block, condition{e.key.Value, patterns})
		}
	}
	c.blocks = append(c.blocks, block)
}

// fieldFault returns what is wrong with the name of a field.
func fieldFault(name string) string {
	err := route.ParseField(name)
	if err == nil {
		return ""
	}
	if _, unknown := errors.AsType[*route.UnknownFieldError](err); !unknown {
		return err.Error()
	}
	return "unknown field " + quote(name) + fieldHint(name)
}

func fieldHint(name string) string {
	parts := strings.Split(name, ".")
	if parts[0] == "bot" {
		parts = parts[1:]
	}
	if len(parts) > 1 {
		meta := nearest(parts[0], []string{"metadata"}) != "" || parts[0] == "meta" || parts[0] == "metadata"
		if better := "bot.metadata." + strings.Join(parts[1:], "."); meta && route.ParseField(better) == nil {
			return " (did you mean " + quote(better) + "?)"
		}
	}
	return didYouMean(name, route.FixedFields())
}

// patterns reads the value of a condition: a pattern or a list of them.
func (f *File) patterns(e entry, path string, except bool) []pattern {
	n := follow(e.value)
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		f.fault(f.text.at(n), path, "the list is empty; it needs one entry at least")
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		if _, ok := f.usable(e, path); !ok {
			return nil
		}
	}
	var patterns []pattern
	type written struct {
		text string
		null bool
	}
	seen := map[written]bool{}
	good := true
	for _, one := range f.list(e, n) {
		one.key = e.key
		p, became := f.pattern(one, path, except)
		good = good && became != wrong
		if became != taken {
			continue
		}
		if seen[written{p.text, p.null}] {
			f.fault(f.text.at(p.node), path, "%s is in this list twice", quote(p.node.Value))
		}
		seen[written{p.text, p.null}] = true
		patterns = append(patterns, p)
	}
	if good && len(patterns) == 0 {
		f.fault(f.valuePlace(e), path, everyEntryEmpty)
	}
	return patterns
}

func (f *File) pattern(e entry, path string, except bool) (pattern, outcome) {
	n := follow(e.value)
	p := pattern{node: n, path: path, plain: true}
	switch {
	case isNull(n) && n.Value != "" && !f.isTagged(n):
		p.null = true
		return p, taken
	case isNull(n) && !f.isTagged(n):
		f.noValue(e, path, ` (write null for "absent")`)
		return p, wrong
	case f.isTagged(n):
		f.fault(f.text.at(n), path, "%s is a YAML tag, not text (%s)", f.tagText(n), tagHint(n, e.key, except, f.tagText(n)))
		return p, wrong
	}
	n, ok := f.usable(e, path)
	if !ok || !f.expect(e, n, yaml.ScalarNode, path) {
		return p, wrong
	}
	c, ok := f.resolve(n, path)
	switch {
	case !ok:
		return p, wrong
	case c.absent():
		return p, absent
	}
	p.text, p.plain = c.text, !c.referenced
	return p, taken
}

// tagHint says how a text with a ! before it was meant.
func tagHint(n, key *yaml.Node, except bool, tag string) string {
	meant := strings.TrimSpace(strings.TrimPrefix(tag, "!"))
	if n.Kind != yaml.ScalarNode || key == nil || meant == "" || strings.HasPrefix(meant, "!") {
		return "use quotes"
	}
	line := quoteLess(key.Value) + ": " + meant
	if except {
		return `under "except" no ! is needed: ` + line
	}
	return `to leave it out, write it under "except": ` + line
}

// compile makes of the blocks what package route takes.
func (c conditions) compile() []route.Block {
	var blocks []route.Block
	for _, b := range c.blocks {
		var out route.Block
		for _, cond := range b {
			var patterns []route.Pattern
			for _, p := range cond.patterns {
				patterns = append(patterns, p.compile())
			}
			out = append(out, route.Condition{Field: cond.field, Patterns: patterns})
		}
		blocks = append(blocks, out)
	}
	return blocks
}

func (p pattern) compile() route.Pattern {
	if p.null {
		return route.Null()
	}
	return route.ParsePattern(p.text)
}
