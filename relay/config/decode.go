package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// nodeDecoder is a value that reads a form of its own. n is never an alias,
// a tagged or an empty value.
type nodeDecoder interface {
	decodeNode(f *File, n, key *yaml.Node, path string)
}

// field is one field of a struct, as its tags describe it.
type field struct {
	key         string
	required    bool
	oneof       []string
	min, max    string
	form        string
	placeholder string
	index       []int
}

// fieldsOf lists the fields of a struct that have a key, those of embedded
// structs in their place.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			for _, inner := range fieldsOf(sf.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		tag, ok := sf.Tag.Lookup("key")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		fields = append(fields, field{
			key: name, required: option == "required", oneof: strings.Fields(sf.Tag.Get("oneof")),
			min: sf.Tag.Get("min"), max: sf.Tag.Get("max"), form: sf.Tag.Get("form"), placeholder: sf.Tag.Get("placeholder"),
			index: []int{i},
		})
	}
	return fields
}

func (f *File) decodeStruct(b *Block, into any) {
	v := reflect.ValueOf(into).Elem()
	fields := fieldsOf(v.Type())
	m := f.mapping(b.node, b.path)
	for _, e := range m.entries {
		i := slices.IndexFunc(fields, func(fd field) bool { return fd.key == e.key.Value })
		switch {
		case i >= 0:
			f.decodeValue(e, join(b.path, e.key.Value), fields[i], v.FieldByIndex(fields[i].index))
		case b.key == nil && b.path == "" && strings.HasPrefix(e.key.Value, "x-"):
		default:
			f.unknownKey(b, e.key, fields)
		}
	}
	for _, fd := range fields {
		if _, ok := m.find(fd.key); fd.required && !ok {
			f.fault(b.place(), b.path, "needs %s", fd.key)
		}
	}
}

func (f *File) unknownKey(b *Block, key *yaml.Node, fields []field) {
	var known []string
	for _, fd := range fields {
		known = append(known, fd.key)
	}
	at := f.text.at(key)
	if b.optionOf == "" {
		f.fault(at, b.path, "unknown key %s%s", quote(key.Value), didYouMean(key.Value, known))
		return
	}
	options := ""
	if len(known) > 0 {
		options = " (" + strings.Join(known, " ") + ")"
	}
	f.fault(at, b.path, "%s is not an option of %s %s sink%s", quoteLess(key.Value), article(b.optionOf), b.optionOf, options)
}

func article(word string) string {
	if word != "" && strings.ContainsRune("aeiou", rune(word[0])) {
		return "an"
	}
	return "a"
}

// usable follows an alias and refuses what no value may be: tagged, empty, or a
// template that YAML took for a mapping.
func (f *File) usable(e entry, path string) (*yaml.Node, bool) {
	n := follow(e.value)
	if f.isTagged(n) {
		f.fault(f.text.at(n), path, "%s is a YAML tag, not text (use quotes)", token(f.tagText(n)))
		return nil, false
	}
	if n.Kind == yaml.MappingNode && f.text.written(n, "{{") {
		f.fault(f.text.at(n), path, `a template needs "quotes"`)
		return nil, false
	}
	if isNull(n) {
		f.noValue(e, path, "")
		return nil, false
	}
	return n, true
}

// isTagged tells whether a value has a tag. A lone ! leaves no trace but in the
// text.
func (f *File) isTagged(n *yaml.Node) bool {
	return n.Style&yaml.TaggedStyle != 0 || f.text.written(n, "!")
}

// tagText is a tag as it is written, with the text behind it, which may be a
// secret: without it where the key is not known to hold none.
func (f *File) tagText(n *yaml.Node) string {
	p := f.text.at(n)
	text := []rune(f.text.from(p.line, p.col))
	if len(text) == 0 || text[0] != '!' {
		return quoteLess(n.Tag)
	}
	return quoteLess(string(text[:min(p.width, len(text))]))
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Style == 0
}

// noValue records that there is nothing where a value should be; hint may be
// empty. A text behind a # was probably meant as the value.
func (f *File) noValue(e entry, path, hint string) {
	n := follow(e.value)
	name := "this entry"
	if e.key != nil {
		name = quoteLess(e.key.Value)
	}
	if n.Value != "" {
		f.fault(f.text.at(n), path, "%s has no value%s", name, hint)
		return
	}
	at := f.text.at(n)
	if e.key != nil {
		at = f.text.at(e.key)
	}
	behind := f.text.from(at.line, at.col+at.width)
	text := strings.TrimLeft(behind, ": \t")
	if len(text) > 1 && text[0] == '#' && text[1] != ' ' && text[1] != '\t' && text[1] != '#' {
		at.col += at.width + runes(behind) - runes(text)
		at.width = runes(strings.TrimRight(text, " \t"))
		hint = `: "#" starts a comment here; use quotes`
	}
	f.fault(at, path, "%s has no value%s", name, hint)
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
	rateType     = reflect.TypeFor[Rate]()
	secretType   = reflect.TypeFor[Secret]()
	blockType    = reflect.TypeFor[*Block]()
)

func (f *File) decodeValue(e entry, path string, fd field, v reflect.Value) {
	n, ok := f.usable(e, path)
	if !ok {
		return
	}
	if d, ok := v.Addr().Interface().(nodeDecoder); ok {
		d.decodeNode(f, n, e.key, path)
		return
	}
	switch {
	case v.Type() == blockType:
		if f.expect(e, n, yaml.MappingNode, path) {
			v.Set(reflect.ValueOf(f.block(n, e.key, path)))
		}
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct:
		if f.expect(e, n, yaml.MappingNode, path) {
			inner := reflect.New(v.Type().Elem())
			if !v.IsNil() {
				inner.Elem().Set(v.Elem())
			}
			f.block(n, e.key, path).Decode(inner.Interface())
			v.Set(inner)
		}
	case v.Kind() == reflect.Struct && v.Type() != rateType:
		if f.expect(e, n, yaml.MappingNode, path) {
			f.block(n, e.key, path).Decode(v.Addr().Interface())
		}
	case v.Kind() == reflect.Slice:
		f.decodeList(e, n, path, fd, v)
	case v.Kind() == reflect.Map:
		f.decodeMap(e, n, path, fd, v)
	default:
		if f.expect(e, n, yaml.ScalarNode, path) {
			became := f.decodeScalar(n, path, fd, v)
			empty := became == absent && !f.options.SkipSecrets || became == taken && v.Kind() == reflect.String && v.Len() == 0
			if fd.required && empty {
				f.fault(f.text.at(n), path, "%s is empty; it is needed", fd.key)
			}
		}
	}
}

const everyEntryEmpty = "every entry is empty; one must remain"

// expect records a fault unless the value is of the kind that is wanted.
func (f *File) expect(e entry, n *yaml.Node, kind yaml.Kind, path string) bool {
	if n.Kind == kind {
		return true
	}
	at := f.text.at(e.value)
	if e.key != nil {
		at = f.valuePlace(e)
	}
	f.fault(at, path, "%s is expected here, not %s", kindName(kind), kindName(n.Kind))
	return false
}

func kindName(k yaml.Kind) string {
	switch k {
	case yaml.MappingNode:
		return "a block of keys"
	case yaml.SequenceNode:
		return "a list"
	}
	return "text"
}

// decodeList reads []string and []Secret, for which one value may stand.
func (f *File) decodeList(e entry, n *yaml.Node, path string, fd field, v reflect.Value) {
	if t := v.Type().Elem(); t.Kind() != reflect.String {
		panic(fmt.Sprintf("config: a list of %s cannot be decoded", t))
	}
	list := reflect.MakeSlice(v.Type(), 0, 1)
	good := true
	for i, one := range f.list(e, n) {
		at := path
		if n.Kind == yaml.SequenceNode {
			at = indexed(path, i)
		}
		item, ok := f.usable(one, at)
		if ok {
			ok = f.expect(one, item, yaml.ScalarNode, at)
		}
		value := reflect.New(v.Type().Elem()).Elem()
		became := wrong
		if ok {
			became = f.decodeScalar(item, at, fd, value)
		}
		switch {
		case became == wrong:
			good = false
		case became == absent:
		case value.Type() != secretType && contains(list, value):
			f.fault(f.text.at(one.value), at, "%s is in this list twice", quote(item.Value))
			good = false
		default:
			list = reflect.Append(list, value)
		}
	}
	if !good {
		return
	}
	if list.Len() == 0 && fd.required {
		message := everyEntryEmpty
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			message = "the list is empty; it needs one entry at least"
		}
		f.fault(f.valuePlace(e), path, "%s", message)
		return
	}
	v.Set(list)
}

// list returns the entries of a list, or a single value as the only one.
func (f *File) list(e entry, n *yaml.Node) []entry {
	if n.Kind != yaml.SequenceNode {
		return []entry{e}
	}
	var entries []entry
	for _, value := range n.Content {
		entries = append(entries, entry{value: value})
	}
	return entries
}

func contains(list, value reflect.Value) bool {
	for i := range list.Len() {
		if list.Index(i).String() == value.String() {
			return true
		}
	}
	return false
}

// decodeMap reads map[string]string.
func (f *File) decodeMap(e entry, n *yaml.Node, path string, fd field, v reflect.Value) {
	if v.Type() != reflect.TypeFor[map[string]string]() {
		panic(fmt.Sprintf("config: %s cannot be decoded", v.Type()))
	}
	if !f.expect(e, n, yaml.MappingNode, path) {
		return
	}
	out := map[string]string{}
	for _, one := range f.mapping(n, path).entries {
		at := join(path, one.key.Value)
		item, ok := f.usable(one, at)
		if !ok || !f.expect(one, item, yaml.ScalarNode, at) {
			continue
		}
		var text string
		if f.decodeScalar(item, at, fd, reflect.ValueOf(&text).Elem()) == taken {
			out[one.key.Value] = text
		}
	}
	v.Set(reflect.ValueOf(out))
}
