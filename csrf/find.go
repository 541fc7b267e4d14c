package csrf

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
)

// find looks for the token where a site cannot put one unless it knows it: in
// the header, else in the body. Never in the query, which ends up in logs and
// in Referer, and never in a cookie, which comes by itself. A header decides
// alone, right or wrong; a token that came twice is found, and is wrong.
func (p *Protection) find(r *http.Request) (text string, found bool) {
	if values, ok := r.Header[headerName]; ok {
		if len(values) != 1 {
			return "", true
		}
		return values[0], true
	}
	if text, found := inParsedForm(r); found {
		return text, true
	}
	if r.Body == nil || r.Body == http.NoBody {
		return "", false
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", false
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		return p.search(r, inForm)
	case "multipart/form-data":
		return p.search(r, func(b *searched) (string, bool) { return inMultipart(b, params["boundary"]) })
	case "application/json":
		return p.search(r, func(b *searched) (string, bool) { return inJSON(b) })
	}
	return "", false
}

// search reads the beginning of the body for the search in it, and puts the
// body back as it was.
func (p *Protection) search(r *http.Request, in func(*searched) (string, bool)) (string, bool) {
	bound := p.maxBody
	if bound == 0 {
		bound = defaultMaxBody
	}
	b := &searched{body: r.Body, bound: bound}
	if 0 < r.ContentLength && r.ContentLength <= bound {
		b.kept = make([]byte, 0, r.ContentLength)
	}
	text, found := in(b)
	r.Body = &restored{kept: b.kept, err: b.err, rest: b.body}
	return text, found
}

// inParsedForm looks into the form that a handler outside has parsed already.
// Only values of the body are there, none of the query.
func inParsedForm(r *http.Request) (string, bool) {
	if values := r.PostForm[fieldName]; len(values) > 0 {
		return values[0], true
	}
	if r.MultipartForm != nil {
		if values := r.MultipartForm.Value[fieldName]; len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
}

// inForm looks for the first field of the name, as FormValue would. In a form
// that is longer than the bound it may be the last pair that is cut off.
func inForm(b *searched) (string, bool) {
	_, err := io.Copy(io.Discard, b)
	form := b.kept
	for len(form) > 0 {
		pair, rest, more := bytes.Cut(form, []byte("&"))
		if err != nil && !more {
			break
		}
		form = rest
		name, value, _ := bytes.Cut(pair, []byte("="))
		if key, err := url.QueryUnescape(string(name)); err != nil || key != fieldName {
			continue
		}
		text, err := url.QueryUnescape(string(value))
		return text, err == nil
	}
	return "", false
}

// inMultipart looks for the first field of the name, and reads no further: what
// follows may be files, which the handler wants to stream. A form with files
// therefore puts the field first.
func inMultipart(b io.Reader, boundary string) (string, bool) {
	if boundary == "" || len(boundary) > 70 { // RFC 2046 §5.1.1
		return "", false
	}
	parts := multipart.NewReader(b, boundary)
	for {
		part, err := parts.NextPart()
		if err != nil {
			return "", false
		}
		if part.FormName() != fieldName || part.FileName() != "" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, maskedLength+1))
		return string(text), err == nil
	}
}

// inJSON looks for the member of the name in the object that is the body. The
// name is compared exactly, unlike encoding/json does with a struct's, and must
// come once: parsers do not agree on which of two counts (RFC 8259 §4).
func inJSON(b io.Reader) (text string, found bool) {
	dec := json.NewDecoder(b)
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return "", false
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "", false
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return "", false
		}
		if name != fieldName {
			continue
		}
		if found || json.Unmarshal(value, &text) != nil {
			return "", true
		}
		found = true
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return "", false
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", false
	}
	return text, found
}
