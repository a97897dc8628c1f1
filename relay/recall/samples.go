package recall

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed samples/*.json
var samples embed.FS

// Sample is a made-up body of one event, as it would be received.
type Sample struct {
	Name string // of the body: the event's name, often with what is special about it
	Body []byte // the caller's own
}

// Samples returns sample bodies of all shapes, sorted by name: current ones,
// legacy ones (legacy.…), those of the events that the relay makes itself
// (botrelay.…), and ones with something odd about them that are to be understood
// all the same (odd.…).
func Samples() []Sample {
	files, err := fs.Glob(samples, "samples/*.json")
	if err != nil {
		panic(err) // a malformed pattern
	}
	all := make([]Sample, 0, len(files))
	for _, file := range files {
		body, err := samples.ReadFile(file)
		if err != nil {
			panic(err) // embedded, so it is there
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, "samples/"), ".json")
		all = append(all, Sample{Name: name, Body: body})
	}
	slices.SortFunc(all, func(a, b Sample) int { return strings.Compare(a.Name, b.Name) })
	return all
}
