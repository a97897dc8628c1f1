package config

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Sink is a destination as the file names it. Its keys are decoded by the sink
// of its Type.
type Sink struct {
	Name string
	Type string // empty if the file does not say it, which is a fault
	// Block is the sink's own part, type included: its Options embed SinkCommon.
	// It is nil where the file has no block, which is a fault.
	Block *Block
	// Routes are the options that routes give this sink, by the route's name. A
	// sink type without options decodes them into an empty struct, so that they
	// are refused.
	Routes map[string]*Block
}

// SinkCommon are the keys that every sink has. Options embed it.
type SinkCommon struct {
	Type        string        `key:"type"`
	Order       string        `key:"order" oneof:"bot none"` // bot: a bot's events one after another
	Concurrency int           `key:"concurrency" min:"1"`    // deliveries in flight
	Rate        Rate          `key:"rate"`                   // zero is no limit
	Timeout     time.Duration `key:"timeout" min:"1ms"`      // for one attempt
	Retry       Retry         `key:"retry"`
}

// Retry says how long a failing delivery is tried.
type Retry struct {
	GiveUpAfter time.Duration `key:"give_up_after" min:"1s"` // counted over what it has waited after failures of its own
	MaxBackoff  time.Duration `key:"max_backoff" min:"1s"`   // the longest wait between two attempts
}

// The values of SinkCommon.Order.
const (
	OrderBot  = "bot"
	OrderNone = "none"
)

// DefaultSinkCommon are the defaults, which a type may change before it decodes.
func DefaultSinkCommon() SinkCommon {
	return SinkCommon{
		Order: OrderBot, Concurrency: 16, Timeout: 15 * time.Second,
		Retry: Retry{GiveUpAfter: 72 * time.Hour, MaxBackoff: 15 * time.Minute},
	}
}

// HasTemplate tells whether a text is meant as a template.
func HasTemplate(text string) bool { return strings.Contains(text, "{{") }

type sinkList []Sink

func (l *sinkList) decodeNode(f *File, n, key *yaml.Node, path string) {
	f.eachNamed(n, key, path, func(name string, b *Block) {
		*l = append(*l, Sink{Name: name, Type: b.sinkType(), Block: b, Routes: map[string]*Block{}})
	})
}

// sinkType reads the key on which the meaning of all others depends. Empty: it
// is missing or faulty, which is recorded here or when the block is decoded.
func (b *Block) sinkType() string {
	if b == nil {
		return ""
	}
	e, ok := b.file.readMapping(b.node).find("type")
	if !ok {
		b.Errorf("", "needs type")
		return ""
	}
	path := join(b.path, "type")
	n, ok := b.file.usable(e, path)
	if !ok || !b.file.expect(e, n, yaml.ScalarNode, path) {
		return ""
	}
	if strings.Contains(n.Value, "${") {
		b.Errorf("type", "the type is written out; a reference cannot stand for it")
		return ""
	}
	return n.Value
}

// unordered tells whether the sink has order: none. What is wrong with the
// value is recorded when the block is decoded.
func (b *Block) unordered() bool {
	if b == nil {
		return false
	}
	e, ok := b.file.readMapping(b.node).find("order")
	if !ok {
		return false
	}
	n := follow(e.value)
	if n.Kind != yaml.ScalarNode {
		return false
	}
	c, ok := b.file.resolve(n, join(b.path, "order"))
	return ok && c.text == OrderNone
}

func (f *File) sink(name string) *Sink {
	for i := range f.Sinks {
		if f.Sinks[i].Name == name {
			return &f.Sinks[i]
		}
	}
	return nil
}

func (f *File) sinkNames() []string {
	var names []string
	for _, s := range f.Sinks {
		names = append(names, s.Name)
	}
	return names
}
