package config

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Limits on what a file may unfold to. They are far above any real file; they
// keep a few lines of nested aliases from filling the memory.
const (
	maxValues = 100_000
	maxDepth  = 100
)

// entry is one key of a mapping with its value.
type entry struct {
	key   *yaml.Node // a scalar
	value *yaml.Node // may be an alias
}

// mapping is a mapping with its merge keys (<<) worked in: its own keys in file
// order, then those that only a merge brings.
type mapping struct {
	entries []entry
	index   map[string]int
	faults  []nodeFault
}

type nodeFault struct {
	node    *yaml.Node
	message string
}

func (m *mapping) find(key string) (entry, bool) {
	if i, ok := m.index[key]; ok {
		return m.entries[i], true
	}
	return entry{}, false
}

// follow returns what an alias stands for. [unfolds] has made sure that no
// alias contains itself.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// mapping returns the keys of a mapping node; its faults are recorded once for
// each path that leads to it.
func (f *File) mapping(n *yaml.Node, path string) *mapping {
	m := f.readMapping(n)
	for _, fault := range m.faults {
		f.fault(f.text.at(fault.node), path, "%s", fault.message)
	}
	return m
}

func (f *File) readMapping(n *yaml.Node) *mapping {
	if m, ok := f.mappings[n]; ok {
		return m
	}
	m := &mapping{index: make(map[string]int, len(n.Content)/2)}
	f.mappings[n] = m
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := follow(n.Content[i]), n.Content[i+1]
		switch first, twice := m.find(key.Value); {
		case key.Kind != yaml.ScalarNode:
			m.faults = append(m.faults, nodeFault{n.Content[i], "a key must be text"})
		case key.Tag == "!!merge":
			merges = append(merges, value)
		case twice:
			m.faults = append(m.faults, nodeFault{key,
				fmt.Sprintf("%s is here twice (first in line %d)", quote(key.Value), first.key.Line)})
		default:
			if strings.Contains(key.Value, "${") {
				m.faults = append(m.faults, nodeFault{key, "a reference stands in values only, not in a key"})
			}
			m.index[key.Value] = len(m.entries)
			m.entries = append(m.entries, entry{key, value})
		}
	}
	for _, merge := range merges {
		f.merge(m, merge)
	}
	return m
}

// merge adds the keys that are not there yet, from one mapping or from several
// of which the first wins.
func (f *File) merge(m *mapping, from *yaml.Node) {
	target := follow(from)
	switch target.Kind {
	case yaml.MappingNode:
		other := f.readMapping(target)
		for _, e := range other.entries {
			if _, ok := m.index[e.key.Value]; !ok {
				m.index[e.key.Value] = len(m.entries)
				m.entries = append(m.entries, e)
			}
		}
		m.faults = append(m.faults, other.faults...)
	case yaml.SequenceNode:
		for _, one := range target.Content {
			if follow(one).Kind == yaml.SequenceNode {
				m.faults = append(m.faults, nodeFault{one, mergeMessage})
				continue
			}
			f.merge(m, one)
		}
	default:
		m.faults = append(m.faults, nodeFault{from, mergeMessage})
	}
}

const mergeMessage = "<< takes a block of keys, or a list of them"

// extent is what a node becomes once its aliases are followed.
type extent struct{ values, height int }

// unfolding measures the nodes of a tree, each of them once.
type unfolding struct {
	known   map[*yaml.Node]extent
	open    map[*yaml.Node]bool
	culprit *yaml.Node
	message string
}

// tooBig returns the node at which a tree becomes too big, too deep or endless,
// and what to say about it; nil if it does not.
func tooBig(root *yaml.Node) (*yaml.Node, string) {
	u := unfolding{known: map[*yaml.Node]extent{}, open: map[*yaml.Node]bool{}}
	u.measure(root, 0)
	return u.culprit, u.message
}

func (u *unfolding) stop(n *yaml.Node, message string) {
	if u.culprit == nil {
		u.culprit, u.message = n, message
	}
}

func (u *unfolding) measure(n *yaml.Node, depth int) extent {
	e, ok := u.known[n]
	switch {
	case u.open[n]:
		u.stop(n, "an alias here contains itself")
	case depth+e.height > maxDepth:
		u.stop(n, fmt.Sprintf("nested more than %d deep", maxDepth))
	}
	if ok || u.culprit != nil {
		return e
	}
	u.open[n] = true
	e = extent{values: 1}
	children := n.Content
	if n.Kind == yaml.AliasNode {
		children = []*yaml.Node{n.Alias}
	}
	for _, child := range children {
		c := u.measure(child, depth+1)
		e.values += c.values
		e.height = max(e.height, c.height+1)
		if e.values > maxValues {
			u.stop(child, fmt.Sprintf("with its aliases the file has more than %d values", maxValues))
		}
		if u.culprit != nil {
			return e
		}
	}
	delete(u.open, n)
	u.known[n] = e
	return e
}
