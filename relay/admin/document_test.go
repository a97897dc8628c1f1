package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// newDocumentCheck returns what holds an answer to the document that the
// server gives out.
func newDocumentCheck(t *testing.T, s *Server) func(method, path string, status int, body []byte) {
	text, err := json.Marshal(s.openAPI)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return func(method, path string, status int, body []byte) {
		t.Helper()
		if method == http.MethodHead {
			return
		}
		if err := checkAnswer(doc, method, path, status, body); err != nil {
			t.Errorf("%s %s answers %d %.300s: %v", method, path, status, body, err)
		}
	}
}

// checkAnswer finds the endpoint in the document and holds the answer to its
// schema. Paths and methods that are not described are those of refusals.
func checkAnswer(doc map[string]any, method, path string, status int, body []byte) error {
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	paths := doc["paths"].(map[string]any)
	for _, pattern := range slices.Sorted(maps.Keys(paths)) {
		if !pathFits(pattern, path) {
			continue
		}
		op, ok := paths[pattern].(map[string]any)[strings.ToLower(method)].(map[string]any)
		if !ok {
			break
		}
		response, ok := op["responses"].(map[string]any)[strconv.Itoa(status)].(map[string]any)
		if !ok {
			return fmt.Errorf("the document does not have this status")
		}
		schema := response["content"].(map[string]any)["application/json"].(map[string]any)["schema"]
		return fits(doc, schema, answer, "answer")
	}
	if status != http.StatusNotFound && status != http.StatusMethodNotAllowed && status < 400 {
		return fmt.Errorf("the document does not have this path and method")
	}
	return fits(doc, map[string]any{"$ref": "#/components/schemas/Problem"}, answer, "answer")
}

func pathFits(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") && g != "" })
}

// fits holds a value to a schema, as far as the document uses the language.
func fits(doc map[string]any, schema any, value any, at string) error {
	s := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		target, ok := doc["components"].(map[string]any)["schemas"].(map[string]any)[name]
		if !ok || target == nil {
			return fmt.Errorf("%s: there is no schema %s", at, name)
		}
		return fits(doc, target, value, at)
	}
	kind, _ := s["type"].(string)
	switch v := value.(type) {
	case map[string]any:
		if kind != "object" && kind != "" {
			return fmt.Errorf("%s is an object, want %s", at, kind)
		}
		return fitsObject(doc, s, v, at)
	case []any:
		if kind != "array" && kind != "" {
			return fmt.Errorf("%s is a list, want %s", at, kind)
		}
		for i, item := range v {
			if err := fits(doc, s["items"], item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case string:
		if kind != "string" && kind != "" {
			return fmt.Errorf("%s is a text, want %s", at, kind)
		}
		if s["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339Nano, v); err != nil || !strings.HasSuffix(v, "Z") {
				return fmt.Errorf("%s: %q is not a time in UTC", at, v)
			}
		}
	case float64:
		if kind != "number" && kind != "integer" && kind != "" || kind == "integer" && v != float64(int64(v)) {
			return fmt.Errorf("%s is the number %v, want %s", at, v, kind)
		}
	case bool:
		if kind != "boolean" && kind != "" {
			return fmt.Errorf("%s is true or false, want %s", at, kind)
		}
	case nil:
		return fmt.Errorf("%s is null", at)
	}
	return nil
}

func fitsObject(doc, schema, value map[string]any, at string) error {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := value[name.(string)]; !ok {
			return fmt.Errorf("%s has no %s", at, name)
		}
	}
	for name, item := range value {
		inner, ok := properties[name]
		if !ok {
			switch more := schema["additionalProperties"].(type) {
			case map[string]any:
				inner = more
			case bool:
				return fmt.Errorf("%s has %s, which is not described", at, name)
			default:
				continue // any object
			}
		}
		if err := fits(doc, inner, item, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

// The document and the table are one: what is held here is that it is whole.
func TestDocument(t *testing.T) {
	b := newBench(t)
	var doc map[string]any
	b.get(documentPath, &doc)
	if doc["openapi"] != "3.1.0" {
		t.Errorf("openapi is %v", doc["openapi"])
	}
	ids := map[string]bool{}
	for _, e := range endpoints() {
		op := doc["paths"].(map[string]any)[e.path].(map[string]any)[strings.ToLower(e.method)].(map[string]any)
		id := op["operationId"].(string)
		if ids[id] || op["summary"] == "" {
			t.Errorf("%s %s: id %q, summary %q", e.method, e.path, id, op["summary"])
		}
		ids[id] = true
		for _, part := range strings.Split(e.path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok && !strings.Contains(fmt.Sprint(op["parameters"]), "name:"+strings.TrimSuffix(name, "}")) {
				t.Errorf("%s %s does not describe %s", e.method, e.path, part)
			}
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), `"$ref":"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if doc["components"].(map[string]any)["schemas"].(map[string]any)[name] == nil {
			t.Errorf("the document speaks of %s and does not have it", name)
		}
	}
}

// The check that holds answers to the document sees what is wrong.
func TestDocumentCheckSeesFaults(t *testing.T) {
	b := newBench(t)
	doc := map[string]any{}
	b.get(documentPath, &doc)
	for _, c := range []struct {
		path   string
		status int
		body   string
		good   bool
	}{
		{"/api/v1/sinks", 200, `{"sinks":[]}`, true},
		{"/api/v1/sinks", 200, `{}`, false},
		{"/api/v1/sinks", 200, `{"sinks":null}`, false},
		{"/api/v1/sinks", 200, `{"sinks":[],"more":1}`, false},
		{"/api/v1/sinks", 200, `{"sinks":[{"name":"a"}]}`, false},
		{"/api/v1/sinks", 202, `{"sinks":[]}`, false},
		{"/api/v1/sinks", 500, `{"error":"x"}`, true},
		{"/api/v1/sinks", 500, `{"error":1}`, false},
		{"/api/v1/nothing", 200, `{}`, false},
		{"/healthz", 200, `{"ok":"yes"}`, false},
	} {
		if err := checkAnswer(doc, "GET", c.path, c.status, []byte(c.body)); (err == nil) != c.good {
			t.Errorf("%s %d %s: %v", c.path, c.status, c.body, err)
		}
	}
}
