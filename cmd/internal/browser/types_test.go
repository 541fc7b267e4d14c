package browser

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

// types is the text of the type declarations, which are written by hand.
func types(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../client/satra.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// declared returns the sorted names of the members of a class or interface, in
// the declarations without their comments.
func declared(t *testing.T, text, what string) []string {
	t.Helper()
	text = regexp.MustCompile(`(?s)/\*\*.*?\*/`).ReplaceAllString(text, "")
	block := regexp.MustCompile(`(?s)\b` + what + `(?: extends \w+)? \{\n(.*?)\n *\}\n`).FindStringSubmatch(text)
	if block == nil {
		t.Fatalf("satra.d.ts has no %s", what)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^ +(\w+)\??[:(]`).FindAllStringSubmatch(block[1], -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// internal are the methods of the class that the parts of the client call each
// other by. Every other one is public and declared.
var internal = []string{
	"active", "asking", "breathe", "call", "change", "cover", "done", "due", "end", "failed", "forget", "freshToken", "lead",
	"listen", "look", "once", "post", "raise", "refreshAfter", "refuseChanged", "rephrase", "resync", "sawInput", "schedule",
	"settle", "show", "take", "uncover", "wake", "withdraw",
}

func TestTheTypesDeclareTheClient(t *testing.T) {
	s := play(t, "")
	text := types(t)
	methods := chrome.Eval[[]string](s.Tab, `(() => {
		const names = new Set();
		for (let p = SessionManagerClient.prototype; p !== Object.prototype; p = Object.getPrototypeOf(p)) {
			for (const name of Object.getOwnPropertyNames(p)) names.add(name);
		}
		return [...names].sort();
	})()`)
	for _, name := range internal {
		if !slices.Contains(methods, name) {
			t.Errorf("the class has no %s any more", name)
		}
	}
	methods = slices.DeleteFunc(methods, func(name string) bool { return slices.Contains(internal, name) })
	if want := declared(t, text, "class SessionManagerClient"); !slices.Equal(methods, want) {
		t.Errorf("methods:\n got %q\nwant %q, as declared", methods, want)
	}

	for what, object := range map[string]string{
		"interface SessionWords": `sessionManager.dialog.words`, "interface SessionEnvironment": `sessionManager.env`,
	} {
		got := chrome.Eval[[]string](s.Tab, `Object.keys(`+object+`).sort()`)
		if want := declared(t, text, what); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q, as declared", what, got, want)
		}
	}
}

func TestTheTypesDeclareOptionsAndEvents(t *testing.T) {
	s := play(t, "")
	text := types(t)
	// The options are what the constructor reads.
	got := chrome.Eval[[]string](s.Tab, `(() => {
		const read = new Set();
		new SessionManagerClient(new Proxy({}, { get: (_, name) => { read.add(name); } }));
		return [...read].sort();
	})()`)
	if want := declared(t, text, "interface SessionManagerOptions"); !slices.Equal(got, want) {
		t.Errorf("options:\n got %q\nwant %q, as declared", got, want)
	}
	source := ""
	for _, name := range []string{"monitor", "index"} {
		part, err := os.ReadFile("../../../client/src/" + name + ".js")
		if err != nil {
			t.Fatal(err)
		}
		source += string(part)
	}
	var events []string
	for _, m := range regexp.MustCompile(`raise\("(\w+)"`).FindAllStringSubmatch(source, -1) {
		events = append(events, m[1])
	}
	slices.Sort(events)
	if want := declared(t, text, "interface WindowEventMap"); !slices.Equal(events, want) {
		t.Errorf("events:\n got %q\nwant %q, as declared", events, want)
	}
	// The session is what the server tells.
	session := chrome.Eval[[]string](s.Tab, `Object.keys(sessionManager.session).sort()`)
	if want := declared(t, text, "interface SessionInfo"); !slices.Equal(session, want) {
		t.Errorf("session:\n got %q\nwant %q, as declared", session, want)
	}
}
