package audit

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// WriteJSON writes an entry as a line of JSON. No field can end the line: line feeds
// and control characters stand as escapes.
func WriteJSON(w io.Writer, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// csvColumns are the columns of [CSV], in their order.
var csvColumns = []string{
	"at", "kind", "outcome", "reason", "session", "principal", "actor", "address", "user_agent", "method", "path",
	"request", "detail", "error", "count", "erased", "doubt", "writer", "seq",
}

// A CSV writes entries as a table for spreadsheets (RFC 4180), with the names of the
// columns in its first row. A field that a spreadsheet would take for a formula has
// an apostrophe before it.
type CSV struct {
	w     *csv.Writer
	begun bool
}

// NewCSV returns a table that is written to w.
func NewCSV(w io.Writer) *CSV { return &CSV{w: csv.NewWriter(w)} }

// Write writes an entry; its error may be that of one before.
func (c *CSV) Write(e Entry) error {
	if !c.begun {
		c.begun = true
		if err := c.w.Write(csvColumns); err != nil {
			return err
		}
	}
	session, address := "", ""
	if !e.Session.IsZero() {
		session = e.Session.String()
	}
	if e.Address.IsValid() {
		address = e.Address.String()
	}
	fields := []string{
		e.At.UTC().Format(time.RFC3339Nano), string(e.Kind), string(e.Outcome), string(e.Reason), session, e.Principal, e.Actor, address,
		e.UserAgent, e.Method, e.Path, e.Request, e.Detail, e.Error, strconv.Itoa(e.Count), strconv.FormatBool(e.Erased), e.Doubt,
		e.Writer, strconv.FormatInt(e.Seq, 10),
	}
	for i, f := range fields {
		fields[i] = defused(f)
	}
	return c.w.Write(fields)
}

// defused is a field that no spreadsheet computes, and that is one line.
func defused(s string) string {
	s = Plain(s)
	// The wide forms of the signs are taken for them; a part behind a semicolon is a
	// field of its own where that is the sign between fields.
	for part := range strings.SplitSeq(s, ";") {
		if strings.IndexAny(strings.TrimLeft(part, " \"'"), "=+-@|%＝＋－＠") == 0 {
			return "'" + strings.ReplaceAll(s, ";", ",")
		}
	}
	return s
}

// Flush writes what is buffered. A table without entries has its columns' names all
// the same.
func (c *CSV) Flush() error {
	if !c.begun {
		c.begun = true
		if err := c.w.Write(csvColumns); err != nil {
			return err
		}
	}
	c.w.Flush()
	return c.w.Error()
}

// LogValue lists what is known, for slog.
func (e Entry) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Time("at", e.At)}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("kind", string(e.Kind))
	add("outcome", string(e.Outcome))
	add("reason", string(e.Reason))
	if !e.Session.IsZero() {
		add("session", e.Session.String())
	}
	add("principal", e.Principal)
	add("actor", e.Actor)
	if e.Address.IsValid() {
		add("address", e.Address.String())
	}
	add("user_agent", e.UserAgent)
	add("method", e.Method)
	add("path", e.Path)
	add("request", e.Request)
	add("detail", e.Detail)
	add("error", e.Error)
	if e.Count > 1 {
		attrs = append(attrs, slog.Int("count", e.Count))
	}
	add("writer", e.Writer)
	attrs = append(attrs, slog.Int64("seq", e.Seq))
	return slog.GroupValue(attrs...)
}

// SlogCopy is an [Options.Copy] that writes entries to a logger at level Info: with
// a JSON handler, as JSON lines.
func SlogCopy(to *slog.Logger) func(Entry) {
	return func(e Entry) { to.LogAttrs(context.Background(), slog.LevelInfo, "audit", slog.Any("entry", e)) }
}

// String is the entry as a line for people, that nothing in it can break or forge.
func (e Entry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s", e.At.UTC().Format("2006-01-02 15:04:05"), Plain(string(e.Kind)))
	add := func(what, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s%s", what, Plain(value))
		}
	}
	add("", string(e.Outcome))
	add("reason ", string(e.Reason))
	add("of ", e.Principal)
	add("by ", e.Actor)
	if e.Address.IsValid() {
		add("from ", e.Address.String())
	}
	if !e.Session.IsZero() {
		add("session ", e.Session.String())
	}
	add("", e.Detail)
	add("error ", e.Error)
	if e.Count > 1 {
		fmt.Fprintf(&b, "  %d times", e.Count)
	}
	if e.Erased {
		b.WriteString("  (its personal part was erased)")
	}
	add("! ", e.Doubt)
	return b.String()
}
