package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A document is the keys as they are kept, in JSON:
//
//	{"keys": [{"id": "3fa94c01", "secret": "…32 bytes in base64…",
//	           "created": "2026-01-05T09:00:00Z", "active_from": "2026-01-05T09:10:00Z"}]}
//
// A key that is retired has "retired_at" and its secret no longer.
type document struct{ entries []entry }

// An entry is one key of a document.
type entry struct {
	info   KeyInfo
	secret material // empty: it was retired
}

// wire is an entry as JSON has it.
type wire struct {
	ID         string     `json:"id"`
	Secret     string     `json:"secret,omitempty"`
	Created    *time.Time `json:"created,omitempty"`
	ActiveFrom *time.Time `json:"active_from,omitempty"`
	RetiredAt  *time.Time `json:"retired_at,omitempty"`
}

type wireDocument struct {
	Keys []wire `json:"keys"`
}

// parseDocument reads a document. Its errors say which key is wrong and how,
// and never what stands there.
func parseDocument(text []byte) (*document, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var w wireDocument
	if err := d.Decode(&w); err != nil {
		return nil, errors.New(`these are no keys: want {"keys": [{"id": …, "secret": …}]}, as satra keys new makes it`)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more behind the keys")
	}
	doc := &document{}
	var errs []error
	for i, k := range w.Keys {
		e, err := k.entry()
		if err == nil && slices.ContainsFunc(doc.entries, func(o entry) bool { return o.info.ID == e.info.ID }) {
			err = errors.New("its ID is that of another one as well")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		doc.entries = append(doc.entries, e)
	}
	if len(w.Keys) == 0 {
		errs = append(errs, errors.New("there are no keys"))
	}
	return doc, errors.Join(errs...)
}

func (w wire) entry() (e entry, err error) {
	if e.info.ID, err = ParseKeyID(w.ID); err != nil {
		return e, errors.New("its ID is not eight hexadecimal digits, or zero")
	}
	for _, at := range []struct {
		from *time.Time
		to   *time.Time
	}{{w.Created, &e.info.Created}, {w.ActiveFrom, &e.info.ActiveFrom}, {w.RetiredAt, &e.info.RetiredAt}} {
		if at.from != nil {
			*at.to = at.from.UTC()
		}
	}
	if w.Secret == "" && !e.info.RetiredAt.IsZero() {
		return e, nil
	}
	secret, err := parseSecret(w.Secret)
	if err != nil {
		return e, fmt.Errorf("(%s) %w", e.info.ID, err)
	}
	e.secret = newMaterial(secret)
	return e, nil
}

// format returns the document as JSON.
func (d *document) format() ([]byte, error) {
	var w wireDocument
	for _, e := range d.entries {
		k := wire{ID: e.info.ID.String(), Created: told(e.info.Created), ActiveFrom: told(e.info.ActiveFrom), RetiredAt: told(e.info.RetiredAt)}
		if !e.secret.empty() {
			k.Secret = base64.StdEncoding.EncodeToString(e.secret.bytes())
		}
		w.Keys = append(w.Keys, k)
	}
	text, err := json.MarshalIndent(w, "", "  ")
	return append(text, '\n'), err
}

func told(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func (d *document) infos() []KeyInfo {
	all := make([]KeyInfo, len(d.entries))
	for i, e := range d.entries {
		all[i] = e.info
	}
	return all
}

// parseSecret reads the 32 bytes of a key in base64 of either alphabet, padded
// or not, and refuses what nobody made at random.
func parseSecret(text string) (secret [secretSize]byte, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return secret, errors.New("it has no secret")
	}
	if isPlaceholder(text) {
		return secret, errors.New("its secret is a placeholder: satra keys new makes a real one")
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawStdEncoding.Strict().DecodeString(plain)
	if err != nil {
		return secret, errors.New("its secret is not base64")
	}
	if len(raw) != secretSize {
		return secret, fmt.Errorf("its secret has %d bytes, want %d", len(raw), secretSize)
	}
	if why := weakness(raw); why != "" {
		return secret, fmt.Errorf("its secret is %s: satra keys new makes one at random", why)
	}
	return [secretSize]byte(raw), nil
}
