package recall

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxNesting is how deep objects and arrays may nest.
const maxNesting = 512

// fault is why a body cannot be understood, for people. It holds no payload.
type fault string

func (t fault) Error() string { return string(t) }

// reader takes the fields of places.go out of one body in one pass, without
// building anything of the rest.
type reader struct {
	buf   bytes.Buffer
	dec   jsontext.Decoder
	name  []byte                 // scratch for a key written with escapes
	found [places]jsontext.Value // raw values, aliasing the body; nil when absent or of another type
}

// reset makes r read raw. Given a bytes.Buffer the decoder reads raw in place
// and never writes to it.
func (r *reader) reset(raw []byte) {
	r.buf = *bytes.NewBuffer(raw)
	r.dec.Reset(&r.buf, jsontext.AllowDuplicateNames(true))
}

// read is the whole of raw: one strict JSON object and nothing behind it.
func (r *reader) read(raw []byte) error {
	if err := precheck(raw); err != nil {
		return err
	}
	r.reset(raw)
	switch r.dec.PeekKind() {
	case jsontext.KindBeginObject:
	case jsontext.KindInvalid:
		_, err := r.dec.ReadToken()
		return invalid(raw, err)
	default:
		return fault("not a JSON object")
	}
	if err := r.object(&body); err != nil {
		if t, ok := errors.AsType[fault](err); ok {
			return t
		}
		return invalid(raw, err)
	}
	return r.end()
}

// end holds that nothing but blanks follows.
func (r *reader) end() error {
	at := r.dec.InputOffset()
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return fault(fmt.Sprintf("something follows the JSON, which ends at byte %d", at))
	}
	return nil
}

// object reads the object that comes next, whose known keys are m.members.
func (r *reader) object(m *member) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	var seen uint16
	for {
		switch r.dec.PeekKind() {
		case jsontext.KindEndObject:
			_, err := r.dec.ReadToken()
			return err
		case jsontext.KindInvalid:
			_, err := r.dec.ReadToken()
			return err
		}
		key, err := r.key()
		if err != nil {
			return err
		}
		i, err := find(m.members, key)
		if err != nil {
			return err
		}
		if i >= 0 {
			if seen&(1<<i) != 0 {
				return fault(fmt.Sprintf("%q is here twice", m.members[i].path))
			}
			seen |= 1 << i
		}
		if err := r.value(m.members, i); err != nil {
			return err
		}
	}
}

// value reads the value of the known key i, or passes over that of another one.
func (r *reader) value(members []member, i int) error {
	if i >= 0 && members[i].place == inside && r.dec.PeekKind() == jsontext.KindBeginObject {
		return r.object(&members[i])
	}
	v, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	if i < 0 {
		return nil
	}
	want := jsontext.KindString
	if members[i].place == placeMetadata {
		want = jsontext.KindBeginObject
	}
	if p := members[i].place; p != inside && v.Kind() == want {
		r.found[p] = v
	}
	return nil
}

// key reads the next key without its quotes and escapes. It is valid until the
// next read.
func (r *reader) key() ([]byte, error) {
	v, err := r.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	quoted := v[1 : len(v)-1] // the decoder takes nothing but a string for a key
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted, nil
	}
	r.name, err = jsontext.AppendUnquote(r.name[:0], v)
	return r.name, err
}

// find returns the index of the member called key, or -1. A key that differs
// from a member's name in case only is an error: a parser that ignores case
// (encoding/json) would take it for the field. The comparison is Unicode's
// simple folding, as there, so that U+017F counts as s and U+212A as k.
func find(members []member, key []byte) (int, error) {
	ascii := true
	for _, c := range key {
		ascii = ascii && c < utf8.RuneSelf
	}
	for i := range members {
		m := &members[i]
		if ascii && len(key) != len(m.name) {
			continue
		}
		if string(key) == m.name {
			return i, nil
		}
		if bytes.EqualFold(key, []byte(m.name)) {
			return -1, fault(fmt.Sprintf("a key differs from %q in upper and lower case only", m.path))
		}
	}
	return -1, nil
}

// precheck names what is wrong with a body before it is parsed.
func precheck(raw []byte) error {
	switch {
	case len(raw) == 0:
		return fault("the body is empty")
	case bytes.HasPrefix(raw, []byte("\uFEFF")):
		return fault("the body begins with a byte order mark")
	case tooDeep(raw):
		return fault(fmt.Sprintf("nested deeper than %d", maxNesting))
	}
	return nil
}

// invalid turns a parser's error into a sentence with a position.
func invalid(raw []byte, err error) error {
	if !utf8.Valid(raw) {
		return fault(fmt.Sprintf("not valid UTF-8 at byte %d", firstInvalid(raw)))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fault(fmt.Sprintf("the JSON is cut off at byte %d", len(raw)))
	}
	at := int64(0)
	if se, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = se.ByteOffset
	}
	return fault(fmt.Sprintf("not valid JSON at byte %d", at))
}

func firstInvalid(raw []byte) int {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(raw)
}

// tooDeep tells whether objects and arrays nest deeper than maxNesting. What it
// says of text that is not JSON does not matter: that is refused anyway.
func tooDeep(raw []byte) bool {
	if bytes.Count(raw, []byte("{"))+bytes.Count(raw, []byte("[")) <= maxNesting {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
