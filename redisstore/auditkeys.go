package redisstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

var (
	auditKeyAdd    = newScript("auditkeyadd").reading()
	auditKeyErase  = newScript("auditkeyerase").reading()
	auditKeyErased = newScript("auditkeyerased").reading()
	auditKeyCut    = newScript("auditkeycut").reading()
)

// auditKeysKeys are the keys by their owners, and their owners by time.
func (s *Store) auditKeysKeys() []string {
	return []string{s.auditKey("keys"), s.auditKey("keytimes")}
}

// auditErasedKey is there while the append-only file may have keys that were erased.
func (s *Store) auditErasedKey() string { return s.auditKey("erased") }

// AuditKeys returns the keys of those owners that have one: see audit.Sink.
func (s *Store) AuditKeys(ctx context.Context, owners [][]byte) ([]auditWrappedKey, error) {
	if len(owners) == 0 {
		return nil, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	answer, err := s.client.Do(ctx, s.client.B().Hmget().Key(s.auditKeysKeys()[0]).Field(texts(owners)...).Build()).ToArray()
	if err != nil {
		return nil, auditFault(ctx, err)
	}
	var keys []auditWrappedKey
	for i, m := range answer {
		text, err := m.ToString()
		switch {
		case isNil(err):
		case err != nil || i >= len(owners) || len(text) < 8:
			return nil, fmt.Errorf("redisstore: a key of the audit log: %w", errFormat)
		default:
			keys = append(keys, auditWrappedKey{Owner: owners[i], At: number(text[:8]), Key: []byte(text[8:])})
		}
	}
	return keys, nil
}

// AddAuditKeys adds keys whose owner has none: see audit.Sink.
func (s *Store) AddAuditKeys(ctx context.Context, keys []auditWrappedKey) error {
	var args []string
	for _, k := range keys {
		args = append(args, string(k.Owner), ordered(k.At)+string(k.Key))
	}
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	return auditFault(ctx, s.run(ctx, auditKeyAdd, s.auditKeysKeys(), args).Error())
}

// EraseAuditKeys removes keys: see audit.Sink. A server with an append-only file has
// them there until it writes the file anew, which is asked of it here: an error may
// say that the keys are gone and that this has to be asked again, by the same call.
// Where the server does not let its user ask, it does so in its own time. Its
// snapshots, and replicas' files, are the operator's.
func (s *Store) EraseAuditKeys(ctx context.Context, owners [][]byte) (int, error) {
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	keys := append(s.auditKeysKeys(), s.auditErasedKey())
	answer, err := s.run(ctx, auditKeyErase, keys, append([]string{rand.Text()}, texts(owners)...)).ToArray()
	if err != nil || len(answer) != 2 {
		return 0, auditFault(ctx, err)
	}
	n, err := answer[0].AsInt64()
	if err != nil {
		return 0, auditFault(ctx, err)
	}
	if mark, _ := answer[1].ToString(); mark != "" {
		if err := s.rewrite(ctx); err != nil {
			return int(n), err
		}
		err = s.run(ctx, auditKeyErased, []string{s.auditErasedKey()}, []string{mark}).Error()
	}
	return int(n), auditFault(ctx, err)
}

// rewrite has the server write its append-only file anew, if it has one; of a Cluster
// the one that has the log.
func (s *Store) rewrite(ctx context.Context) error {
	for _, server := range s.servers() {
		if refused(server.Do(ctx, server.B().Exists().Key(s.auditErasedKey()).Build()).Error()) {
			continue // it says who has it
		}
		info, err := server.Do(ctx, server.B().Info().Section("persistence").Build()).ToString()
		if err != nil && !refused(err) {
			return fault(ctx, err)
		}
		if infoField(info, "aof_enabled") != "1" {
			continue
		}
		err = s.ask(ctx, server)
		if busy(err) {
			return fmt.Errorf("redisstore: the keys are erased, and the server's append-only file has them still: it is being written anew already, from what was before; erase again when it is: %w", satra.ErrUnavailable)
		}
		if err != nil && !refused(err) {
			return fault(ctx, err)
		}
	}
	return nil
}

// ask asks for the file to be written anew, again and again while it is being written:
// that has begun with what was there before. If there is no time left, it is this that
// its error says.
func (s *Store) ask(ctx context.Context, server rueidis.Client) error {
	var writing error
	for try := 0; ; try++ {
		err := server.Do(ctx, server.B().Bgrewriteaof().Build()).Error()
		if busy(err) {
			writing = err
		} else if writing == nil || ctx.Err() == nil {
			return err
		}
		if !pauseBefore(ctx, try) {
			return writing
		}
	}
}

func busy(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && strings.Contains(e.Error(), "already in progress")
}

// CutAuditKeys removes keys that were made before a time: see audit.Sink.
func (s *Store) CutAuditKeys(ctx context.Context, before int64, limit int) (int, error) {
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	n, err := s.run(ctx, auditKeyCut, s.auditKeysKeys(), []string{"(" + ordered(before), itoa(limit)}).AsInt64()
	return int(n), auditFault(ctx, err)
}

func texts(all [][]byte) []string {
	texts := make([]string, len(all))
	for i, b := range all {
		texts[i] = string(b)
	}
	return texts
}
