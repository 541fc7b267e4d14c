package pgstore

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/satra-sessions/satra"
)

// columns are those of a record, in the order of fields and scan.
var columns = []string{
	"id", "secret", "seed", "generation", "version", "principal", "method", "created", "begun", "seen",
	"idle", "lifetime", "not_after", "auth_at", "persistent", "transport",
	"first_agent", "first_addr", "last_agent", "last_addr", "keys", "data", "revs",
	"retired", "retired_secrets", "ended_at", "end_reason", "end_actor",
}

// allColumns and publicColumns are what a find and a list select.
var (
	allColumns    = strings.Join(columns, ", ")
	publicColumns = func() string {
		public := make([]string, len(columns))
		for i, c := range columns {
			switch c {
			case "secret", "seed", "retired", "retired_secrets":
				c = "''::bytea"
			case "keys", "data":
				c = "'{}'::bytea[]"
			case "revs":
				c = "'{}'::bigint[]"
			}
			public[i] = c
		}
		return strings.Join(public, ", ")
	}()
)

// fields returns what the columns hold of a record.
func fields(r *satra.Record) []any {
	keys, data, revs := splitValues(r.Values)
	retired, secrets := packRetired(r.Retired)
	var endedAt *int64
	var end satra.End
	if r.Ended != nil {
		end = *r.Ended
		at := end.At.UnixMicro() // also of the zero time
		endedAt = &at
	}
	return []any{
		r.ID[:], r.Secret[:], r.Seed[:], int64(r.Generation), int64(r.Version), []byte(r.Principal), []byte(r.Method),
		r.Created.UnixMicro(), r.Begun.UnixMicro(), r.Seen.UnixMicro(),
		micros(r.Idle), micros(r.Lifetime), instant(r.NotAfter), instant(r.AuthAt), r.Persistent, int16(r.Transport),
		[]byte(r.FirstDevice.UserAgent), []byte(r.FirstDevice.Addr), []byte(r.LastDevice.UserAgent), []byte(r.LastDevice.Addr),
		keys, data, revs, retired, secrets, endedAt, []byte(end.Reason), []byte(end.Actor),
	}
}

// scan reads the columns of one row.
func scan(row pgx.Row) (*satra.Record, error) {
	var r satra.Record
	var id, secret, seed, principal, method, retired, secrets, reason, actor []byte
	var firstAgent, firstAddr, lastAgent, lastAddr []byte
	var generation, version, created, begun, seen, idle, lifetime int64
	var notAfter, authAt, endedAt *int64
	var transport int16
	var keys, data [][]byte
	var revs []int64
	err := row.Scan(&id, &secret, &seed, &generation, &version, &principal, &method, &created, &begun, &seen,
		&idle, &lifetime, &notAfter, &authAt, &r.Persistent, &transport,
		&firstAgent, &firstAddr, &lastAgent, &lastAddr, &keys, &data, &revs,
		&retired, &secrets, &endedAt, &reason, &actor)
	if err != nil {
		return nil, err
	}
	copy(r.ID[:], id)
	copy(r.Secret[:], secret)
	copy(r.Seed[:], seed)
	r.Generation, r.Version = uint32(generation), uint64(version)
	r.Principal, r.Method = string(principal), string(method)
	r.Created, r.Begun, r.Seen = at(&created), at(&begun), at(&seen)
	r.Idle, r.Lifetime = duration(idle), duration(lifetime)
	r.NotAfter, r.AuthAt = at(notAfter), at(authAt)
	r.Transport = satra.Transport(transport)
	r.FirstDevice = satra.Device{UserAgent: string(firstAgent), Addr: string(firstAddr)}
	r.LastDevice = satra.Device{UserAgent: string(lastAgent), Addr: string(lastAddr)}
	if len(keys) != len(data) || len(keys) != len(revs) {
		return nil, fmt.Errorf("the values of session %s are not in this store's format", r.ID)
	}
	for i, key := range keys {
		r.Values = append(r.Values, satra.Value{Key: string(key), Data: data[i], Rev: uint64(revs[i])})
	}
	if r.Retired, err = unpackRetired(retired, secrets); err != nil {
		return nil, fmt.Errorf("session %s: %w", r.ID, err)
	}
	if endedAt != nil {
		r.Ended = &satra.End{At: at(endedAt), Reason: satra.Reason(reason), Actor: string(actor)}
	}
	return &r, nil
}

// at is the instant of a column, the zero time of none.
func at(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return time.UnixMicro(*us).UTC()
}

// instant is the column of an instant, null for the zero time.
func instant(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

func micros(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Microseconds()
}

func duration(us int64) time.Duration {
	if us < 0 {
		return satra.Never
	}
	return time.Duration(us) * time.Microsecond
}

// splitValues returns the three columns of values. No element is nil: that
// would be null.
func splitValues(values []satra.Value) (keys, data [][]byte, revs []int64) {
	keys, data, revs = make([][]byte, len(values)), make([][]byte, len(values)), make([]int64, len(values))
	for i, v := range values {
		keys[i], data[i], revs[i] = []byte(v.Key), v.Data, int64(v.Rev)
		if data[i] == nil {
			data[i] = []byte{}
		}
	}
	return keys, data, revs
}

// retiredSize is what one retired secret takes: its hash, three instants and a
// count.
const retiredSize = 32 + 3*8 + 4

// What a byte before each entry of retired_secrets says.
const (
	hasSeed      = 1
	hasSuccessor = 2
)

// packRetired returns the two columns of retired secrets. The second is empty if
// no seed and no successor is left, as in a tombstone.
func packRetired(all []satra.Retired) (retired, secrets []byte) {
	retired, secrets = make([]byte, 0, len(all)*retiredSize), []byte{}
	any := false
	for _, old := range all {
		retired = append(retired, old.Secret[:]...)
		for _, t := range []time.Time{old.At, old.Shown, old.RefusedAt} {
			retired = binary.BigEndian.AppendUint64(retired, uint64(t.UnixMicro()))
		}
		retired = binary.BigEndian.AppendUint32(retired, uint32(old.Refused))
		var has byte
		if old.Seed != nil {
			has |= hasSeed
		}
		if old.Successor != nil {
			has |= hasSuccessor
		}
		any = any || has != 0
		secrets = append(secrets, has)
		if old.Seed != nil {
			secrets = append(secrets, old.Seed[:]...)
		}
		if old.Successor != nil {
			secrets = binary.AppendUvarint(secrets, uint64(len(old.Successor)))
			secrets = append(secrets, old.Successor...)
		}
	}
	if !any {
		secrets = secrets[:0]
	}
	return retired, secrets
}

// unpackRetired is the way back.
func unpackRetired(retired, secrets []byte) ([]satra.Retired, error) {
	bad := fmt.Errorf("its retired secrets are not in this store's format")
	if len(retired)%retiredSize != 0 {
		return nil, bad
	}
	var all []satra.Retired
	bare := len(secrets) == 0
	for ; len(retired) > 0; retired = retired[retiredSize:] {
		var old satra.Retired
		n := copy(old.Secret[:], retired)
		for _, t := range []*time.Time{&old.At, &old.Shown, &old.RefusedAt} {
			*t = time.UnixMicro(int64(binary.BigEndian.Uint64(retired[n:]))).UTC()
			n += 8
		}
		old.Refused = int(binary.BigEndian.Uint32(retired[n:]))
		if !bare {
			var ok bool
			if secrets, ok = unpackSecrets(&old, secrets); !ok {
				return nil, bad
			}
		}
		all = append(all, old)
	}
	if len(secrets) > 0 {
		return nil, bad
	}
	return all, nil
}

// unpackSecrets reads one entry, and returns what follows.
func unpackSecrets(old *satra.Retired, b []byte) (rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	has := b[0]
	b = b[1:]
	if has&hasSeed != 0 {
		if len(b) < len(satra.Seed{}) {
			return nil, false
		}
		old.Seed = new(satra.Seed(b[:len(satra.Seed{})]))
		b = b[len(old.Seed):]
	}
	if has&hasSuccessor != 0 {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return nil, false
		}
		old.Successor = append([]byte{}, b[used:used+int(n)]...)
		b = b[used+int(n):]
	}
	return b, true
}
