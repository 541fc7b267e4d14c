package satra

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"
)

// page is the problem as a page of its own: it needs no style sheet and no
// script, so that it can be shown whatever else is broken.
func (p *Problem) page(r *http.Request) []byte {
	title, text := p.title(), p.explain()
	var b strings.Builder
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
</head>
<body>
<main>
<h1>%[1]s</h1>
<p>%s</p>
`, html.EscapeString(title), html.EscapeString(text))
	if SafeMethod(r.Method) {
		b.WriteString("<p><a href=\"\">Continue</a></p>\n")
	} else {
		b.WriteString("<p><a href=\"/\">To the first page</a></p>\n")
	}
	b.WriteString("</main>\n</body>\n</html>\n")
	return []byte(b.String())
}

func (p *Problem) title() string {
	switch {
	case p.Reason != "":
		return "Your session has ended"
	case p.Status == http.StatusUnauthorized:
		return "No session"
	case p.Status == http.StatusServiceUnavailable:
		return "Not available just now"
	}
	return http.StatusText(p.Status)
}

// explain says in a sentence what happened.
func (p *Problem) explain() string {
	if p.Ended != nil {
		return p.Ended.Explain()
	}
	return p.Message
}

// Explain says to its owner, in a sentence, why the session is over.
func (e *EndedError) Explain() string {
	switch e.End.Reason {
	case ReasonIdle:
		return fmt.Sprintf("It ended by itself because nothing happened for %s.", inWords(e.Idle))
	case ReasonLifetime:
		return "The session reached its longest duration. However much it is used, it ends then."
	case ReasonDaily:
		return "All sessions end at this time of the day, so that each day begins with a fresh sign-in."
	case ReasonSignedOut:
		return "You signed out."
	case ReasonElsewhere:
		return "You ended this session from another device."
	case ReasonLimit:
		return "You signed in on another device, and this was the oldest of your sessions."
	case ReasonAdministrator:
		return "An administrator ended this session."
	case ReasonStolen:
		return "A copy of this session's cookie was used. The session was ended to protect you."
	case ReasonDisabled:
		return "This account was disabled."
	case ReasonReplaced:
		return "Somebody else signed in on this browser."
	}
	return "The session has ended."
}

// inWords tells a duration in the largest unit that is exact: 1 hour, 90
// minutes, 45 seconds.
func inWords(d time.Duration) string {
	unit, name := time.Second, "second"
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		unit, name = time.Hour, "hour"
	case d >= time.Minute && d%time.Minute == 0:
		unit, name = time.Minute, "minute"
	}
	n := int64(d / unit)
	if n != 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", n, name)
}
