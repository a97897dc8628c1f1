package config

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Block is one mapping of the file together with where it stands. What is wrong
// with it is recorded in the File that it belongs to. A Block is for the
// goroutine that loads; a nil *Block is an absent one.
type Block struct {
	file     *File
	node     *yaml.Node // a mapping
	key      *yaml.Node // of the mapping that holds the block; nil if there is none
	path     string
	optionOf string // the type of the sink whose options in a route these are
}

func (f *File) block(n, key *yaml.Node, path string) *Block {
	return &Block{file: f, node: n, key: key, path: path}
}

// Decode reads the block into a struct by the tags of its fields:
//
//	key:"token"            the key; an embedded struct's keys count as the block's own,
//	                       a field without the tag is left alone
//	key:"token,required"   must be there, a list with at least one entry
//	oneof:"bot none"       the texts that are accepted
//	min:"1"                the least number, duration or size
//	form:"url"             url: http or https with a host; signing: see CheckSigningSecret
//	placeholder:"C0123456" stands for a text with a reference when secrets are skipped
//
// A field is a string, bool, int, time.Duration, Size, Rate or Secret; []string
// or []Secret, for which a single value may stand; map[string]string; a struct
// or a pointer to one, which stays nil where the key is absent; or *Block, a
// part to be decoded later. What is absent, and what resolves to nothing by the
// default of a reference, leaves the field as it was.
//
// Faults are recorded, not returned: unknown keys, wrong forms, keys that are
// there twice, tags, missing values. Fields with a fault stay as they were. A
// type that is not in the list above is a programmer's error and panics.
func (b *Block) Decode(into any) {
	if b == nil {
		return
	}
	b.file.decodeStruct(b, into)
}

// Errorf records a fault at the value of key; "a.b" reaches inside, "a[1]" is
// an entry of a list, "" is the block itself. If there is no such key, it
// stands at the deepest one that there is. The message is put behind path and
// place; a remark in brackets at its end is the hint. Texts that came from a
// reference are shown as that reference. %w is not for it: use %v.
//
// A value in which Decode has found a fault already is not complained about
// again, so that the fields of a struct can be checked without asking which of
// them were set.
func (b *Block) Errorf(key, format string, args ...any) {
	if b == nil {
		return
	}
	at, path := b.locate(key)
	if key == "" || !b.file.spoilt[path] {
		b.file.record(at, path, false, format, b.file.masked(args)...)
	}
}

// Warnf records a warning, as Errorf does a fault.
func (b *Block) Warnf(key, format string, args ...any) {
	if b != nil {
		at, path := b.locate(key)
		b.file.warn(at, path, format, b.file.masked(args)...)
	}
}

// Has tells whether key is in the block, whatever its value.
func (b *Block) Has(key string) bool {
	if b == nil {
		return false
	}
	_, ok := b.file.readMapping(b.node).find(key)
	return ok
}

// Keys returns the keys of the block, in file order, those of merges last.
func (b *Block) Keys() []string {
	if b == nil {
		return nil
	}
	var keys []string
	for _, e := range b.file.readMapping(b.node).entries {
		keys = append(keys, e.key.Value)
	}
	return keys
}

// ReadFile returns the content of the file whose path is the value of key, as
// the struct has it after Decode. ok is false if there is nothing to use: the
// file cannot be read, which is recorded as a fault, or secrets are skipped.
func (b *Block) ReadFile(key, name string) (data []byte, ok bool) {
	if b == nil || b.file.options.SkipSecrets {
		return nil, false
	}
	at, path := b.locate(key)
	data, err := b.file.read(name)
	if err != nil {
		b.file.fault(at, path, "%s", cannotRead(b.file.mask(name), err))
		return nil, false
	}
	b.file.warnMount(name, at, path)
	return data, true
}

// place is where the block itself is: its name if it has one.
func (b *Block) place() place {
	if b.key != nil {
		return b.file.text.at(b.key)
	}
	return b.file.text.at(b.node)
}

// locate finds the value that a key names, or the deepest one on the way. The
// path is that of the key asked for, whether it is there or not.
func (b *Block) locate(key string) (place, string) {
	if key == "" {
		return b.place(), b.path
	}
	at, n, rest := b.place(), b.node, key
	for rest != "" && n.Kind == yaml.MappingNode {
		e, after, ok := b.step(n, rest)
		if !ok {
			break
		}
		rest = after
		at, n = b.file.valuePlace(e), follow(e.value)
		for strings.HasPrefix(rest, "[") && n.Kind == yaml.SequenceNode {
			digits, behind, _ := strings.Cut(rest[1:], "]")
			i, err := strconv.Atoi(digits)
			if err != nil || i < 0 || i >= len(n.Content) {
				break
			}
			at, n, rest = b.file.text.at(n.Content[i]), follow(n.Content[i]), behind
		}
		rest = strings.TrimPrefix(rest, ".")
	}
	return at, join(b.path, key)
}

// step finds the entry of a mapping that the front of a path names. Keys may
// contain dots: the longest that fits is taken.
func (b *Block) step(n *yaml.Node, path string) (e entry, rest string, ok bool) {
	m := b.file.readMapping(n)
	for end := len(path); end > 0; end-- {
		if end < len(path) && path[end] != '.' && path[end] != '[' {
			continue
		}
		if e, ok := m.find(path[:end]); ok {
			return e, path[end:], true
		}
	}
	return entry{}, path, false
}

// valuePlace is where a message about a value points: to the value, or to its
// key where the value is a block of lines below it or nothing at all.
func (f *File) valuePlace(e entry) place {
	value := follow(e.value)
	switch {
	case value.Kind == yaml.ScalarNode && e.value.Kind == yaml.ScalarNode && value.Value == "" && value.Style == 0:
		return f.text.at(e.key)
	case value.Kind != yaml.ScalarNode && e.value.Kind != yaml.AliasNode && value.Style&yaml.FlowStyle == 0:
		return f.text.at(e.key)
	}
	return f.text.at(e.value)
}

// join puts a key behind a path.
func join(path, key string) string {
	if len(key) > quoteLimit {
		key = quote(key)
	}
	for _, r := range key {
		if r <= ' ' || r == ':' || r > '~' {
			key = quote(key)
			break
		}
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// indexed puts the number of a list's entry behind a path.
func indexed(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
