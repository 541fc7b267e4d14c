package web_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/memstore"
)

func TestAnAddressWithoutAPage(t *testing.T) {
	v := newVisitor(t, web.Config{})
	for _, path := range []string{"/nope", "/static/nope.js", "/index.html", "/market/"} {
		resp, body := v.get(path)
		if v.want(resp, body, 404, "There is nothing here", "There is no page at this address.", "To the dashboard"); v.cookie != "" {
			t.Errorf("%s: a page that does not exist has begun a session", path)
		}
	}
	resp, body := v.get("/nope", "Accept: application/json")
	v.want(resp, body, 404, `"code":"NOT_FOUND"`)
	v.submit("/preferences/theme", "theme=dark")
	resp, body = v.get("/nope")
	v.want(resp, body, 404, `data-theme="dark"`)
}

func TestMethodsThatAnAddressDoesNotHave(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.get("/")
	for _, test := range []struct{ method, path, allow string }{
		{"GET", "/watchlist/add", "POST"}, {"GET", "/session/end", "POST"}, {"HEAD", "/session/extend", "POST"}, {"OPTIONS", "/", "GET, HEAD"},
	} {
		resp, _ := v.do(test.method, test.path, nil)
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: got %d with Allow %q, want 405 with %q", test.method, test.path, resp.StatusCode, resp.Header.Get("Allow"), test.allow)
		}
	}
	if resp, body := v.do("HEAD", "/", nil); resp.StatusCode != 200 || body != "" {
		t.Errorf("HEAD /: got %d with %d bytes", resp.StatusCode, len(body))
	}
}

func TestAPanicIsAPageAndSavesNothing(t *testing.T) {
	v := visiting(t, panicking{Store: memstore.New(nil)}, web.Config{})
	resp, body := v.get("/")
	v.want(resp, body, 500, "Something went wrong on our side")
	if strings.Contains(body, "boom") || strings.Contains(body, "goroutine") {
		t.Error("the page tells of the program's inside")
	}
	if v.cookie != "" {
		t.Error("a session that was not saved has a cookie")
	}
	reference := regexp.MustCompile(`<code>([A-Z0-9]{16})</code>`).FindStringSubmatch(body)
	if reference == nil || resp.Header.Get("X-Request-Id") != reference[1] {
		t.Fatalf("the page names the request %v, the header %q", reference, resp.Header.Get("X-Request-Id"))
	}
	for _, line := range strings.Split(v.log.String(), "\n") {
		if strings.Contains(line, "msg=panic") && strings.Contains(line, "boom") && strings.Contains(line, reference[1]) {
			return
		}
	}
	t.Errorf("no line of the log tells of the panic and names the request:\n%s", v.log)
}

type panicking struct{ satra.Store }

func (panicking) Create(context.Context, *satra.Record) error { panic("boom") }

func TestAStoreThatIsDown(t *testing.T) {
	store := &down{Store: memstore.New(nil)}
	v := visiting(t, store, web.Config{})
	v.get("/")
	before := v.cookie
	store.is = true
	resp, body := v.get("/")
	v.want(resp, body, 503, "Your session is not lost")
	store.is = false
	resp, body = v.get("/")
	v.want(resp, body, 200)
	if v.cookie != before {
		t.Error("the session was lost")
	}
}

type down struct {
	satra.Store
	is bool
}

func (d *down) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	if d.is {
		return nil, satra.ErrUnavailable
	}
	return d.Store.Find(ctx, id, f)
}

func TestPagesThatDependOnValuesNobodyCanRead(t *testing.T) {
	store := &garbled{Store: memstore.New(nil)}
	v := visiting(t, store, web.Config{})
	v.submit("/preferences/theme", "theme=dark")
	store.is = true
	resp, body := v.get("/")
	v.want(resp, body, 200, "Guest", "Nothing here yet")
}

// garbled is a store whose values a newer program has written.
type garbled struct {
	satra.Store
	is bool
}

func (g *garbled) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	rec, err := g.Store.Find(ctx, id, f)
	if err == nil && g.is {
		rec.Values = []satra.Value{
			{Key: "theme", Data: []byte("{"), Rev: 1}, {Key: "watchlist", Data: []byte("7"), Rev: 1},
		}
	}
	return rec, err
}
