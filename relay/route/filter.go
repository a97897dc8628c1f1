package route

import (
	"slices"

	"botrelay/relay"
)

// Filter selects stored events for a person who looks for them: all of its
// conditions must hold. Unlike in a rule, a pattern matches the relay's own
// events as it does any other. A Filter does not change and may be shared; the
// zero Filter selects everything.
type Filter struct {
	fields     []field
	conditions []condition
}

// NewFilter makes a Filter. The error is that of [ParseField].
func NewFilter(conditions []Condition) (*Filter, error) {
	f := &Filter{}
	for _, c := range conditions {
		parsed, err := parseField(c.Field)
		if err != nil {
			return nil, err
		}
		f.conditions = append(f.conditions, condition{field: len(f.fields), patterns: c.Patterns})
		f.fields = append(f.fields, parsed)
	}
	return f, nil
}

// Matches tells whether all conditions hold. An event that was not understood
// has no fields but source and id. The event needs its body if the Filter does.
func (f *Filter) Matches(ev *relay.Event) bool {
	look := lookups{event: ev}
	for _, c := range f.conditions {
		v := look.value(f.fields[c.field])
		if !slices.ContainsFunc(c.patterns, func(p Pattern) bool { return p.matchValue(v) }) {
			return false
		}
	}
	return true
}

// NeedsBody tells whether a condition asks for data.*, which is read from the
// body.
func (f *Filter) NeedsBody() bool {
	return slices.ContainsFunc(f.fields, field.inBody)
}

// Headers is the Filter without the conditions that need the body.
func (f *Filter) Headers() *Filter {
	h := &Filter{fields: f.fields}
	for _, c := range f.conditions {
		if !f.fields[c.field].inBody() {
			h.conditions = append(h.conditions, c)
		}
	}
	return h
}

// inBody tells whether the field is read from the body.
func (f field) inBody() bool { return f.name == "data" }
