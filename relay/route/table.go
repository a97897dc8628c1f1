package route

import (
	"fmt"
	"strings"

	"botrelay/relay"
)

// Rule is one route as the configuration gives it.
type Rule struct {
	Name   string
	Match  []Block // any of them; none: every event that was received
	Except []Block // any of them is left out
	To     []string
}

// Block is a set of conditions that must all hold.
type Block []Condition

// Condition holds if the field's value matches any of the patterns.
type Condition struct {
	Field    string
	Patterns []Pattern
}

// Table is a compiled set of rules. It does not change and may be shared.
type Table struct {
	fields []field // each field that some rule asks for, once
	sinks  []sink  // each sink that some rule names, once
	rules  []rule
}

type sink struct {
	name      string
	unordered bool
}

type rule struct {
	name          string
	match, except []block
	to            []int // indexes into sinks
}

// block is a compiled Block. The conditions on the event's name come first:
// they decide most often.
type block struct {
	byEvent bool // has a condition on event
	all     []condition
}

type condition struct {
	field    int // index into fields
	patterns []Pattern
}

// Compile makes a table of rules, which stay in their order. The error names
// the rule and the field that is none.
func Compile(rules []Rule) (*Table, error) {
	t := &Table{fields: []field{{name: eventField}}}
	c := compiler{table: t, fields: map[string]int{eventField: 0}, sinks: map[string]int{}}
	for _, r := range rules {
		compiled := rule{name: r.Name}
		var err error
		if compiled.match, err = c.blocks(r.Match); err != nil {
			return nil, fmt.Errorf("route %q: match: %w", r.Name, err)
		}
		if compiled.except, err = c.blocks(r.Except); err != nil {
			return nil, fmt.Errorf("route %q: except: %w", r.Name, err)
		}
		for _, name := range r.To {
			compiled.to = append(compiled.to, c.sink(name))
		}
		t.rules = append(t.rules, compiled)
	}
	return t, nil
}

const eventField = "event"

type compiler struct {
	table  *Table
	fields map[string]int
	sinks  map[string]int
}

func (c *compiler) blocks(blocks []Block) ([]block, error) {
	var compiled []block
	for _, b := range blocks {
		var out block
		var others []condition
		for _, cond := range b {
			index, err := c.field(cond.Field)
			if err != nil {
				return nil, err
			}
			if index == 0 {
				out.byEvent = true
				out.all = append(out.all, condition{field: index, patterns: cond.Patterns})
			} else {
				others = append(others, condition{field: index, patterns: cond.Patterns})
			}
		}
		out.all = append(out.all, others...)
		compiled = append(compiled, out)
	}
	return compiled, nil
}

func (c *compiler) field(name string) (int, error) {
	if i, ok := c.fields[name]; ok {
		return i, nil
	}
	f, err := parseField(name)
	if err != nil {
		return 0, err
	}
	i := len(c.table.fields)
	c.table.fields = append(c.table.fields, f)
	c.fields[name] = i
	return i, nil
}

func (c *compiler) sink(name string) int {
	if i, ok := c.sinks[name]; ok {
		return i
	}
	i := len(c.table.sinks)
	c.table.sinks = append(c.table.sinks, sink{name: name})
	c.sinks[name] = i
	return i
}

// Unordered marks sinks whose deliveries are not kept in order: their targets
// have no key. It belongs to making the table, before anybody else has it.
func (t *Table) Unordered(names ...string) {
	for _, name := range names {
		for i := range t.sinks {
			if t.sinks[i].name == name {
				t.sinks[i].unordered = true
			}
		}
	}
}

// Len returns how many rules the table has.
func (t *Table) Len() int { return len(t.rules) }

// Sinks returns the names of all sinks that some rule names, in the order of
// their first naming.
func (t *Table) Sinks() []string {
	names := make([]string, len(t.sinks))
	for i, s := range t.sinks {
		names[i] = s.name
	}
	return names
}

// Targets returns one delivery for each sink that some matching rule names,
// with the first such rule; nil when no rule wants the event. The event must
// have been understood and have its body.
func (t *Table) Targets(ev *relay.Event) []relay.Target {
	m := matcher{table: t, look: lookups{event: ev}, derived: ev.Derived()}
	if len(t.fields) > len(m.fixed) {
		m.values = make([]known, len(t.fields))
	} else {
		m.values = m.fixed[:len(t.fields)]
	}
	var targets []relay.Target
	var chosen sinkSet
	for i := range t.rules {
		r := &t.rules[i]
		if !chosen.lacksAny(r.to) || !m.matches(r) {
			continue
		}
		for _, index := range r.to {
			if chosen.add(index) {
				targets = append(targets, t.target(ev, index, r.name))
			}
		}
	}
	return targets
}

func (t *Table) target(ev *relay.Event, index int, route string) relay.Target {
	target := relay.Target{Sink: t.sinks[index].name, Route: route}
	if !t.sinks[index].unordered {
		target.Key = ev.OrderKey()
	}
	return target
}

// matcher evaluates the rules of a table for one event.
type matcher struct {
	table   *Table
	look    lookups
	derived bool
	values  []known
	fixed   [16]known // saves an allocation for all but unusual tables
}

// known is a value once it has been looked up.
type known struct {
	value
	looked bool
}

func (m *matcher) value(field int) value {
	k := &m.values[field]
	if !k.looked {
		*k = known{value: m.look.value(m.table.fields[field]), looked: true}
	}
	return k.value
}

func (m *matcher) matches(r *rule) bool {
	if len(r.match) == 0 {
		if m.derived {
			return false
		}
	} else if !m.any(r.match, false) {
		return false
	}
	return !m.any(r.except, true)
}

// any tells whether one of the blocks holds. A block without a condition on
// the event's name holds for events that were received; in except also for
// those that the relay made.
func (m *matcher) any(blocks []block, except bool) bool {
	for i := range blocks {
		b := &blocks[i]
		if m.derived && !b.byEvent && !except {
			continue
		}
		if m.all(b) {
			return true
		}
	}
	return false
}

func (m *matcher) all(b *block) bool {
	for i := range b.all {
		if !m.holds(&b.all[i]) {
			return false
		}
	}
	return true
}

func (m *matcher) holds(c *condition) bool {
	v := m.value(c.field)
	for i := range c.patterns {
		p := &c.patterns[i]
		if c.field == 0 && m.derived && !strings.HasPrefix(p.text, relay.DerivedPrefix) {
			continue
		}
		if p.matchValue(v) {
			return true
		}
	}
	return false
}

// sinkSet is a set of sink indexes, without an allocation for the first 64.
type sinkSet struct {
	low  uint64
	high map[int]bool
}

func (s *sinkSet) has(i int) bool {
	if i < 64 {
		return s.low&(1<<i) != 0
	}
	return s.high[i]
}

func (s *sinkSet) lacksAny(indexes []int) bool {
	for _, i := range indexes {
		if !s.has(i) {
			return true
		}
	}
	return false
}

// add reports whether i is new.
func (s *sinkSet) add(i int) bool {
	if s.has(i) {
		return false
	}
	if i < 64 {
		s.low |= 1 << i
		return true
	}
	if s.high == nil {
		s.high = map[int]bool{}
	}
	s.high[i] = true
	return true
}
