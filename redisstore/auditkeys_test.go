package redisstore

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func (k *kit) addKey(owner, secret string) {
	k.Helper()
	err := k.AddAuditKeys(k.Context(), []auditWrappedKey{{Owner: []byte(owner), At: 1, Key: []byte(secret)}})
	if err != nil {
		k.Fatalf("AddAuditKeys: %v", err)
	}
}

// inFiles counts a text in what is below a folder.
func inFiles(t *testing.T, dir, text string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // gone since
		}
		data, err := os.ReadFile(path)
		if err == nil {
			n += bytes.Count(data, []byte(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// written waits until the server has written its append-only file anew as often as it
// was asked to.
func written(t *testing.T, server *testserver.Redis) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); {
		info := server.CLI("info", "persistence")
		if infoField(info, "aof_rewrite_in_progress") == "0" && infoField(info, "aof_rewrite_scheduled") == "0" {
			return
		}
	}
	t.Fatal("the server does not come to the end of its append-only file")
}

func TestNothingIsLeftOfAnErasedKeyInTheAppendOnlyFile(t *testing.T) {
	dir := t.TempDir()
	server := testserver.StartRedis(t, true, "--dir", dir)
	k := newKit(t, server)
	const secret, other = "the secret of somebody", "the secret of another"
	k.addKey("asha", secret)
	k.addKey("vikram", other)
	if inFiles(t, dir, secret) == 0 {
		t.Fatal("the key is not in the server's file, which then shows nothing")
	}
	if n, err := k.EraseAuditKeys(t.Context(), [][]byte{[]byte("asha")}); n != 1 || err != nil {
		t.Fatalf("EraseAuditKeys: got %d, %v, want 1", n, err)
	}
	written(t, server)
	if n := inFiles(t, dir, secret); n != 0 {
		t.Errorf("the erased key is in the server's files %d times, want never", n)
	}
	if inFiles(t, dir, other) == 0 || k.number("EXISTS", k.auditErasedKey()) != 0 {
		t.Error("the other key is gone, or a mark has stayed")
	}
}

// TestAFileThatIsBeingWrittenIsAskedForAgain has a server begin to write its file anew
// before a key is erased: that file will have the key.
func TestAFileThatIsBeingWrittenIsAskedForAgain(t *testing.T) {
	dir := t.TempDir()
	server := testserver.StartRedis(t, true, "--dir", dir, "--rdb-key-save-delay", "10000000") // 10 s for each key
	k := openKit(t, server.URL(), Options{Prefix: "p:", Timeout: 2 * time.Second})
	const secret = "the secret of somebody"
	k.addKey("asha", secret)
	server.CLI("bgrewriteaof")
	owners := [][]byte{[]byte("asha")}
	n, err := k.EraseAuditKeys(t.Context(), owners)
	if n != 1 || !errors.Is(err, satra.ErrUnavailable) || !strings.Contains(err.Error(), "erase again") {
		t.Fatalf("erasing while the file is written: got %d, %v, want 1 and an error that says to erase again", n, err)
	}
	if got, err := k.AuditKeys(t.Context(), owners); len(got) != 0 || err != nil {
		t.Errorf("the key is still to be read: %v, %v", got, err)
	}
	server.CLI("config", "set", "rdb-key-save-delay", "0")
	server.CLI("config", "set", "appendonly", "no") // ends the writing
	server.CLI("config", "set", "appendonly", "yes")
	written(t, server)
	if n, err := k.EraseAuditKeys(t.Context(), owners); n != 0 || err != nil {
		t.Fatalf("erasing again: got %d, %v, want 0 and no error", n, err)
	}
	written(t, server)
	if inFiles(t, dir, secret) != 0 || k.number("EXISTS", k.auditErasedKey()) != 0 {
		t.Error("the key is in the file, or a mark has stayed")
	}
}

func TestAServerWithoutAnAppendOnlyFileWritesNone(t *testing.T) {
	dir := t.TempDir()
	server := testserver.StartRedis(t, false, "--dir", dir)
	k := newKit(t, server)
	k.addKey("asha", "secret")
	if n, err := k.EraseAuditKeys(t.Context(), [][]byte{[]byte("asha")}); n != 1 || err != nil {
		t.Fatalf("EraseAuditKeys: got %d, %v, want 1", n, err)
	}
	written(t, server)
	if all, err := os.ReadDir(dir); err != nil || len(all) > 0 {
		t.Errorf("the server has written %v, %v, want nothing", all, err)
	}
}
