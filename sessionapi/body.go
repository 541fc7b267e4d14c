package sessionapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"unicode/utf8"

	"github.com/satra-sessions/satra"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 64 << 10

// readToken reads {"csrf_token": "…"}: one object, with that key once, and no
// other text. What is malformed is a 400 and never a 5xx.
func readToken(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", &satra.Problem{Status: http.StatusRequestEntityTooLarge, Code: satra.CodeBadRequest, Message: "The body is larger than 64 kB."}
	case err != nil:
		return "", badRequest("The body could not be read.")
	case len(bytes.TrimSpace(body)) == 0:
		return "", badRequest("CSRF token required")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return "", &satra.Problem{Status: http.StatusUnsupportedMediaType, Code: satra.CodeMediaType, Message: "The body must be application/json."}
	}
	return parseToken(body)
}

func badRequest(message string) error {
	return &satra.Problem{Status: http.StatusBadRequest, Code: satra.CodeBadRequest, Message: message}
}

// parseToken walks the object's keys one by one: encoding/json alone would take
// the last of two keys, and would not mind how they are spelt.
func parseToken(body []byte) (string, error) {
	malformed := badRequest("The body must be a JSON object with a csrf_token.")
	if !utf8.Valid(body) || !json.Valid(body) {
		return "", malformed
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return "", malformed
	}
	seen := map[string]bool{}
	token := ""
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return "", malformed
		}
		key := name.(string) // of an object, in valid JSON
		if seen[key] {
			return "", badRequest("The body has a key twice.")
		}
		seen[key] = true
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return "", malformed
		}
		if key != "csrf_token" {
			continue
		}
		if value[0] != '"' || json.Unmarshal(value, &token) != nil {
			return "", badRequest("The csrf_token must be a string.")
		}
	}
	if token == "" {
		return "", badRequest("CSRF token required")
	}
	return token, nil
}
