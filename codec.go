package satra

import (
	"encoding/json"
	"strconv"
)

// Values are JSON. What most of them are — a plain string, a whole number, a
// boolean — is written and read here, without the two or three allocations that
// encoding/json needs; a test holds both to the same bytes and values.

// encode returns v as JSON.
func encode[T any](v T) ([]byte, error) {
	switch p := any(&v).(type) {
	case *string:
		if plain(*p) {
			b := make([]byte, 0, len(*p)+2)
			return append(append(append(b, '"'), *p...), '"'), nil
		}
		return json.Marshal(*p)
	case *int:
		return strconv.AppendInt(nil, int64(*p), 10), nil
	case *int64:
		return strconv.AppendInt(nil, *p, 10), nil
	case *bool:
		return strconv.AppendBool(nil, *p), nil
	}
	return json.Marshal(v)
}

// decode reads JSON into a new T.
func decode[T any](data []byte) (T, error) {
	if v, ok := decodePlain[T](data); ok {
		return v, nil
	}
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		var zero T
		return zero, err
	}
	return *v, nil
}

// decodePlain reads what it is sure of, and leaves the rest to encoding/json.
func decodePlain[T any](data []byte) (v T, ok bool) {
	switch p := any(&v).(type) {
	case *string:
		if n := len(data); n >= 2 && data[0] == '"' && data[n-1] == '"' && plain(data[1:n-1]) {
			*p, ok = string(data[1:n-1]), true
		}
	case *int:
		if n, fits := decodeInt(data); fits && int64(int(n)) == n {
			*p, ok = int(n), true
		}
	case *int64:
		*p, ok = decodeInt(data)
	case *bool:
		switch string(data) {
		case "true":
			*p, ok = true, true
		case "false":
			ok = true
		}
	}
	return v, ok
}

// plain reports whether a string is the same in JSON, but for the quotes.
func plain[S string | []byte](s S) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// decodeInt reads a whole number of at most 18 digits, written as JSON has it.
func decodeInt(data []byte) (n int64, ok bool) {
	digits := data
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(data) {
		n = -n
	}
	return n, true
}
