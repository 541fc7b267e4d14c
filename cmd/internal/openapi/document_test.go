// Package openapi holds sessionapi/openapi.yaml against the running server:
// every answer that is described is provoked, and every answer that comes is as
// described. It is here because the library requires nobody's YAML parser; the
// whole package is tests.
package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/satra-sessions/satra/sessionapi"
)

// A node is an object of the document.
type node = map[string]any

// A document is the description, read into what encoding/json makes of an
// object.
type document struct {
	root node
	used map[string]bool // the references that were followed
}

func read(t *testing.T) *document {
	t.Helper()
	var parsed any
	if err := yaml.Unmarshal([]byte(sessionapi.Description()), &parsed); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	d := &document{used: map[string]bool{}}
	if err := json.Unmarshal(asJSON, &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// follow returns the node, or what its $ref leads to. A mistake in the document
// is a panic: there is nothing to go on with.
func (d *document) follow(v any) node {
	n, ok := v.(node)
	if !ok {
		panic(fmt.Sprintf("openapi.yaml: %v is no object", v))
	}
	ref, ok := n["$ref"].(string)
	if !ok {
		return n
	}
	d.used[ref] = true
	at := d.root
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		if at, ok = at[name].(node); !ok {
			panic("openapi.yaml: " + ref + " leads nowhere")
		}
	}
	return at
}

// deviceInPath is the one path that has a name in it.
var deviceInPath = regexp.MustCompile("^/devices/[^/]+/revoke$")

// response finds how the document describes an answer, and under which name:
// "GET /info 200", "PUT /info other" or "other".
func (d *document) response(method, path string, status int) (key string, r node) {
	path, _, _ = strings.Cut(path, "?")
	path = deviceInPath.ReplaceAllString(path, "/devices/{session_id}/revoke")
	item, ok := d.root["paths"].(node)[path].(node)
	if !ok {
		return "other", d.follow(d.root["x-other-paths"])
	}
	op, ok := item[strings.ToLower(method)].(node)
	if !ok || method != strings.ToUpper(method) {
		return path + " other", d.follow(item["x-other-methods"])
	}
	responses := op["responses"].(node)
	code := fmt.Sprint(status)
	if responses[code] == nil && responses["default"] != nil {
		code = "default"
	}
	if responses[code] == nil {
		return method + " " + path + " " + code, nil
	}
	return method + " " + path + " " + code, d.follow(responses[code])
}

// responses lists everything that response can return.
func (d *document) responses() map[string]node {
	all := map[string]node{"other": d.follow(d.root["x-other-paths"])}
	for path, item := range d.root["paths"].(node) {
		for method, op := range item.(node) {
			if method == "parameters" {
				continue
			}
			if method == "x-other-methods" {
				all[path+" other"] = d.follow(op)
				continue
			}
			for code, r := range op.(node)["responses"].(node) {
				all[strings.ToUpper(method)+" "+path+" "+code] = d.follow(r)
			}
		}
	}
	return all
}

// contentOf returns the type of a response's body, with or without a schema, and
// what else is said of it.
func contentOf(r node) (kind string, body node) {
	content, _ := r["content"].(node)
	for kind, body := range content {
		return kind, body.(node)
	}
	return "application/json", nil
}

// eventsOf returns the schemas of a stream's events by their names.
func eventsOf(r node) node {
	_, body := contentOf(r)
	events, _ := body["x-events"].(node)
	return events
}

// chosen lists the choices of all that a response may hold.
func (d *document) chosen(r node) map[string]bool {
	found := map[string]bool{}
	_, body := contentOf(r)
	d.choices(body["schema"], found)
	for name, schema := range eventsOf(r) {
		found["event="+name] = true
		d.choices(schema, found)
	}
	return found
}

// choices lists what a schema lets a member of one of these names be:
// "code=CSRF_INVALID". Of references only those to kinds of a problem are
// followed: the others list what is said elsewhere.
func (d *document) choices(schema any, into map[string]bool) {
	switch s := schema.(type) {
	case []any:
		for _, part := range s {
			d.choices(part, into)
		}
	case node:
		if ref := s["$ref"]; ref == "#/components/schemas/Expired" || ref == "#/components/schemas/Revoked" {
			s = d.follow(s)
		}
		properties, _ := s["properties"].(node)
		for _, name := range members {
			member, _ := properties[name].(node)
			values, _ := member["enum"].([]any)
			for _, value := range values {
				into[fmt.Sprintf("%s=%v", name, value)] = true
			}
		}
		d.choices(s["allOf"], into)
		d.choices(s["oneOf"], into)
	}
}

var members = []string{"code", "message", "reason"}

// promises lists what the document says can happen: each response, each of its
// headers, and each choice for its code, message and reason.
func (d *document) promises() []string {
	all := map[string]bool{}
	for key, r := range d.responses() {
		all[key] = true
		headers, _ := r["headers"].(node)
		for name := range headers {
			all[key+" "+name] = true
		}
		for choice := range d.chosen(r) {
			all[key+" "+choice] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
