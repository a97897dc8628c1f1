package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"botrelay/relay/route"
)

// File is a configuration as far as it can be understood. Whether it may be
// used is said by Problems, after the sinks have decoded their blocks.
type File struct {
	Path    string   // as given to Load
	Sources []Source // in file order
	Sinks   []Sink   // in file order
	Routes  *route.Table

	Listen    string
	TLS       TLS // zero: a proxy in front speaks TLS
	Admin     Admin
	Store     string // a folder, or postgres://…
	Retention Retention
	Shutdown  Shutdown
	Log       Log

	options  Options
	text     sourceText
	root     *yaml.Node
	mappings map[*yaml.Node]*mapping
	contents map[string]fileContent // by path
	masks    map[string]string      // what is behind references → the reference
	problems []Problem
	known    map[Problem]bool
	recorded map[bool]int    // how many problems there are, by Problem.Warning
	spoilt   map[string]bool // paths of values that could not be decoded
	routes   []routeKeys
}

// Options say where Load finds what the file refers to. The zero value reads
// the process's environment and the file system.
type Options struct {
	Getenv      func(name string) (string, bool)
	ReadFile    func(name string) ([]byte, error) // also for the configuration itself
	Mounted     func(name string) bool            // whether a file is a mount of its own
	SkipSecrets bool                              // references are not resolved: placeholders stand for them
}

// TLS is the certificate of a listener, by the paths of its PEM files.
type TLS struct {
	Cert string `key:"cert,required"`
	Key  string `key:"key,required"`
}

// Retention says how long finished events are kept, and in how much room.
type Retention struct {
	Events  time.Duration `key:"events" min:"1s"`
	Dead    time.Duration `key:"dead" min:"1s"`
	MaxDisk Size          `key:"max_disk" min:"1MiB"`
}

// Shutdown says how long the relay still accepts after it was told to end, and
// how long deliveries may then finish.
type Shutdown struct {
	Delay time.Duration `key:"delay"`
	Grace time.Duration `key:"grace" min:"1s"`
}

// Log is the relay's own log on standard error.
type Log struct {
	Level  string `key:"level" oneof:"debug info warn error"`
	Format string `key:"format" oneof:"json text"`
}

// document is the top level of the file.
type document struct {
	Sources   sourceList `key:"sources,required"`
	Sinks     sinkList   `key:"sinks,required"`
	Routes    routeList  `key:"routes,required"`
	Listen    string     `key:"listen" form:"listen"`
	TLS       TLS        `key:"tls"`
	Admin     Admin      `key:"admin"`
	Store     string     `key:"store" form:"store"`
	Retention Retention  `key:"retention"`
	Shutdown  Shutdown   `key:"shutdown"`
	Log       Log        `key:"log"`
}

func defaultDocument() document {
	return document{
		Listen:    ":8080",
		Admin:     Admin{Listen: "127.0.0.1:8484"},
		Store:     "./data",
		Retention: Retention{Events: 7 * day, Dead: 30 * day, MaxDisk: 10 << 30},
		Shutdown:  Shutdown{Grace: 8 * time.Second},
		Log:       Log{Level: "info", Format: "json"},
	}
}

const day = 24 * time.Hour

// Load reads the configuration at path. It never returns nil and never fails
// otherwise than by Problems of the File. It blocks for reading files only.
func Load(path string, o Options) *File {
	f := &File{
		Path: path, options: o.orDefault(),
		mappings: map[*yaml.Node]*mapping{}, contents: map[string]fileContent{},
		masks: map[string]string{}, known: map[Problem]bool{}, recorded: map[bool]int{}, spoilt: map[string]bool{},
	}
	f.set(defaultDocument())
	data, err := f.read(path)
	if err == nil && len(data) > fileLimit {
		err = errTooLarge
	}
	if err != nil {
		f.fault(place{1, 1, 1}, "", "%s", cannotRead(path, err))
		f.compile()
		return f
	}
	if f.parse(string(data)) {
		f.decode()
	}
	f.compile()
	return f
}

func (o Options) orDefault() Options {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = readFile
	}
	if o.Mounted == nil {
		o.Mounted = mountedFile()
	}
	return o
}

func (f *File) set(d document) {
	f.Listen, f.TLS, f.Admin, f.Store, f.Retention, f.Shutdown, f.Log = d.Listen, d.TLS, d.Admin, d.Store, d.Retention, d.Shutdown, d.Log
	f.Sources, f.Sinks, f.routes = d.Sources, d.Sinks, d.Routes
}

// decode reads the tree by the tags of document, and then checks what concerns
// more than one value.
func (f *File) decode() {
	f.warnMount(f.Path, place{1, 1, 1}, "")
	d := defaultDocument()
	f.block(f.root, nil, "").Decode(&d)
	f.set(d)
	f.checkPaths()
	f.checkTLS()
	f.checkAdmin()
	f.link()
	f.warnDisk()
	f.warnUnknown()
}

// Files returns the paths of all files that were read, the configuration's own
// first: when one of them changes, Load would give something else.
func (f *File) Files() []string {
	names := slices.Sorted(maps.Keys(f.contents))
	if i := slices.Index(names, f.Path); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, f.Path)
	}
	return names
}

// Problems returns the faults and warnings in file order. Warnings about the
// whole file are among them only while there is no fault. Without a fault the
// file may be used.
func (f *File) Problems() []Problem {
	all := slices.Clone(f.problems)
	if !f.Faulty() {
		all = append(all, f.wholeFileWarnings()...)
	}
	sortProblems(all)
	last := 0
	for i := range all {
		last = max(last, all[i].Line)
	}
	for i := range all {
		all[i].gutter = len(fmt.Sprint(last))
	}
	return all
}

// Faulty tells whether there is a fault, so that the file cannot be used.
func (f *File) Faulty() bool {
	return f.recorded[false] > 0
}

// fault records what is wrong with the value at path.
func (f *File) fault(at place, path, format string, args ...any) {
	f.spoilt[path] = true
	f.record(at, path, false, format, args...)
}

func (f *File) warn(at place, path, format string, args ...any) {
	f.record(at, path, true, format, args...)
}

// recordLimit is how many faults are kept, and how many warnings: nobody reads
// more, and a hostile file has a hundred thousand.
const recordLimit = 1000

func (f *File) record(at place, path string, warning bool, format string, args ...any) {
	if f.recorded[warning] > recordLimit {
		return
	}
	p := f.problem(at, path, warning, format, args...)
	if f.known[p] {
		return
	}
	if f.recorded[warning]++; f.recorded[warning] > recordLimit {
		p = f.problem(at, "", warning, "there is more to say than is shown here (mend these first)")
	}
	f.known[p] = true
	f.problems = append(f.problems, p)
}

func (f *File) problem(at place, path string, warning bool, format string, args ...any) Problem {
	message, hint := splitHint(fmt.Sprintf(format, args...))
	return Problem{
		File: f.Path, Line: at.line, Col: at.col, Path: path, Message: message, Hint: hint, Warning: warning,
		width: at.width, source: f.text.line(at.line),
	}
}
