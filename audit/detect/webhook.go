package detect

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// WebhookOptions of a [Webhook]. The zero value is a good choice.
type WebhookOptions struct {
	// Client sends. Default: one that gives each attempt 10 seconds and follows no
	// redirect.
	Client *http.Client

	// Attempts is how often a message is sent before it is given up. Default 8, over
	// some four minutes.
	Attempts int

	// Queue is how many messages wait at most. Default 1000.
	Queue int

	// Problem is told of messages that were given up. Default: nobody.
	Problem func(error)
}

// A Webhook tells another program of findings: a POST of JSON that is signed with a
// secret that both know. Messages are sent one after the other, in their order, and
// repeated with growing pauses until they are answered 2xx.
type Webhook struct {
	url    string
	secret []byte
	client *http.Client
	box    *outbox[post]
}

// A post is a message as it is sent.
type post struct {
	id   string
	body []byte
}

// The headers of a message. The signature is "v1=" and HMAC-SHA256, in hexadecimal,
// over the time, a full stop, and the body.
const (
	TimestampHeader = "Satra-Timestamp" // seconds since 1970
	SignatureHeader = "Satra-Signature"

	// MessageIDHeader bears the message's "id", the same each time that it is sent: a
	// receiver whose answer was lost gets it twice. Only the one in the body is signed.
	MessageIDHeader = "Satra-Message-Id"
)

// A message is what is sent.
type message struct {
	ID        string    `json:"id"`
	Rule      Rule      `json:"rule"`
	Strength  Strength  `json:"strength"`
	At        time.Time `json:"at"`
	Text      string    `json:"text"`
	Facts     []Fact    `json:"facts"`
	Session   string    `json:"session_id,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Network   string    `json:"network,omitempty"`
	Action    string    `json:"action"`
	DryRun    bool      `json:"dry_run"`
	Why       string    `json:"why,omitempty"`

	Entries []EntryRef `json:"entries"`
}

// NewWebhook returns a webhook to an address of https, or of http on this machine. The
// secret has 16 bytes or more. Close ends it.
func NewWebhook(address string, secret []byte, o *WebhookOptions) (*Webhook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, errors.New("detect: a webhook's address is https://host/path, or http:// on this machine")
	}
	if len(secret) < 16 {
		return nil, errors.New("detect: a webhook's secret has 16 bytes or more")
	}
	if o == nil {
		o = &WebhookOptions{}
	}
	w := &Webhook{url: address, secret: bytes.Clone(secret), client: o.Client}
	if w.client == nil {
		w.client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	w.box = newOutbox("webhook", o.Attempts, o.Queue, o.Problem, w.send)
	return w, nil
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Notify is for [PolicyOptions.OnNotify]: it takes the message, and does not wait for
// it to be sent.
//
// Errors: the queue is full, or the webhook closed.
func (w *Webhook) Notify(_ context.Context, d Decision) error {
	f := d.Finding
	m := message{
		ID: rand.Text(), Rule: f.Rule, Strength: f.Strength, At: f.At, Text: f.Text, Facts: f.Facts, Principal: f.Principal, Network: f.Network,
		Action: d.Action.String(), DryRun: d.DryRun, Why: d.Why, Entries: f.Entries,
	}
	if !f.Session.IsZero() {
		m.Session = f.Session.String()
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return w.box.put(post{m.ID, body})
}

// send sends a message once, and reports whether it is worth while to do it again.
// Errors do not tell the address, which may hold a secret.
func (w *Webhook) send(ctx context.Context, p post) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(p.body))
	if err != nil {
		return false, errors.New("the address cannot be used")
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(TimestampHeader, at)
	r.Header.Set(SignatureHeader, "v1="+hex.EncodeToString(signature(w.secret, at, p.body)))
	r.Header.Set(MessageIDHeader, p.id)
	resp, err := w.client.Do(r)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return true, err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return false, nil
	case code/100 == 5, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return true, fmt.Errorf("it answers %d", code)
	default:
		return false, fmt.Errorf("it answers %d", code)
	}
}

func signature(secret []byte, at string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, at+".")
	mac.Write(body)
	return mac.Sum(nil)
}

// VerifyWebhook is for the program that receives: it reports whether a message was
// signed with the secret, no longer than maxAge before or after now.
func VerifyWebhook(h http.Header, body, secret []byte, now time.Time, maxAge time.Duration) bool {
	at := h.Get(TimestampHeader)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > maxAge {
		return false
	}
	given, found := strings.CutPrefix(h.Get(SignatureHeader), "v1=")
	mac, err := hex.DecodeString(given)
	return found && err == nil && hmac.Equal(mac, signature(secret, at, body))
}

// Close sends what waits, until ctx is done. What is left is given up.
func (w *Webhook) Close(ctx context.Context) error { return w.box.close(ctx) }
