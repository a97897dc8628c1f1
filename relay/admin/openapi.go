package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// document answers the OpenAPI document.
func (c *call) document() (any, error) { return c.server.openAPI, nil }

// documentOf makes the OpenAPI document of the table.
func documentOf(table []endpoint) map[string]any {
	schemas := map[string]any{}
	paths := map[string]any{}
	for _, e := range table {
		path, ok := paths[e.path].(map[string]any)
		if !ok {
			path = map[string]any{}
			paths[e.path] = path
		}
		path[strings.ToLower(e.method)] = e.operation(schemas)
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "botrelay", "version": "1",
			"description": "What a relay has stored, and what a person may change. Lists come in pages: a page ends at its limit " +
				"or after 50 ms of looking, and says how far back it has looked (reached) and how to go on (next).",
		},
		"paths": paths,
		"components": map[string]any{
			"schemas":         schemas,
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}},
		},
		// No token is needed on loopback unless one is set.
		"security": []any{map[string]any{}, map[string]any{"token": []any{}}},
	}
}

// operation describes one endpoint; the types that it takes and answers are
// added to the schemas.
func (e *endpoint) operation(schemas map[string]any) map[string]any {
	responses := map[string]any{}
	good := map[string]any{"description": "done"}
	if e.answers != nil {
		good["content"] = jsonOf(schemaOf(reflect.TypeOf(e.answers), schemas))
	} else {
		good["content"] = jsonOf(map[string]any{"type": "object"})
	}
	for _, status := range append([]int{http.StatusOK}, e.others...) {
		responses[strconv.Itoa(status)] = good
	}
	refusals := append([]int{401, 403, 405, 421, 500, 503}, e.refusals...)
	if e.body != nil {
		refusals = append(refusals, 413, 415)
	}
	if len(e.params) > 0 || e.body != nil || e.answers != nil {
		refusals = append(refusals, 400)
	}
	for _, status := range refusals {
		answer := e.refused(status)
		responses[strconv.Itoa(status)] = map[string]any{
			"description": http.StatusText(status), "content": jsonOf(schemaOf(answer, schemas)),
		}
	}
	op := map[string]any{"summary": e.summary, "operationId": e.operationID(), "responses": responses}
	var params []any
	for _, p := range e.params {
		params = append(params, p.describe())
	}
	if params != nil {
		op["parameters"] = params
	}
	if e.body != nil {
		op["requestBody"] = map[string]any{"required": false, "content": jsonOf(schemaOf(reflect.TypeOf(e.body), schemas))}
	}
	return op
}

// refused is what a refusal is answered with.
func (e *endpoint) refused(status int) reflect.Type {
	if status == http.StatusServiceUnavailable && e.path == readyPath {
		return reflect.TypeFor[Health]()
	}
	return reflect.TypeFor[Problem]()
}

// operationID is the name under which programs know an endpoint.
func (e *endpoint) operationID() string {
	words := strings.FieldsFunc(strings.TrimPrefix(e.path, root), func(r rune) bool { return strings.ContainsRune("/{}.", r) })
	return strings.ToLower(e.method) + "_" + strings.Join(words, "_")
}

func (p param) describe() map[string]any {
	schema := map[string]any{"type": p.kind}
	d := map[string]any{"name": p.name, "in": p.in, "description": p.text, "required": p.in == "path"}
	if p.many {
		schema = map[string]any{"type": "array", "items": schema}
		d["style"], d["explode"] = "form", true
	}
	d["schema"] = schema
	return d
}

func jsonOf(schema map[string]any) map[string]any {
	return map[string]any{"application/json": map[string]any{"schema": schema}}
}

// schemaOf describes a type as encoding/json writes it. Structs are described
// once, among the schemas.
func schemaOf(t reflect.Type, schemas map[string]any) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), schemas)
	case reflect.Struct:
		if _, known := schemas[t.Name()]; !known {
			schemas[t.Name()] = nil // a type that holds itself ends here
			schemas[t.Name()] = structSchema(t, schemas)
		}
		return map[string]any{"$ref": "#/components/schemas/" + t.Name()}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), schemas)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), schemas)}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	}
	return map[string]any{"type": "string"}
}

func structSchema(t reflect.Type, schemas map[string]any) map[string]any {
	properties, required := map[string]any{}, []string{}
	for name, f := range jsonFields(t) {
		properties[name] = schemaOf(f.Type, schemas)
		if _, option, _ := strings.Cut(f.Tag.Get("json"), ","); !strings.HasPrefix(option, "omit") {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// jsonFields are the fields of a struct by the names that they have in JSON,
// those of embedded structs among them.
func jsonFields(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for name, inner := range jsonFields(f.Type) {
				fields[name] = inner
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = f
	}
	return fields
}
