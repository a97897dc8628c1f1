package route

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"botrelay/relay"
)

const (
	metadataPrefix = "bot.metadata."
	dataPrefix     = "data."
)

// FixedFields are the names of the fields that can be matched, beside
// bot.metadata.PATH and data.PATH.
func FixedFields() []string {
	return []string{"event", "code", "sub_code", "side", "platform", "source", "id", "bot.id"}
}

// docsNames are the paths that Recall's documentation writes, relative to what
// it calls data, and what they are called here.
var docsNames = map[string]string{
	"data.code":       "code",
	"data.sub_code":   "sub_code",
	"data.updated_at": "at, which cannot be matched",
}

// UnknownFieldError says that a name is no field.
type UnknownFieldError struct{ Name string }

func (e *UnknownFieldError) Error() string { return fmt.Sprintf("unknown field %q", e.Name) }

// ParseField tells whether name can be matched. The error is an
// *UnknownFieldError, or says what the field is called here.
func ParseField(name string) error {
	_, err := parseField(name)
	return err
}

// field is one thing that conditions look at: a fixed name, or a path into
// bot.metadata or into the body's data.
type field struct {
	name string
	path []string
}

func parseField(name string) (field, error) {
	if slices.Contains(FixedFields(), name) {
		return field{name: name}, nil
	}
	if here, ok := docsNames[name]; ok {
		//lint:ignore ST1005 Recall is a name
		return field{}, fmt.Errorf("Recall's docs write %s; here it is %s", name, here)
	}
	for _, prefix := range []string{metadataPrefix, dataPrefix} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			path := strings.Split(rest, ".")
			if slices.Contains(path, "") {
				break
			}
			return field{name: strings.TrimSuffix(prefix, "."), path: path}, nil
		}
	}
	return field{}, &UnknownFieldError{Name: name}
}

// value is what a field of an event holds.
type value struct {
	present bool
	scalar  bool // false for an object or a list, which only "*" matches
	text    string
}

func textValue(text string) value { return value{present: true, scalar: true, text: text} }

func optionalValue(o relay.Optional) value {
	text, ok := o.Get()
	return value{present: ok, scalar: true, text: text}
}

// closedValue is the value of a closed set, in which empty is absent.
func closedValue(text string) value {
	return value{present: text != "", scalar: true, text: text}
}

// lookups finds fields of one event, and decodes its metadata and its body at
// most once.
type lookups struct {
	event    *relay.Event
	metadata any
	data     any
	decoded  struct{ metadata, data bool }
}

func (l *lookups) value(f field) value {
	fields := &l.event.Fields
	switch f.name {
	case "event":
		return textValue(fields.Event)
	case "code":
		return optionalValue(fields.Code)
	case "sub_code":
		return optionalValue(fields.SubCode)
	case "side":
		return closedValue(fields.Side)
	case "platform":
		return closedValue(fields.Platform)
	case "source":
		return textValue(l.event.Source)
	case "id":
		return textValue(l.event.ID)
	case "bot.id":
		return optionalValue(fields.BotID)
	case "bot.metadata":
		if !l.decoded.metadata {
			l.decoded.metadata = true
			l.metadata = decode(fields.Metadata)
		}
		return at(l.metadata, f.path)
	default:
		if !l.decoded.data {
			l.decoded.data = true
			body, _ := decode(l.event.Raw).(map[string]any)
			l.data = body["data"]
		}
		return at(l.data, f.path)
	}
}

// decode reads JSON that the normaliser has already found to be strict;
// whatever it cannot read has no fields.
func decode(raw []byte) any {
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

func at(v any, path []string) value {
	for _, key := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return value{}
		}
		v = object[key]
	}
	switch v := v.(type) {
	case nil:
		return value{}
	case string:
		return textValue(v)
	case json.Number:
		return textValue(v.String())
	case bool:
		if v {
			return textValue("true")
		}
		return textValue("false")
	default:
		return value{present: true}
	}
}
