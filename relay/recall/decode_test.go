package recall

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	for body, want := range map[string]any{
		`null`:                                  nil,
		` true `:                                true,
		`false`:                                 false,
		`"a\n😀"`:                                "a\n😀",
		`1.10`:                                  json.Number("1.10"),
		`1E400`:                                 json.Number("1E400"),
		`-0`:                                    json.Number("-0"),
		`[]`:                                    []any{},
		`{}`:                                    map[string]any{},
		`[1,[2]]`:                               []any{json.Number("1"), []any{json.Number("2")}},
		`{"a":1,"A":2,"a":{"b":null}}`:          map[string]any{"A": json.Number("2"), "a": map[string]any{"b": nil}},
		`{"a":{"b":1,"c":2},"a":{"b":3}}`:       map[string]any{"a": map[string]any{"b": json.Number("3")}},
		`{"\u0061":12345678901234567890}`:       map[string]any{"a": json.Number("12345678901234567890")},
		`{"a.b":"dot","":"empty","event":[{}]}`: map[string]any{"a.b": "dot", "": "empty", "event": []any{map[string]any{}}},
	} {
		got, err := Decode([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for body, want := range map[string]string{
		"":                       "the body is empty",
		"\ufeff{}":               "the body begins with a byte order mark",
		"{} {}":                  "something follows the JSON, which ends at byte 2",
		"1 2":                    "something follows the JSON, which ends at byte 1",
		"]":                      "not valid JSON at byte 0",
		"}":                      "not valid JSON at byte 0",
		"[1,]":                   "not valid JSON at byte 2",
		`{"a"}`:                  "not valid JSON at byte 4",
		`{"a":}`:                 "not valid JSON at byte 5",
		`{1:2}`:                  "not valid JSON at byte 1",
		`{"a":[`:                 "the JSON is cut off at byte 6",
		"\"\xff\"":               "not valid UTF-8 at byte 1",
		`"\ud800"`:               "not valid JSON at byte 1",
		strings.Repeat("[", 600): "nested deeper than 512",
	} {
		v, err := Decode([]byte(body))
		if err == nil || err.Error() != want || v != nil {
			t.Errorf("%q: %v, %v; want %q", body, v, err, want)
		}
	}
}

// Templates see what other readers of the same body see.
func TestDecodeAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range Samples() {
		dec := json.NewDecoder(bytes.NewReader(s.Body))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		got, err := Decode(s.Body)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Name, diff)
		}
	}
}

func TestDecodeSharesNothing(t *testing.T) {
	raw := []byte(`{"key":"text","n":123}`)
	v, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	clear(raw)
	want := map[string]any{"key": "text", "n": json.Number("123")}
	if diff := cmp.Diff(any(want), v); diff != "" {
		t.Errorf("changed with the body:\n%s", diff)
	}
}
