package config

import (
	"gopkg.in/yaml.v3"

	"botrelay/relay/route"
)

// routeKeys is one route as the file has it.
type routeKeys struct {
	Name   string     `key:"name,required" form:"routename"`
	Match  conditions `key:"match"`
	Except conditions `key:"except"`
	To     targetList `key:"to,required"`

	block *Block
}

type routeList []routeKeys

func (l *routeList) decodeNode(f *File, n, key *yaml.Node, path string) {
	if !f.expect(entry{key, n}, n, yaml.SequenceNode, path) {
		return
	}
	if len(n.Content) == 0 {
		f.fault(f.text.at(n), path, "there is none; one is needed at least")
	}
	for i, value := range n.Content {
		at := indexed(path, i)
		one := entry{value: value}
		item, ok := f.usable(one, at)
		if !ok || !f.expect(one, item, yaml.MappingNode, at) {
			continue
		}
		r := routeKeys{block: f.block(item, nil, at), Except: conditions{except: true}}
		r.block.Decode(&r)
		*l = append(*l, r)
	}
}

// target is one sink that a route sends to.
type target struct {
	sink    string
	path    string
	node    *yaml.Node // where the name stands
	options *Block     // for this route; nil if there are none
	skipped bool       // the name is behind a reference that is not resolved
}

type targetList []target

func (l *targetList) decodeNode(f *File, n, key *yaml.Node, path string) {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		f.fault(f.text.at(n), path, "the list is empty; it needs one entry at least")
		return
	}
	good := true
	for i, one := range f.list(entry{key, n}, n) {
		at := path
		if n.Kind == yaml.SequenceNode {
			at = indexed(path, i)
		}
		t, became := f.target(one, at)
		if became == taken {
			*l = append(*l, t)
		}
		good = good && became != wrong
	}
	if good && len(*l) == 0 {
		f.fault(f.text.at(n), path, everyEntryEmpty)
	}
	seen := map[string]bool{}
	for _, t := range *l {
		if seen[t.sink] {
			f.fault(f.text.at(t.node), t.path, "%s is in this list twice", quote(f.mask(t.sink)))
		}
		seen[t.sink] = true
	}
}

// target reads NAME or NAME: {options}.
func (f *File) target(e entry, path string) (target, outcome) {
	n, ok := f.usable(e, path)
	switch {
	case !ok:
		return target{}, wrong
	case n.Kind == yaml.ScalarNode:
		c, ok := f.resolve(n, path)
		switch {
		case !ok:
			return target{}, wrong
		case c.absent():
			return target{}, absent
		}
		return target{sink: c.text, path: path, node: n, skipped: c.skipped}, taken
	case n.Kind == yaml.SequenceNode:
		f.fault(f.text.at(n), path, "a sink is expected here, not a list")
		return target{}, wrong
	}
	m := f.mapping(n, path)
	if len(m.entries) != 1 {
		f.fault(f.text.at(n), path, "one sink is expected here: NAME, or NAME: {options for this route}")
		return target{}, wrong
	}
	one := m.entries[0]
	name := one.key.Value
	at := join(path, name)
	options, ok := f.usable(one, at)
	if !ok || !f.expect(one, options, yaml.MappingNode, at) {
		return target{}, wrong
	}
	b := f.block(options, one.key, at)
	return target{sink: name, path: path, node: one.key, options: b}, taken
}

// link checks the names that routes use, and gives each sink the options that
// routes have for it.
func (f *File) link() {
	names := map[string]bool{}
	for i := range f.routes {
		r := &f.routes[i]
		if r.Name != "" && names[r.Name] {
			r.block.Errorf("name", "two routes are called %s", quote(r.Name))
		}
		names[r.Name] = true
		for j := range r.To {
			f.linkTarget(r, &r.To[j])
		}
	}
}

func (f *File) linkTarget(r *routeKeys, t *target) {
	if t.skipped {
		return
	}
	s := f.sink(t.sink)
	if s == nil {
		f.fault(f.text.at(t.node), t.path, "unknown sink %s%s", quote(f.mask(t.sink)), didYouMean(t.sink, f.sinkNames()))
		return
	}
	if t.options != nil {
		t.options.optionOf = s.Type
		s.Routes[r.Name] = t.options
	}
}

// compile makes the table of the routes. Of a faulty file it is empty.
func (f *File) compile() {
	var rules []route.Rule
	if !f.Faulty() {
		for _, r := range f.routes {
			rule := route.Rule{Name: r.Name, Match: r.Match.compile(), Except: r.Except.compile()}
			for _, t := range r.To {
				if !t.skipped {
					rule.To = append(rule.To, t.sink)
				}
			}
			rules = append(rules, rule)
		}
	}
	table, err := route.Compile(rules)
	if err != nil {
		// ParseField has accepted each name, so that this is not the user's fault.
		f.fault(place{1, 1, 1}, "routes", "%v", err)
		table, _ = route.Compile(nil)
	}
	for _, s := range f.Sinks {
		if s.Block.unordered() {
			table.Unordered(s.Name)
		}
	}
	f.Routes = table
}
