package audit

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A Checkpoint says where chains stood at a time, and is kept somewhere else
// than the log: whoever can remove entries there cannot remove it. It tells
// nothing of what the entries are about.
type Checkpoint struct {
	At     time.Time   `json:"at"`
	Writer string      `json:"writer"` // who says so
	Heads  []ChainHead `json:"heads"`
	Key    string      `json:"key"` // the ID of the key that MAC is made with
	MAC    string      `json:"mac"` // in hexadecimal
}

// A ChainHead is the last entry of a chain.
type ChainHead struct {
	Writer string `json:"writer"`
	Seq    int64  `json:"seq"`
	MAC    string `json:"mac"` // of the entry, in hexadecimal
}

// Checkpoints is another place, to which a log tells where its chains stand:
// a file on another disk, a collector of logs, a bucket that only grows.
type Checkpoints interface {
	// PutCheckpoint keeps c, durably when it returns. It is called by one
	// goroutine at a time; what failed is told again with the next one.
	PutCheckpoint(ctx context.Context, c Checkpoint) error
}

// newCheckpoint makes a checkpoint of those heads.
func newCheckpoint(k *derived, at time.Time, writer string, heads []mark) Checkpoint {
	c := Checkpoint{At: at.UTC(), Writer: writer, Key: k.key.ID()}
	for _, h := range heads {
		c.Heads = append(c.Heads, ChainHead{Writer: h.writer, Seq: h.seq, MAC: hex.EncodeToString(h.mac[:])})
	}
	c.MAC = hex.EncodeToString(k.macOfCheckpoint(c))
	return c
}

func (k *derived) macOfCheckpoint(c Checkpoint) []byte {
	text := binary.BigEndian.AppendUint64(nil, uint64(c.At.UnixMicro()))
	text = appendBytes(text, c.Writer)
	for _, h := range c.Heads {
		text = appendBytes(text, h.Writer)
		text = binary.BigEndian.AppendUint64(text, uint64(h.Seq))
		text = appendBytes(text, h.MAC)
	}
	mac := hmac.New(sha256.New, k.point)
	mac.Write(text)
	return mac.Sum(nil)
}

// marks returns the heads that the checkpoint vouches for, or why it does not.
func (r *Ring) marks(c Checkpoint) ([]mark, error) {
	var id [keyIDSize]byte
	if n, err := hex.Decode(id[:], []byte(clip(c.Key, 2*keyIDSize))); err != nil || n != keyIDSize || r.find(id) == nil {
		return nil, fmt.Errorf("its key %s is not known", Plain(clip(c.Key, 16)))
	}
	mac, err := hex.DecodeString(c.MAC)
	if err != nil || !hmac.Equal(mac, r.find(id).macOfCheckpoint(c)) {
		return nil, errors.New("it is not as it was written")
	}
	var marks []mark
	for _, h := range c.Heads {
		mac, err := hex.DecodeString(h.MAC)
		if err != nil || len(mac) != macSize {
			return nil, errors.New("a head in it has no MAC")
		}
		marks = append(marks, mark{writer: h.Writer, seq: h.Seq, mac: [macSize]byte(mac)})
	}
	return marks, nil
}

// CheckpointFile keeps checkpoints as lines of JSON at the end of a file. It
// protects as far as the file is out of reach of whoever can write to the log.
type CheckpointFile struct {
	mu sync.Mutex
	f  *os.File
}

// OpenCheckpointFile opens the file, and makes it if there is none, for its
// owner alone.
func OpenCheckpointFile(path string) (*CheckpointFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("audit: checkpoints: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: checkpoints: %w", err)
	}
	return &CheckpointFile{f: f}, nil
}

// PutCheckpoint appends a line, which is on the disk when it returns.
func (c *CheckpointFile) PutCheckpoint(_ context.Context, p Checkpoint) error {
	line, err := json.Marshal(p)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Begun on a new line: a crash may have left a part of one.
	if _, err := c.f.Write(fmt.Appendf(nil, "\n%s\n", line)); err != nil {
		return fmt.Errorf("audit: checkpoints: %w", err)
	}
	if err := c.f.Sync(); err != nil {
		return fmt.Errorf("audit: checkpoints: %w", err)
	}
	return nil
}

// Close closes the file.
func (c *CheckpointFile) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.f.Close()
}

// ReadCheckpoints reads what a [CheckpointFile] has written, or a
// [SlogCheckpoints] with a JSON handler, among other lines. A line that is cut
// short is left out.
func ReadCheckpoints(r io.Reader) ([]Checkpoint, error) {
	var all []Checkpoint
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Checkpoint
			Logged *Checkpoint `json:"audit_checkpoint"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		c := line.Checkpoint
		if line.Logged != nil {
			c = *line.Logged
		}
		if len(c.Heads) > 0 {
			all = append(all, c)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("audit: checkpoints: %w", err)
	}
	return all, nil
}

// SlogCheckpoints sends checkpoints to a logger, at level Info.
func SlogCheckpoints(to *slog.Logger) Checkpoints { return slogCheckpoints{to} }

type slogCheckpoints struct{ to *slog.Logger }

func (s slogCheckpoints) PutCheckpoint(ctx context.Context, c Checkpoint) error {
	s.to.LogAttrs(ctx, slog.LevelInfo, "audit checkpoint", slog.Any("audit_checkpoint", c))
	return nil
}
