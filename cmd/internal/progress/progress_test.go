package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestABarIsDrawnOverItself(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	b := &Bar{w: &out, terminal: true, now: func() time.Time { return now }}
	b.Show("copying", 0, "0 taken over")
	b.Show("copying", 0.1, "too soon to be read")
	now = now.Add(10 * time.Second)
	b.Show("copying", 0.25, "1,000 taken over")
	now = now.Add(30 * time.Second)
	b.Show("copying", 1, "4 taken over")
	b.Show("verifying", 0.5, "")
	b.End()
	got := strings.Split(out.String(), "\r")
	want := []string{
		"",
		"copying [........................]   0 %  0 taken over",
		"copying [######..................]  25 %  1,000 taken over, 30s left",
		"copying [########################] 100 %  4 taken over, 40s         \n",
		"verifying [############............]  50 %  \n",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAFileGetsALineNowAndThen(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	b := New(&out)
	b.now = func() time.Time { return now }
	for i := range 101 {
		b.Show("copying", float64(i)/100, "some")
		now = now.Add(time.Second / 10)
	}
	b.End()
	if got, want := out.String(), "copying: 0 %, some\ncopying: 50 %, some, 5s left\ncopying: 100 %, some, 10s\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
