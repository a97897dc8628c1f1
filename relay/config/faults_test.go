package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is printed into testdata/faults; read it before you commit it")

// logKeys and kafkaKeys are sinks' keys for the tests: package sinks has the
// real ones.
type logKeys struct {
	SinkCommon
	Body bool `key:"body"`
}

type kafkaKeys struct {
	SinkCommon
	Brokers []string          `key:"brokers,required"`
	Topic   string            `key:"topic,required"`
	Key     string            `key:"key"`
	Labels  map[string]string `key:"labels"`
	Sign    *signKeys         `key:"sign"`
	URL     string            `key:"url" form:"url"`
	Hook    Secret            `key:"hook" form:"url"`
	Body    *Block            `key:"body"`
}

type signKeys struct {
	Secrets []Secret `key:"secrets,required" form:"signing"`
}

type kafkaOptions struct {
	Topic string `key:"topic"`
	Key   string `key:"key"`
}

// decodeSinks does what package sinks does with its table of types.
func decodeSinks(f *File) {
	for _, s := range f.Sinks {
		switch s.Type {
		case "":
		case "log":
			s.Block.Decode(&logKeys{SinkCommon: DefaultSinkCommon()})
			for _, options := range s.Routes {
				options.Decode(&struct{}{})
			}
		case "slack":
			s.Block.Decode(&slackKeys{SinkCommon: DefaultSinkCommon()})
		case "kafka":
			s.Block.Decode(&kafkaKeys{SinkCommon: DefaultSinkCommon()})
			for _, options := range s.Routes {
				options.Decode(&kafkaOptions{})
			}
		default:
			s.Block.Errorf("type", "unknown type %q", s.Type)
		}
	}
}

// TestFaults loads each file of testdata/faults and compares all that is said
// about it. Lines in front of the file make its surroundings: env NAME=VALUE,
// file PATH=CONTENT, deny PATH, mount PATH, skip.
func TestFaults(t *testing.T) {
	names, err := filepath.Glob("testdata/faults/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no test files", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			front, rest, _ := strings.Cut(string(data), "-- config.yaml --\n")
			text, want, _ := strings.Cut(rest, "-- problems --\n")
			f := load(text, surroundings(front))
			decodeSinks(f)
			got := printed(f.Problems())
			if *update {
				all := front + "-- config.yaml --\n" + text + "-- problems --\n" + got
				if err := os.WriteFile(name, []byte(all), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func surroundings(comment string) world {
	w := world{env: map[string]string{}, files: map[string]string{}, mounts: map[string]bool{}}
	for line := range strings.Lines(comment) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		name, value, _ := strings.Cut(rest, "=")
		value = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(value)
		switch word {
		case "env":
			w.env[name] = value
		case "file":
			w.files[name] = value
		case "deny":
			w.denied = name
		case "mount":
			w.mounts[rest] = true
		case "skip":
			w.skip = true
		}
	}
	return w
}
