package openapi

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// check returns what is wrong with v by a schema: JSON Schema 2020-12 as far as
// the document uses it. A keyword that is not known is wrong, too, or it would
// pass for one that was checked.
func (d *document) check(schema, v any, at string) (wrong []string) {
	s, ok := schema.(node)
	if !ok {
		return []string{fmt.Sprintf("%s: %v is no schema", at, schema)}
	}
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		wrong = append(wrong, d.keyword(s, keyword, v, at)...)
	}
	return wrong
}

func (d *document) keyword(s node, keyword string, v any, at string) []string {
	arg := s[keyword]
	unless := func(ok bool, want string) []string {
		if ok {
			return nil
		}
		return []string{fmt.Sprintf("%s: got %v, want %s", at, v, want)}
	}
	text, isText := v.(string)
	number, isNumber := v.(float64)
	object, isObject := v.(node)
	list, isList := v.([]any)
	switch keyword {
	case "description":
		return nil
	case "$ref":
		return d.check(d.follow(node{"$ref": arg}), v, at)
	case "type":
		return unless(hasType(v, arg), fmt.Sprintf("type %v", arg))
	case "const":
		return unless(reflect.DeepEqual(v, arg), fmt.Sprintf("%q", arg))
	case "enum":
		return unless(slices.Contains(arg.([]any), v), fmt.Sprintf("one of %q", arg))
	case "pattern":
		return unless(!isText || regexp.MustCompile(arg.(string)).MatchString(text), "a match of "+arg.(string))
	case "format":
		_, err := time.Parse(time.RFC3339Nano, text)
		return unless(arg == "date-time" && (!isText || err == nil), fmt.Sprintf("format %v", arg))
	case "minimum":
		return unless(!isNumber || number >= arg.(float64), fmt.Sprintf("at least %v", arg))
	case "minLength":
		return unless(!isText || len([]rune(text)) >= int(arg.(float64)), fmt.Sprintf("at least %v characters", arg))
	case "minItems":
		return unless(!isList || len(list) >= int(arg.(float64)), fmt.Sprintf("at least %v items", arg))
	case "items":
		var wrong []string
		for i, item := range list {
			wrong = append(wrong, d.check(arg, item, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return wrong
	case "required":
		return d.required(arg.([]any), object, isObject, at)
	case "properties":
		return d.properties(arg.(node), object, at)
	case "additionalProperties":
		return d.noOthers(arg, s, object, at)
	case "allOf":
		var wrong []string
		for _, part := range arg.([]any) {
			wrong = append(wrong, d.check(part, v, at)...)
		}
		return wrong
	case "oneOf":
		return d.oneOf(arg.([]any), v, at)
	}
	return []string{at + ": the schema has the keyword " + keyword + ", which is not checked"}
}

func (d *document) required(names []any, object node, isObject bool, at string) (wrong []string) {
	for _, name := range names {
		if _, has := object[name.(string)]; isObject && !has {
			wrong = append(wrong, fmt.Sprintf("%s: %v is missing", at, name))
		}
	}
	return wrong
}

func (d *document) properties(schemas, object node, at string) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		if v, has := object[name]; has {
			wrong = append(wrong, d.check(schemas[name], v, at+"."+name)...)
		}
	}
	return wrong
}

// noOthers is additionalProperties: false, the one form that is used.
func (d *document) noOthers(arg any, s, object node, at string) (wrong []string) {
	if arg != false {
		return []string{fmt.Sprintf("%s: additionalProperties: %v is not checked", at, arg)}
	}
	properties, _ := s["properties"].(node)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if properties[name] == nil {
			wrong = append(wrong, fmt.Sprintf("%s: %s is not described", at, name))
		}
	}
	return wrong
}

func (d *document) oneOf(schemas []any, v any, at string) []string {
	fits := 0
	var why []string
	for _, schema := range schemas {
		wrong := d.check(schema, v, at)
		if len(wrong) == 0 {
			fits++
		}
		why = append(why, wrong...)
	}
	if fits == 1 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %v fits %d of the schemas, want one (%s)", at, v, fits, strings.Join(why, "; "))}
}

func hasType(v, want any) bool {
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return hasType(v, one) })
	}
	switch v := v.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case float64:
		return want == "number" || want == "integer" && v == math.Trunc(v)
	case []any:
		return want == "array"
	}
	return want == "object"
}

// A checker that finds nothing wrong would make the tests of the server worth
// nothing.
func TestTheCheckerFindsWhatIsWrong(t *testing.T) {
	d := &document{root: node{"a": node{"type": "string"}}, used: map[string]bool{}}
	list := func(v ...any) []any { return v }
	for name, test := range map[string]struct {
		schema     node
		good, evil any
	}{
		"type":                 {node{"type": "string"}, "", 1.0},
		"type integer":         {node{"type": "integer"}, 1.0, 1.5},
		"type boolean":         {node{"type": "boolean"}, true, "true"},
		"type null":            {node{"type": "null"}, nil, false},
		"type object":          {node{"type": "object"}, node{}, list()},
		"types":                {node{"type": list("integer", "null")}, nil, "1"},
		"const":                {node{"const": "x"}, "x", "y"},
		"enum":                 {node{"enum": list("x", "y")}, "y", "z"},
		"pattern":              {node{"pattern": "^a"}, "ab", "ba"},
		"format":               {node{"format": "date-time"}, "2026-01-06T04:00:00Z", "2026-01-06 04:00"},
		"minimum":              {node{"minimum": 0.0}, 0.0, -1.0},
		"minLength":            {node{"minLength": 1.0}, "é", ""},
		"minItems":             {node{"minItems": 1.0}, list(1.0), list()},
		"items":                {node{"items": node{"type": "null"}}, list(nil, nil), list(nil, 1.0)},
		"required":             {node{"required": list("x")}, node{"x": nil}, node{"y": 1.0}},
		"properties":           {node{"properties": node{"x": node{"type": "null"}}}, node{"x": nil}, node{"x": 1.0}},
		"additionalProperties": {node{"properties": node{"x": node{}}, "additionalProperties": false}, node{"x": 1.0}, node{"x": 1.0, "y": 1.0}},
		"$ref":                 {node{"$ref": "#/a"}, "x", 1.0},
		"$ref and more":        {node{"$ref": "#/a", "minLength": 2.0}, "xy", "x"},
		"allOf":                {node{"allOf": list(node{"type": "string"}, node{"minLength": 1.0})}, "x", ""},
		"oneOf":                {node{"oneOf": list(node{"type": "string"}, node{"const": "x"})}, "y", "x"},
		"oneOf, none":          {node{"oneOf": list(node{"type": "string"})}, "y", 1.0},
	} {
		if wrong := d.check(test.schema, test.good, "v"); len(wrong) != 0 {
			t.Errorf("%s: got %q about %v, want nothing", name, wrong, test.good)
		}
		if wrong := d.check(test.schema, test.evil, "v"); len(wrong) == 0 {
			t.Errorf("%s: got nothing about %v, want something", name, test.evil)
		}
	}
	for _, unknown := range []node{{"maximum": 1.0}, {"additionalProperties": true}, {"format": "uuid"}} {
		if wrong := d.check(unknown, "x", "v"); len(wrong) == 0 {
			t.Errorf("%v is not checked, and nobody says so", unknown)
		}
	}
}
