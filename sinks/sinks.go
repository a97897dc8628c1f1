package sinks

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/sinks/httpsink"
	"botrelay/sinks/kafkasink"
	"botrelay/sinks/logsink"
	"botrelay/sinks/slacksink"
)

// Deps are what sinks work with. A sink uses what it needs of them.
type Deps struct {
	// Stdout is for sinks of type log. Each line is one Write; Writes of two
	// Plans, as there are during a reload, must not mix, as those of an *os.File
	// do not.
	Stdout  io.Writer
	Reader  relay.Reader
	Memory  relay.Memory
	Version string // of the relay
	Logger  *slog.Logger
	Mark    string // leads every message for people, e.g. DEMO; usually empty
	// Slack is what the Slack sinks of all Plans of a process share; nil is one
	// for each sink.
	Slack *slacksink.Accounts
}

// sinkType is one line of the table.
type sinkType struct {
	name string
	// read decodes the block of a sink and the options that routes give it.
	// Faults are recorded in the blocks. maker is not called after a fault.
	read func(name string, b *config.Block, routes map[string]*config.Block) (read, maker)
}

// read is what is known of a sink once its block is read.
type read struct {
	config.SinkCommon
	where string // where it goes, for people: without secrets
}

// maker makes a sink; it may open files and connections.
type maker func(making) (relay.Sink, error)

// making is what the sinks of one Plan are made with.
type making struct {
	Deps
	lines *logsink.Writer // to Stdout, shared by the sinks of type log
}

// table lists the types in the order in which messages name them.
func table() []sinkType {
	return []sinkType{
		{"slack", func(name string, b *config.Block, routes map[string]*config.Block) (read, maker) {
			o := slacksink.Configure(b, routes)
			return read{o.SinkCommon, slackWhere(o)}, func(m making) (relay.Sink, error) {
				return slacksink.New(name, o, slacksink.Deps{Reader: m.Reader, Logger: m.Logger, Version: m.Version, Mark: m.Mark, Accounts: m.Slack})
			}
		}},
		{"kafka", func(name string, b *config.Block, routes map[string]*config.Block) (read, maker) {
			o := kafkasink.Configure(b, routes)
			return read{o.SinkCommon, "topic " + o.Topic}, func(making) (relay.Sink, error) { return kafkasink.New(name, o) }
		}},
		{"http", func(_ string, b *config.Block, routes map[string]*config.Block) (read, maker) {
			o := httpsink.Configure(b, routes)
			return read{o.SinkCommon, originOf(o.URL)}, func(m making) (relay.Sink, error) { return httpsink.New(o, m.Version) }
		}},
		{"log", func(_ string, b *config.Block, routes map[string]*config.Block) (read, maker) {
			o := logsink.Configure(b, routes)
			return read{o.SinkCommon, "standard output"}, func(m making) (relay.Sink, error) { return logsink.New(o, m.lines), nil }
		}},
		{"discard", func(_ string, b *config.Block, routes map[string]*config.Block) (read, maker) {
			o := logsink.ConfigureDiscard(b, routes)
			return read{o.SinkCommon, "nowhere"}, func(making) (relay.Sink, error) { return logsink.Discard{}, nil }
		}},
	}
}

// Plan is what the sinks of a file shall be. It holds nothing open.
type Plan struct {
	sinks []planned
}

type planned struct {
	name, kind string
	read       read
	make       maker
}

// NewPlan decodes every sink of file and what routes say over it. Faults go
// to the file's Problems; with one, the Plan is not for use. It touches nothing
// but files that the configuration names, and may be called once for a file.
func NewPlan(file *config.File) *Plan {
	types := table()
	p := &Plan{}
	for _, s := range file.Sinks {
		if s.Block == nil || s.Type == "" {
			continue // config has said so
		}
		t, ok := find(types, s.Type)
		if !ok {
			s.Block.Errorf("type", "%s", unknownType(s.Type, types))
			continue
		}
		read, maker := t.read(s.Name, s.Block, s.Routes)
		p.sinks = append(p.sinks, planned{s.Name, s.Type, read, maker})
	}
	return p
}

func find(types []sinkType, name string) (sinkType, bool) {
	for _, t := range types {
		if t.name == name {
			return t, true
		}
	}
	return sinkType{}, false
}

// Make makes the sinks, in file order. On an error it closes those that it has
// made. The caller owns the result: see [Close].
func (p *Plan) Make(deps Deps) ([]relay.Destination, error) {
	with := making{deps, logsink.NewWriter(deps.Stdout)}
	var made []relay.Destination
	for _, s := range p.sinks {
		sink, err := s.make(with)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make sink %s: %w", s.name, err), Close(made))
		}
		made = append(made, destination(s.name, sink, s.read.SinkCommon))
	}
	return made, nil
}

func destination(name string, sink relay.Sink, c config.SinkCommon) relay.Destination {
	return relay.Destination{
		Name: name, Sink: sink,
		Concurrency: c.Concurrency, Rate: relay.Rate{Events: c.Rate.Events, Per: c.Rate.Per}, Timeout: c.Timeout,
		GiveUpAfter: c.Retry.GiveUpAfter, MaxBackoff: c.Retry.MaxBackoff,
	}
}

// Close closes the sinks that hold something, after their last Send. A sink
// may be closed more than once.
func Close(made []relay.Destination) error {
	var errs []error
	for _, d := range made {
		if c, ok := d.Sink.(io.Closer); ok {
			if err := c.Close(); err != nil {
				errs = append(errs, fmt.Errorf("close sink %s: %w", d.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// unknownType says which types there are, and the one that was probably meant.
func unknownType(name string, types []sinkType) string {
	var names []string
	near, least := "", len(name)
	for _, t := range types {
		names = append(names, t.name)
		if d := distance(strings.ToLower(name), t.name); d < least && d <= len(t.name)/2 {
			near, least = t.name, d
		}
	}
	if near != "" {
		return fmt.Sprintf("unknown sink type %.40q (did you mean %q?)", name, near)
	}
	return fmt.Sprintf("unknown sink type %.40q (%s)", name, strings.Join(names, " "))
}

// distance counts the letters to insert, delete or replace between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			best := diagonal
			if a[i] != b[j] {
				best = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], best
		}
	}
	return row[len(b)]
}
