package openapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// A ledger holds answers against the document, and notes what has been seen of
// its promises.
type ledger struct {
	*world
	*document
	seen map[string]bool
}

// hold looks whether an answer is as the document says.
func (l *ledger) hold(method, path string, got answer) {
	l.t.Helper()
	key, r := l.response(method, path, got.status)
	if r == nil {
		l.t.Errorf("%s is not described: %s", key, got.body)
		return
	}
	l.seen[key] = true
	wrong := append(l.headers(key, r, got), l.body(key, r, method, got)...)
	if other := map[bool]int{true: http.StatusNotFound, false: http.StatusMethodNotAllowed}[key == "other"]; strings.HasSuffix(key, "other") && got.status != other {
		wrong = append(wrong, fmt.Sprintf("got %d, want %d", got.status, other))
	}
	if len(wrong) > 0 {
		l.t.Errorf("%s %s is answered otherwise than described (%s):\n\t%s\n\t%v\n\t%s", method, path, key, strings.Join(wrong, "\n\t"), got.header, got.body)
	}
}

func (l *ledger) headers(key string, r node, got answer) (wrong []string) {
	described, _ := r["headers"].(node)
	for name, v := range described {
		header := l.follow(v)
		values := got.header[http.CanonicalHeaderKey(name)]
		switch {
		case len(values) > 1:
			wrong = append(wrong, name+" comes twice")
		case len(values) == 1:
			l.seen[key+" "+name] = true
			wrong = append(wrong, l.check(header["schema"], values[0], name)...)
		case header["required"] == true:
			wrong = append(wrong, name+" is missing")
		}
	}
	for name := range got.header {
		transport := slices.Contains([]string{"Content-Type", "Content-Length", "Date", "Connection"}, name)
		if described[name] == nil && !transport {
			wrong = append(wrong, name+" is not described")
		}
	}
	return wrong
}

func (l *ledger) body(key string, r node, method string, got answer) []string {
	want, body := contentOf(r)
	if got.status == http.StatusNoContent {
		want = ""
	}
	if kind := got.header.Get("Content-Type"); kind != want {
		return []string{"got the type " + kind}
	}
	if body["schema"] == nil || method == http.MethodHead {
		if got.body != "" {
			return []string{"a body is not described"}
		}
		return nil
	}
	if want == "text/event-stream" {
		return l.events(key, eventsOf(r), got.body)
	}
	return l.value(key, body["schema"], got.body)
}

// events looks at a stream's events, each by the schema of its name.
func (l *ledger) events(key string, schemas node, text string) (wrong []string) {
	if !regexp.MustCompile(`^retry: [0-9]+\n\n`).MatchString(text) {
		wrong = append(wrong, "the stream does not begin with the time after which to come again")
	}
	for _, found := range regexp.MustCompile(`(?m)^event: (.*)\nid: .*\ndata: (.*)\n$`).FindAllStringSubmatch(text, -1) {
		name := found[1]
		if schemas[name] == nil {
			wrong = append(wrong, "the event "+name+" is not described")
			continue
		}
		l.seen[key+" event="+name] = true
		wrong = append(wrong, l.value(key, schemas[name], found[2])...)
	}
	return wrong
}

// value looks at a JSON value.
func (l *ledger) value(key string, schema any, text string) []string {
	v, err := decode(text)
	if err != nil {
		return []string{err.Error()}
	}
	object, _ := v.(node)
	for _, name := range members {
		l.seen[fmt.Sprintf("%s %s=%v", key, name, object[name])] = true
	}
	return l.check(schema, v, "body")
}

var ops = []struct{ method, path string }{
	{"GET", "/info"}, {"HEAD", "/info"}, {"GET", "/csrf-token"}, {"HEAD", "/csrf-token"},
	{"POST", "/extend"}, {"POST", "/clear"}, {"POST", "/validate-csrf"}, {"GET", "/events"}, {"HEAD", "/events"},
	{"GET", "/activity"}, {"HEAD", "/activity"}, {"GET", "/devices"}, {"HEAD", "/devices"}, {"POST", "/devices/revoke-others"}, {"POST", "/devices/AAAAAAAAAAAAAAAAAAAAAA/revoke"},
}

// try makes the call as a page does that has this cookie and this token.
func (l *ledger) try(method, path, cookie, token string, header ...string) answer {
	l.t.Helper()
	body := ""
	if path == "/validate-csrf" {
		body = `{"csrf_token":"` + token + `"}`
		header = append([]string{"Content-Type: application/json"}, header...)
	}
	if cookie != "" {
		header = append(header, "Cookie: "+cookie)
	}
	if method == "POST" && token != "" {
		header = append(header, "X-CSRF-Token: "+token)
	}
	got := l.ask(method, path, body, header...)
	l.hold(method, path, got)
	return got
}

// TestTheServerIsAsDescribed provokes every answer that the document promises,
// and holds every answer that comes against it.
func TestTheServerIsAsDescribed(t *testing.T) {
	l := &ledger{world: newWorld(t), document: read(t), seen: map[string]bool{}}
	for _, op := range ops {
		l.standings(op.method, op.path)
		l.elsewhere(op.method, op.path)
	}
	l.bodies()
	l.streams()
	l.devices()
	l.activity()
	l.others()
	promised := l.promises()
	for _, promise := range promised {
		if !l.seen[promise] {
			t.Errorf("described, and never seen: %s", promise)
		}
	}
	if len(promised) < 100 {
		t.Errorf("got %d promises, want those of a whole API; is the document read?", len(promised))
	}
}

// standings makes the call in every standing of the session.
func (l *ledger) standings(method, path string) {
	l.try(method, path, "", "x")
	cookie, token := l.session()
	l.try(method, path, cookie, "")
	l.try(method, path, cookie, "wrong")
	l.with(cookie, func(ctx context.Context) error { return theme.Set(ctx, "dark") })
	l.holding.Store(true)
	l.try(method, path, cookie, token)
	l.holding.Store(false)
	l.try(method, path, cookie, token)

	for _, why := range l.follow(node{"$ref": "#/components/schemas/Reason"})["enum"].([]any) {
		cookie, token := l.ended(satra.Reason(why.(string)))
		l.try(method, path, cookie, token)
	}

	cookie, token = l.session()
	after := l.with(cookie, signIn)
	l.try(method, path, cookie, token)
	l.try(method, path, after, token)

	cookie, token = l.session()
	other, _ := l.session()
	l.try(method, path, cookie+"; "+other, token)

	l.store.down.Store(true)
	l.try(method, path, cookie, token)
	l.store.down.Store(false)
}

// elsewhere makes the call as another site can make a browser do.
func (l *ledger) elsewhere(method, path string) {
	cookie, token := l.session()
	l.try(method, path, cookie, token, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example")
	l.try(method, path, cookie, token, "Upgrade: websocket", "Origin: https://evil.example")
}

// bodies sends validate-csrf what it cannot read.
func (l *ledger) bodies() {
	const path = "/validate-csrf"
	for _, body := range []string{
		"", "{}", "[]", "{", `{"csrf_token":1}`, `{"csrf_token":"x","csrf_token":"x"}`, strings.Repeat(" ", 64<<10+1),
	} {
		l.hold("POST", path, l.ask("POST", path, body, "Content-Type: application/json"))
	}
	l.hold("POST", path, l.ask("POST", path, "csrf_token=x", "Content-Type: application/x-www-form-urlencoded"))
	l.hold("POST", path, l.breakOff(path))
}

// streams opens some and lets happen what they tell of.
func (l *ledger) streams() {
	const path = "/events"
	cookie, _ := l.session()
	early := l.listen(cookie)
	early.until("state")
	l.clock.Advance(time.Minute)
	l.with(cookie, satra.Extend)
	early.until("extended")
	l.clock.Advance(56 * time.Minute)
	late := l.listen(cookie)
	late.until("expiring")
	early.until("expiring")
	l.with(cookie, satra.SignOut)
	for _, s := range []*listener{early, late} {
		s.until("ended")
		l.hold("GET", path, s.answer())
	}
	over := l.try("GET", path, cookie, "")
	id := regexp.MustCompile(`id: (.+)`).FindStringSubmatch(over.body)[1]
	if got := l.try("GET", path, cookie, "", "Last-Event-ID: "+id); got.status != http.StatusNoContent {
		l.t.Errorf("with the last event's ID: got %d, want 204", got.status)
	}

	cookie, _ = l.session()
	vanished := l.listen(cookie)
	vanished.until("state")
	l.store.losing.Store(true)
	l.with(cookie, satra.Extend)
	l.hold("GET", path, vanished.answer())
	l.store.losing.Store(false)
	l.store.lost.Store(false)

	cookie, _ = l.session()
	for range 8 {
		s := l.listen(cookie)
		s.until("state")
		defer s.close()
	}
	l.try("GET", path, cookie, "")
	l.try("HEAD", path, cookie, "")
}

// activity reads a history, a page at a time, and pages that are none.
func (l *ledger) activity() {
	cookie, _ := l.session()
	cookie = l.with(cookie, signIn)
	if err := l.log.Record(l.t.Context(), audit.Entry{Kind: "all before is written"}); err != nil {
		l.t.Fatal(err)
	}
	first := l.try("GET", "/activity?limit=1", cookie, "")
	next := regexp.MustCompile(`"next":"([^"]+)"`).FindStringSubmatch(first.body)
	if next == nil || !strings.Contains(first.body, "Signed in") {
		l.t.Fatalf("the first page: %s", first.body)
	}
	if second := l.try("GET", "/activity?limit=100&after="+next[1], cookie, ""); second.body == first.body || !strings.Contains(second.body, `"next":""`) {
		l.t.Errorf("the second page: %s", second.body)
	}
	for _, page := range []string{"?limit=0", "?limit=101", "?limit=x", "?after=x"} {
		if got := l.try("GET", "/activity"+page, cookie, ""); got.status != http.StatusBadRequest {
			l.t.Errorf("%s: got %d %s", page, got.status, got.body)
		}
	}
}

// devices ends sessions of a principal who has some.
func (l *ledger) devices() {
	for _, path := range []string{"/devices/AAAAAAAAAAAAAAAAAAAAAA/revoke", "/devices/revoke-others"} {
		cookie, token := l.signedIn()
		other, _ := l.signedIn()
		l.with(other, satra.SignOut)
		l.try("GET", "/devices", cookie, "")
		l.try("HEAD", "/devices", cookie, "")
		l.holding.Store(true)
		l.try("POST", "/devices/"+l.id(cookie)+"/revoke", cookie, token)
		l.try("POST", path, cookie, token)
		l.holding.Store(false)
		l.try("POST", path, cookie, token)
		l.clock.Advance(6 * time.Minute)
		l.try("POST", path, cookie, token)
	}
	cookie, token := l.signedIn()
	l.try("POST", "/devices/"+l.id(cookie)+"/revoke", cookie, token)
	l.doubted()
}

// doubted asks for lists with a session that a fresh proof is demanded of.
func (l *ledger) doubted() {
	cookie, _ := l.signedIn()
	id, err := satra.ParseID(l.id(cookie))
	if err == nil {
		err = l.m.StepUp(l.t.Context(), id, satra.StepUp{Reason: "two_places"})
	}
	if err != nil {
		l.t.Fatal(err)
	}
	for _, path := range []string{"/devices", "/activity"} {
		l.try("GET", path, cookie, "")
		l.try("HEAD", path, cookie, "")
	}
}

// others makes calls that there are not.
func (l *ledger) others() {
	for _, op := range ops {
		for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS", "get"} {
			l.hold(method, op.path, l.ask(method, op.path, ""))
		}
	}
	l.hold("GET", "/extend", l.ask("GET", "/extend", ""))
	l.hold("POST", "/info", l.ask("POST", "/info", ""))
	for _, path := range []string{"/", "/nothing", "/info/", "/devices/"} {
		l.hold("GET", path, l.ask("GET", path, ""))
		l.hold("POST", path, l.ask("POST", path, ""))
	}
}

// TestTheDocumentIsWhole looks at what no answer shows: that names lead
// somewhere, that nothing is left over, and that the lists of codes and reasons
// are complete.
func TestTheDocumentIsWhole(t *testing.T) {
	d := read(t)
	if version, _ := d.root["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("got openapi %q, want 3.1", version)
	}
	ids := map[string]bool{}
	for path, item := range d.root["paths"].(node) {
		for method, v := range item.(node) {
			if method == "x-other-methods" || method == "parameters" {
				continue
			}
			op := v.(node)
			id, _ := op["operationId"].(string)
			if summary, _ := op["summary"].(string); id == "" || ids[id] || summary == "" {
				t.Errorf("%s %s: got the operationId %q and the summary %q, want one of its own and one", method, path, id, summary)
			}
			ids[id] = true
		}
	}
	d.walk(t, d.root)
	for kind, v := range d.root["components"].(node) {
		for name, component := range v.(node) {
			if ref := "#/components/" + kind + "/" + name; kind != "securitySchemes" && !d.used[ref] {
				t.Errorf("%s is used nowhere", ref)
			}
			if description, _ := component.(node)["description"].(string); kind == "responses" && description == "" {
				t.Errorf("the response %s has no description", name)
			}
		}
	}
	said := map[string]bool{}
	for _, r := range d.responses() {
		maps.Copy(said, d.chosen(r))
	}
	d.listsAll(t, said, "code", d.follow(node{"$ref": "#/components/schemas/Problem"})["properties"].(node)["code"])
	d.listsAll(t, said, "reason", d.follow(node{"$ref": "#/components/schemas/Reason"}))
}

// walk follows every reference there is, and looks that no object leaves a
// member to chance: only a reason may be missing.
func (d *document) walk(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, part := range v {
			d.walk(t, part)
		}
	case node:
		d.follow(v)
		properties, _ := v["properties"].(node)
		required, _ := v["required"].([]any)
		for name := range properties {
			if v["additionalProperties"] == false && name != "reason" && !slices.Contains(required, any(name)) {
				t.Errorf("an object need not have its %s: %v", name, v)
			}
		}
		for _, part := range v {
			d.walk(t, part)
		}
	}
}

// listsAll compares the values of an enum with those that the responses name.
func (d *document) listsAll(t *testing.T, said map[string]bool, name string, schema any) {
	t.Helper()
	var want, got []string
	for choice := range maps.Keys(said) {
		if value, ok := strings.CutPrefix(choice, name+"="); ok {
			want = append(want, value)
		}
	}
	for _, value := range schema.(node)["enum"].([]any) {
		got = append(got, value.(string))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the list of each %s is %q, and the responses name %q", name, got, want)
	}
}
