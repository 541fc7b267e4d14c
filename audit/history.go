package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
)

// historyPages bounds how much is read for one page of a history, where most entries
// are of kinds that nobody is told.
const historyPages = 10

// History returns a page of what a person is told of their own account, the newest
// first: sign-ins, refused ones too, fresh proofs, ends, and what looked like theft.
// after is the last entry of the page before, or zero. more says that there may be
// older ones; a page may be short all the same.
//
// Errors: those of [Reader.Entries].
func (r *Reader) History(ctx context.Context, principal string, after Entry, limit int) (page []Entry, more bool, err error) {
	if principal == "" {
		return nil, false, errNothing
	}
	if limit < 1 || limit > 1000 {
		return nil, false, fmt.Errorf("audit: a page of %d entries: want 1 to 1000", limit)
	}
	f := Filter{Principal: principal, After: after, Limit: max(limit, 100)}
	for range historyPages {
		entries, err := r.Entries(ctx, f)
		if err != nil {
			return nil, false, err
		}
		for i, e := range entries {
			if Tell(e, nil) == "" {
				continue
			}
			if page = append(page, e); len(page) == limit {
				return page, i+1 < len(entries) || len(entries) == f.Limit, nil
			}
		}
		if len(entries) < f.Limit {
			return page, false, nil
		}
		f.After = entries[len(entries)-1]
	}
	return page, true, nil
}

// Tell says in plain words what an entry means to the person whose account it is
// about: "Signed in with passphrase on Firefox, Windows, from 203.0.113.7". "" is
// for what people are not told. describe names a browser and its system; default
// [satra.DescribeUserAgent].
func Tell(e Entry, describe func(userAgent string) (browser, system string)) string {
	if e.Kind == KindFinding {
		return "Noticed: " + strings.TrimSuffix(Plain(e.Detail), ".")
	}
	said := sentence(e)
	if said == "" {
		return ""
	}
	if e.Actor != "" && e.Actor != e.Principal {
		return said // where an administrator sat is not theirs to know
	}
	if describe == nil {
		describe = satra.DescribeUserAgent
	}
	if browser, system := describe(e.UserAgent); browser != "" || system != "" {
		said += " on " + strings.Trim(browser+", "+system, ", ")
	}
	if e.Address.IsValid() {
		said += ", from " + e.Address.String()
	}
	if e.Count > 1 {
		said += fmt.Sprintf(" (%d times)", e.Count)
	}
	return said
}

func sentence(e Entry) string {
	if e.Outcome == Intent {
		return "" // the outcome is told
	}
	switch e.Kind {
	case satra.EventSignedIn:
		return "Signed in" + by(e.Detail)
	case satra.EventReauthenticated:
		return "Confirmed it was you" + by(e.Detail)
	case satra.EventSignInRefused:
		return "A sign-in was refused" + because(e.Detail)
	case satra.EventReusedToken:
		return "An old copy of a session's cookie was used"
	case satra.EventStepUp:
		return "You were asked to confirm that it is you"
	case satra.EventEnded:
		return ended(e.Reason)
	case satra.EventEndedAll:
		if e.Reason == satra.ReasonDisabled {
			return "The account was disabled"
		}
	}
	return ""
}

// ended tells an end. Idle sessions and those that reached their lifetime are over
// without anybody's doing, and leave no entry.
func ended(why satra.Reason) string {
	switch why {
	case satra.ReasonSignedOut:
		return "Signed out"
	case satra.ReasonElsewhere:
		return "Ended a session from another device"
	case satra.ReasonLimit:
		return "The oldest session ended, because there were too many"
	case satra.ReasonAdministrator:
		return "An administrator ended a session"
	case satra.ReasonStolen:
		return "A session was ended to protect you, because a copy of its cookie was used"
	case satra.ReasonReplaced:
		return "A session ended, because somebody else signed in on the same browser"
	case satra.ReasonDisabled:
		return "A session ended, because the account was disabled"
	case satra.ReasonIncomplete:
		return ""
	}
	return "A session ended"
}

func by(method string) string {
	if method == "" {
		return ""
	}
	return " with " + Plain(method)
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + Plain(why)
}

// Cursor names the entry's place, for a page that begins after it.
func (e Entry) Cursor() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %s", e.At.UnixMicro(), e.Seq, e.Writer))
}

// ParseCursor reads what [Entry.Cursor] wrote, for [Filter.After]; "" is the zero
// entry, of the first page.
func ParseCursor(s string) (Entry, error) {
	if s == "" {
		return Entry{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(clip(s, 512))
	at, rest, _ := strings.Cut(string(text), " ")
	seq, writer, _ := strings.Cut(rest, " ")
	us, errAt := strconv.ParseInt(at, 10, 64)
	n, errSeq := strconv.ParseInt(seq, 10, 64)
	if errors.Join(err, errAt, errSeq) != nil || writer == "" || len(writer) > 128 {
		return Entry{}, errors.New("audit: this is no place in the log")
	}
	return Entry{At: time.UnixMicro(us).UTC(), Seq: n, Writer: writer}, nil
}
