// Package strictjson reads JSON that a person wrote: it remembers where each
// value stands, so that a complaint can name the line, and it refuses what
// encoding/json lets pass in silence (a key that is given twice, something
// after the end, bytes that are not UTF-8).
//
//	v, err := strictjson.Parse(data)
//	if err != nil {
//		return err // line 3, column 5: the key "addr" is given twice
//	}
//	for _, m := range v.Members {
//		fmt.Println(m.Name, m.Value.Kind, m.Pos)
//	}
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Kind of JSON value. Its text is what an error message calls it.
type Kind string

// The kinds.
const (
	Null   Kind = "null"
	Bool   Kind = "true or false"
	Number Kind = "a number"
	String Kind = "a text in quotes"
	Array  Kind = "a list"
	Object Kind = "an object"
)

// A Value is a JSON value and the place where it begins.
type Value struct {
	Kind    Kind
	Pos     Pos
	Text    string   // a String's text; a Number, true and false as they are written
	Items   []*Value // of an Array
	Members []Member // of an Object, in their order; no name comes twice
}

// A Member of an object.
type Member struct {
	Name  string
	Pos   Pos // of the name
	Value *Value
}

// Get returns the value of the member with that name, or nil.
func (v *Value) Get(name string) *Value {
	for _, m := range v.Members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// A Pos is a place in the file. Both numbers begin at 1; columns count
// characters, as editors do.
type Pos struct{ Line, Column int }

func (p Pos) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }

// An Error says what is wrong where.
type Error struct {
	Pos     Pos
	Message string
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Message }

// Limits that no file of ours comes near. The size bounds the time, too: the
// place of each value is counted from the beginning.
const (
	maxDepth = 16
	maxSize  = 64 << 10
)

// Parse reads the one value that data holds. Its errors are of type [*Error].
func Parse(data []byte) (*Value, error) {
	if len(data) > maxSize {
		return nil, &Error{Pos{1, 1}, fmt.Sprintf("the file has %d bytes; right is at most %d", len(data), maxSize)}
	}
	if i := invalidUTF8(data); i >= 0 {
		return nil, &Error{position(data, i), "this is not UTF-8 text"}
	}
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		return nil, &Error{Pos{1, 1}, "the file begins with a byte order mark; save it as UTF-8 without one"}
	}
	// Unmarshal sees the whole text, so it also finds what follows the value.
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, syntax(data, err)
	}
	p := &parser{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	return p.value(0)
}

func syntax(data []byte, err error) *Error {
	var s *json.SyntaxError
	if !errors.As(err, &s) {
		return &Error{Pos{1, 1}, err.Error()} // a number too large for a float64, which has no place
	}
	at := int(s.Offset) - 1 // the offset counts the byte that offends
	what := s.Error()
	if what == "unexpected end of JSON input" {
		at, what = len(data), "the file ends too early; a quote or a bracket is not closed"
		if len(bytes.TrimSpace(data)) == 0 {
			what = "the file is empty; right is at least {}"
		}
	}
	return &Error{position(data, max(at, 0)), strings.Replace(what, "after top-level value", "after the end of the object", 1)}
}

type parser struct {
	data []byte
	dec  *json.Decoder
}

// next returns the next token and where it begins.
func (p *parser) next() (json.Token, Pos, error) {
	from := int(p.dec.InputOffset())
	for from < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[from]) >= 0 {
		from++
	}
	pos := position(p.data, from)
	token, err := p.dec.Token()
	if err != nil {
		return nil, pos, &Error{pos, err.Error()}
	}
	return token, pos, nil
}

func (p *parser) value(depth int) (*Value, error) {
	token, pos, err := p.next()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, &Error{pos, "this is nested too deeply"}
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return p.object(pos, depth)
		}
		return p.array(pos, depth)
	case string:
		return &Value{Kind: String, Pos: pos, Text: t}, nil
	case json.Number:
		return &Value{Kind: Number, Pos: pos, Text: t.String()}, nil
	case bool:
		return &Value{Kind: Bool, Pos: pos, Text: fmt.Sprint(t)}, nil
	}
	return &Value{Kind: Null, Pos: pos}, nil
}

func (p *parser) object(pos Pos, depth int) (*Value, error) {
	v := &Value{Kind: Object, Pos: pos}
	seen := map[string]bool{}
	for p.dec.More() {
		token, at, err := p.next()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // Unmarshal has made sure of it
		if seen[name] {
			return nil, &Error{at, fmt.Sprintf("the key %q is given twice", name)}
		}
		seen[name] = true
		member, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.Members = append(v.Members, Member{name, at, member})
	}
	_, _, err := p.next() // the closing brace
	return v, err
}

func (p *parser) array(pos Pos, depth int) (*Value, error) {
	v := &Value{Kind: Array, Pos: pos}
	for p.dec.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.Items = append(v.Items, item)
	}
	_, _, err := p.next() // the closing bracket
	return v, err
}

func position(data []byte, offset int) Pos {
	before := data[:min(offset, len(data))]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return Pos{
		Line:   bytes.Count(before, []byte("\n")) + 1,
		Column: utf8.RuneCount(before[lineStart:]) + 1,
	}
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
