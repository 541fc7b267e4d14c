package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A call is one of a trace that writes or syncs a file, or writes down an
// acknowledgement.
type call struct {
	name   string
	path   string // of the file
	data   []byte
	offset int64
	result int64
	fd     string

	// A sync covers what was written before it began.
	began, over int // the lines at which the call began and was over
}

// traceReader reads the lines of strace -f -y -xx.
type traceReader struct {
	lines  int
	within map[string]begunCall // by thread
}

type begunCall struct {
	text string
	line int
}

// read takes in the next line, and returns the call if it is over.
func (t *traceReader) read(line string) (c call, ok bool, err error) {
	t.lines++
	thread, text, _ := strings.Cut(strings.TrimSpace(line), " ")
	text = strings.TrimSpace(text)
	began := t.lines
	if head, unfinished := strings.CutSuffix(text, " <unfinished ...>"); unfinished {
		t.within[thread] = begunCall{head, t.lines}
		return c, false, nil
	}
	if strings.HasPrefix(text, "<... ") {
		_, tail, found := strings.Cut(text, " resumed>")
		begun, is := t.within[thread]
		if !found || !is {
			return c, false, nil // it began before the trace did
		}
		delete(t.within, thread)
		text, began = begun.text+tail, begun.line
	}
	c, ok, err = parseCall(text)
	c.began, c.over = began, t.lines
	return c, ok, err
}

// parseCall reads NAME(FD<PATH>, "DATA", SIZE, OFFSET) = RESULT.
func parseCall(text string) (c call, ok bool, err error) {
	name, rest, isCall := strings.Cut(text, "(")
	end := strings.LastIndex(rest, " = ")
	if !isCall || end < 0 || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "+++") {
		return c, false, nil
	}
	c.name = name
	result, _, _ := strings.Cut(rest[end+len(" = "):], " ")
	if c.result, err = strconv.ParseInt(result, 10, 64); err != nil || c.result < 0 {
		return c, false, nil // it failed, or its process was killed
	}
	args := strings.Split(strings.TrimRight(rest[:end], " )"), ", ")
	fd, path, _ := strings.Cut(strings.TrimSuffix(args[0], ">"), "<")
	c.fd = fd
	decoded, err := unescape(path)
	if err != nil {
		return c, false, err
	}
	c.path = string(decoded)
	switch name {
	case "write", "pwrite64":
		if len(args) < 3 || strings.HasSuffix(args[1], "...") {
			return c, false, fmt.Errorf("a call that is not whole: %.80s", text)
		}
		if c.data, err = unescape(strings.Trim(args[1], `"`)); err != nil {
			return c, false, err
		}
		c.data = c.data[:min(int(c.result), len(c.data))]
		if name == "pwrite64" {
			c.offset, err = strconv.ParseInt(args[3], 10, 64)
		}
	case "ftruncate":
		c.offset, err = strconv.ParseInt(args[1], 10, 64)
	}
	return c, err == nil, err
}

// unescape reads \x2f\x74…; a path that is none is as it is.
func unescape(s string) ([]byte, error) {
	if !strings.HasPrefix(s, `\x`) {
		return []byte(s), nil
	}
	b := make([]byte, 0, len(s)/4)
	for i := 0; i < len(s); i += 4 {
		if i+4 > len(s) || s[i:i+2] != `\x` {
			return nil, fmt.Errorf("a trace with a text that cannot be read: %.40s", s[i:])
		}
		n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
		if err != nil {
			return nil, err
		}
		b = append(b, byte(n))
	}
	return b, nil
}
