package seal

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWeakSecretsAreRefused(t *testing.T) {
	encode := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	each := func(f func(i int) byte) string {
		b := make([]byte, secretSize)
		for i := range b {
			b[i] = f(i)
		}
		return encode(b)
	}
	good := string(encode(randomMaterial().bytes()))
	half := randomMaterial().bytes()[:16]
	for _, c := range []struct{ secret, want string }{
		{"", "no secret"},
		{"changeme", "a placeholder"},
		{"CHANGE_ME", "a placeholder"},
		{"secret", "a placeholder"},
		{"change-me-please-changeme", "a placeholder"},
		{"your-secret-key-here", "a placeholder"},
		{"SecretSecretSecretSecretSecretSecretSecretS=", "a placeholder"},
		{"not base64!", "not base64"},
		{good[:40], "has 30 bytes, want 32"},
		{encode(randomMaterial().bytes()[:16]), "has 16 bytes, want 32"},
		{encode(append(randomMaterial().bytes(), 1)), "has 33 bytes, want 32"},
		{each(func(int) byte { return 0 }), "all zero"},
		{each(func(int) byte { return 0xaa }), "one byte, repeated"},
		{each(func(i int) byte { return byte(i) }), "bytes in their order"},
		{each(func(i int) byte { return byte(255 - 7*i) }), "bytes in their order"},
		{encode(append(append([]byte{}, half...), half...)), "half of one, twice"},
		{encode([]byte("a passphrase of thirty-two bytes")), "text, not random"},
		{encode([]byte("0123456789abcdef0123456789abcdeF")), "text, not random"},
		{each(func(i int) byte { return byte(i*i) % 7 * 40 }), "too few different bytes"},
	} {
		_, err := parseSecret(c.secret)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got error %v, want %q", c.secret, err, c.want)
		}
	}
	for range 1000 {
		text := encode(randomMaterial().bytes())
		for _, form := range []string{text, strings.TrimRight(text, "="), strings.NewReplacer("+", "-", "/", "_").Replace(text), " " + text + "\n"} {
			if _, err := parseSecret(form); err != nil {
				t.Fatalf("%q, made at random: %v", form, err)
			}
		}
	}
}

func TestDocumentsThatAreWrong(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString(randomMaterial().bytes())
	key := `{"id":"01020304","secret":"` + secret + `"}`
	for _, c := range []struct{ text, want string }{
		{"", "these are no keys"},
		{secret, "these are no keys"},
		{`[]`, "these are no keys"},
		{`{"keys":[` + key + `],"more":1}`, "these are no keys"},
		{`{"keys":[` + key + `]}{}`, "more behind the keys"},
		{`{"keys":[]}`, "there are no keys"},
		{`{}`, "there are no keys"},
		{`{"keys":[` + key + `,` + key + `]}`, "key 2: its ID is that of another"},
		{`{"keys":[{"id":"1","secret":"` + secret + `"}]}`, "key 1: its ID"},
		{`{"keys":[{"id":"00000000","secret":"` + secret + `"}]}`, "key 1: its ID"},
		{`{"keys":[{"id":"` + secret + `"}]}`, "key 1: its ID"},
		{`{"keys":[{"id":"01020304"}]}`, "key 1: (01020304) it has no secret"},
		{`{"keys":[{"id":"01020304","secret":"x"},{"id":"x"}]}`, "key 2"},
	} {
		_, err := parseDocument([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s…: got error %v, want %q", c.text, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
	doc, err := parseDocument([]byte(`{"keys":[` + key + `,{"id":"0a000000","retired_at":"2026-01-01T00:00:00Z"}]}`))
	if err != nil || len(doc.entries) != 2 || doc.entries[0].info.ActiveFrom.IsZero() == false || !doc.entries[1].secret.empty() {
		t.Errorf("a right document: got %v, %v", doc, err)
	}
	again, err := doc.format()
	if same, err2 := parseDocument(again); err != nil || err2 != nil || len(same.entries) != 2 || same.entries[1].info != doc.entries[1].info {
		t.Errorf("written and read again: %v, %v", err, err2)
	}
}

func TestKeysComeFromAFileTheEnvironmentOrACommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	if made, err := CreateFile(path, time.Now()); !made || err != nil {
		t.Fatal(made, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SEAL_TEST_KEYS", string(text))
	cat := filepath.Join(t.TempDir(), "cat")
	if err := os.WriteFile(cat, []byte("#!/bin/sh\nexec cat \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var ids []KeyID
	for _, setting := range []string{"file:" + path, "env:SEAL_TEST_KEYS", "command:" + cat + " " + path} {
		source, err := ParseSource(setting)
		if err != nil {
			t.Fatal(err)
		}
		ring, err := Open(t.Context(), source, nil)
		if err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		ids = append(ids, ring.Keys()[0].ID)
		ring.Close()
	}
	if ids[0] != ids[1] || ids[0] != ids[2] {
		t.Errorf("one document is read as %v", ids)
	}
}

func TestSourcesThatFail(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open.json")
	if _, err := CreateFile(open, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o604, 0o640, 0o620, 0o601} {
		if err := os.Chmod(open, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), File(open), nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("a file of mode %#o: got error %v", mode, err)
		}
	}
	failing := filepath.Join(t.TempDir(), "failing")
	script := "#!/bin/sh\necho hunter2\necho hunter2 >&2\nexit 3\n"
	endless := filepath.Join(t.TempDir(), "endless")
	if err := os.WriteFile(endless, []byte("#!/bin/sh\nexec cat /dev/zero\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(failing, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source Source
		want   string
	}{
		{File(filepath.Join(t.TempDir(), "none.json")), "no such file"},
		{Env("SEAL_TEST_NOTHING"), "is not set"},
		{Command(failing, "hunter2"), "exit status 3"},
		{Command("/nowhere/at/all"), "no such file"},
		{Command(endless), "endless"},
	} {
		_, err := Open(t.Context(), c.source, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got error %v, want %q and no secret", c.source, err, c.want)
		}
	}
	for _, setting := range []string{"", "file:", "env:", "env:A B", "command: ", "hunter2", "http://hunter2", "file"} {
		if _, err := ParseSource(setting); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the setting %q: got error %v", setting, err)
		}
	}
}
