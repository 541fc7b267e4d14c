package redisstore

import (
	"context"
	"encoding/binary"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// isPut reports whether c changes values and no more than that, for which there
// is a script of its own: it costs the server half of what the script apply does.
func isPut(c *satra.Change) bool {
	return len(c.Set)+len(c.Delete) > 0 && c.IfPrincipal == nil && c.Device == nil && c.Idle == 0 && c.Lifetime == 0 &&
		c.NotAfter.IsZero() && c.SignIn == nil && c.End == nil
}

// put does such a change, in one command. It answers as the script apply does,
// statusKeep included: then nothing is changed yet.
func (s *Store) put(ctx context.Context, id satra.ID, c *satra.Change) ([]rueidis.RedisMessage, error) {
	m, err := s.run(ctx, putScript, s.recordKeys(id), s.putArgs(c)).ToMessage()
	if err != nil {
		return nil, err
	}
	if m.IsInt64() {
		return []rueidis.RedisMessage{m}, nil
	}
	return m.ToArray()
}

// putArgs lays such a change out for the script put: what it always has in one
// argument, because each costs the server more than a number in it does.
func (s *Store) putArgs(c *satra.Change) []string {
	generation := int64(-1)
	if c.IfGeneration != nil {
		generation = int64(*c.IfGeneration)
	}
	wanted := byte(0)
	if c.Return {
		wanted = 1
	}
	b := make([]byte, 0, 45)
	b = binary.BigEndian.AppendUint64(b, uint64(micros(c.At)))
	b = binary.BigEndian.AppendUint64(b, uint64(micros(c.Seen)))
	b = binary.BigEndian.AppendUint64(b, uint64(generation))
	b = binary.BigEndian.AppendUint64(b, uint64(s.options.Retention.Milliseconds()))
	b = binary.BigEndian.AppendUint32(b, uint32(s.options.MaxRecord))
	b = append(b, wanted)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.IfRev)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Set)))
	args := make([]string, 1, 1+2*len(c.IfRev)+2*len(c.Set)+len(c.Delete))
	args[0] = string(b)
	for _, want := range c.IfRev {
		args = append(args, want.Key, itoa(want.Rev))
	}
	for _, v := range c.Set {
		args = append(args, v.Key, rueidis.BinaryString(v.Data))
	}
	return append(args, c.Delete...)
}
