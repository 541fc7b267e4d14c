package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseRemembersPlaces(t *testing.T) {
	v, err := Parse([]byte("{\n  \"name\": \"सत्र\", \"list\": [1, true,\n null],\n\t\"deep\": {\"x\": -2.50}\n}\n"))
	if err != nil {
		t.Fatalf("got the error %v, want none", err)
	}
	if got, want := show(v), `{name@2:3="सत्र"@2:11 list@2:19=[1@2:28 true@2:31 null@3:2]@2:27 deep@4:2={x@4:11=-2.50@4:16}@4:10}@1:1`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := v.Get("list"); got == nil || got.Kind != Array {
		t.Errorf(`Get("list"): got %v, want the list`, got)
	}
	if got := v.Get("nothing"); got != nil {
		t.Errorf(`Get("nothing"): got %v, want nil`, got)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing":            {"", "line 1, column 1: the file is empty; right is at least {}"},
		"blanks":             {" \n ", "line 2, column 2: the file is empty; right is at least {}"},
		"a key twice":        {"{\"a\": 1,\n \"a\": 1}", `line 2, column 2: the key "a" is given twice`},
		"the same, escaped":  {`{"a": 1, "\u0061": 1}`, `line 1, column 10: the key "a" is given twice`},
		"twice further down": {`[{"b": {"a": 1, "a": 2}}]`, `line 1, column 17: the key "a" is given twice`},
		"trailing data":      {"{}\n{}", "line 2, column 1: invalid character '{' after the end of the object"},
		"a trailing comma":   {`{"a": 1,}`, "line 1, column 9: invalid character '}' looking for beginning of object key string"},
		"a comment":          {"{ // x\n}", "line 1, column 3: invalid character '/' looking for beginning of object key string"},
		"an open end":        {"{\"a\": [1", "line 1, column 9: the file ends too early; a quote or a bracket is not closed"},
		"not UTF-8":          {"{\n\"a\xff\": 1}", "line 2, column 3: this is not UTF-8 text"},
		"byte order mark":    {"\ufeff{}", "line 1, column 1: the file begins with a byte order mark; save it as UTF-8 without one"},
		"too large":          {strings.Repeat(" ", 70000), "line 1, column 1: the file has 70000 bytes; right is at most 65536"},
		"too deep":           {strings.Repeat("[", 30) + strings.Repeat("]", 30), "line 1, column 18: this is nested too deeply"},
	} {
		_, err := Parse([]byte(c.in))
		var e *Error
		if !errors.As(err, &e) || err.Error() != c.want {
			t.Errorf("%s: got the error %v\nwant %s", name, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a": [1, "x", null, true, {"b": 2}]}`, "", "[", `{"a":1,"a":2}`, "\xff", "1e999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err == nil && v == nil {
			t.Fatal("got neither a value nor an error")
		}
		if err == nil && !json.Valid(data) {
			t.Fatalf("got a value for %q, want an error: it is not JSON", data)
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Pos.Line < 1 || e.Pos.Column < 1) {
			t.Fatalf("got the error %v, want one with a place", err)
		}
	})
}

func show(v *Value) string {
	at := fmt.Sprintf("@%d:%d", v.Pos.Line, v.Pos.Column)
	var parts []string
	switch v.Kind {
	case Object:
		for _, m := range v.Members {
			parts = append(parts, fmt.Sprintf("%s@%d:%d=%s", m.Name, m.Pos.Line, m.Pos.Column, show(m.Value)))
		}
		return "{" + strings.Join(parts, " ") + "}" + at
	case Array:
		for _, i := range v.Items {
			parts = append(parts, show(i))
		}
		return "[" + strings.Join(parts, " ") + "]" + at
	case String:
		return fmt.Sprintf("%q", v.Text) + at
	case Null:
		return "null" + at
	}
	return v.Text + at
}
