package satra

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
)

// Our short ways must give what encoding/json gives, byte for byte.
func sameAsJSON[T comparable](t *testing.T, v T) {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := encode(v)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("encode(%v): got %s, %v; want %s", v, got, err, want)
	}
	back, err := decode[T](got)
	if err != nil || back != v && v == v {
		t.Errorf("decode(%s): got %v, %v; want %v", got, back, err, v)
	}
}

func TestCodecIsJSON(t *testing.T) {
	for _, s := range []string{"", "dark", `"`, `\`, "<b>&", "é", "\u2028", "\x00", "\x7f", "a\nb"} {
		sameAsJSON(t, s)
	}
	for _, n := range []int64{0, 1, -1, 42, math.MaxInt64, math.MinInt64, 999999999999999999, -999999999999999999} {
		sameAsJSON(t, n)
		sameAsJSON(t, int(n))
	}
	sameAsJSON(t, true)
	sameAsJSON(t, false)
	sameAsJSON(t, 1.5)
	sameAsJSON(t, uint8(3))
	sameAsJSON(t, [2]string{"a", "<"})
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`"x"`, `1`, `-0`, `01`, `1e3`, `true`, ` true`, `"\u0041"`, `null`, `"a" `, `--1`, `-`, `""`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		agree[string](t, data)
		agree[int](t, data)
		agree[int64](t, data)
		agree[bool](t, data)
	})
}

func agree[T comparable](t *testing.T, data []byte) {
	t.Helper()
	var want T
	wantErr := json.Unmarshal(data, &want)
	got, err := decode[T](data)
	if (err == nil) != (wantErr == nil) || err == nil && got != want {
		t.Errorf("decode[%T](%q): got %v, %v; encoding/json gives %v, %v", want, data, got, err, want, wantErr)
	}
}
