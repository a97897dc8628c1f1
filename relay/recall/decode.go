package recall

import (
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads one JSON value into map[string]any, []any, string, json.Number,
// bool or nil. It is for templates and for lookups in data.*: numbers keep their
// text, and the last of two equal keys counts. It is the parser of [Normalise],
// with its strictness, so that both read the same; the result shares no memory
// with raw. The error has a position and nothing of the payload.
func Decode(raw []byte) (any, error) {
	if err := precheck(raw); err != nil {
		return nil, err
	}
	var r reader
	r.reset(raw)
	v, err := r.any()
	if err != nil {
		return nil, invalid(raw, err)
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return v, nil
}

// any builds the value that comes next. Its depth is bounded by precheck.
func (r *reader) any() (any, error) {
	switch r.dec.PeekKind() {
	case jsontext.KindBeginObject:
		return r.anyObject()
	case jsontext.KindBeginArray:
		return r.anyArray()
	}
	t, err := r.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case jsontext.KindString:
		return t.String(), nil
	case jsontext.KindNumber:
		return json.Number(t.String()), nil
	case jsontext.KindTrue:
		return true, nil
	case jsontext.KindFalse:
		return false, nil
	}
	return nil, nil // null: the decoder hands out an end only where one may stand
}

func (r *reader) anyObject() (any, error) {
	if _, err := r.dec.ReadToken(); err != nil {
		return nil, err
	}
	m := map[string]any{}
	for r.dec.PeekKind() != jsontext.KindEndObject {
		key, err := r.dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := key.String()
		if m[name], err = r.any(); err != nil {
			return nil, err
		}
	}
	_, err := r.dec.ReadToken()
	return m, err
}

func (r *reader) anyArray() (any, error) {
	if _, err := r.dec.ReadToken(); err != nil {
		return nil, err
	}
	list := []any{}
	for r.dec.PeekKind() != jsontext.KindEndArray {
		v, err := r.any()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.dec.ReadToken()
	return list, err
}
