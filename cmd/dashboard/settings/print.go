package settings

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Print writes the settings in force, each with where it comes from. Passwords
// are left out.
func (s *Settings) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for i := range table {
		if d := &table[i]; d.show != nil {
			fmt.Fprintf(t, "%s\t%s\t%s\n", d.name, cmp.Or(plain(d.show(s)), "none"), s.origins[d.name])
		}
	}
	return t.Flush()
}

// Usage writes what -h shows.
func Usage(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`dashboard serves a dashboard for the Indian stock market, with live sessions.

  dashboard                  try it: http://127.0.0.1:8080
  dashboard -print-config    show the settings in force, and end

A flag counts more than the environment, the environment more than the file
that -config names, and the file more than the default.
`)
	for i := range table {
		d := &table[i]
		fmt.Fprintf(&b, "\n  -%s\n      %s\n", strings.TrimSpace(d.name+" "+d.arg), d.help)
		var notes []string
		if d.byDefault != "" && !d.isSwitch() {
			notes = append(notes, "default "+d.byDefault)
		}
		if d.env != "" {
			notes = append(notes, "environment "+d.env)
		}
		if len(notes) > 0 {
			fmt.Fprintf(&b, "      (%s)\n", strings.Join(notes, "; "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Markdown writes the table of the settings for the documents.
func Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| flag, and key in the file | environment | default | what it is |\n|---|---|---|---|\n")
	code := func(text string) string {
		if text == "" {
			return "–"
		}
		return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
	}
	for i := range table {
		d := &table[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(strings.TrimSpace("-"+d.name+" "+d.arg)), code(d.env), code(d.byDefault), d.help)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
