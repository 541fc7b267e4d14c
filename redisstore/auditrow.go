package redisstore

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The rows of package audit, whose Sink a [Store] is: aliases of the same unnamed
// structs, so that this module need not import it.
type (
	auditRow = struct {
		Writer             string
		Seq                int64
		At                 int64
		Kind               string
		Session            string
		Principal, Address []byte
		Body, MAC          []byte
	}
	auditQuery = struct {
		Kind        string
		Session     string
		Principal   []byte
		Address     []byte
		Writer      string
		From        int64
		Until       int64
		Oldest      bool
		AfterAt     int64
		AfterWriter string
		AfterSeq    int64
		Limit       int
	}
	auditChain = struct {
		Writer string
		First  int64
		Last   int64
	}
	auditHead = struct {
		Writer string
		Seq    int64
		At     int64
		MAC    []byte
	}
	auditWrappedKey = struct {
		Owner []byte
		At    int64
		Key   []byte
	}
)

// All rows are members of one sorted set, all with the score 0, so that they are in
// the order of their bytes: the writer, a zero, the Seq, and then what the row holds.
// An index is another such set, with the time before writer and Seq. A stream for each
// chain would take less memory, and somebody would have to know which there are: a
// list of them can be changed, and looking through all keys of the server takes long.

// ordered is a number whose bytes sort as it does.
func ordered(n int64) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(n)^1<<63))
}

// number reads it; what is too short is as if zeros followed.
func number(text string) int64 {
	var b [8]byte
	copy(b[:], text)
	return int64(binary.BigEndian.Uint64(b[:]) ^ 1<<63)
}

// place is how the member of a row begins.
func rowPlace(writer string, seq int64) string { return writer + "\x00" + ordered(seq) }

// behind is the lower bound of all that comes after the row of a place, which is
// followed by its format. The scripts have it too.
func behind(place string) string { return "(" + place + "\xff" }

// readPlace reads what a place says, and returns the rest.
func readPlace(member string) (writer string, seq int64, rest string) {
	writer, rest, _ = strings.Cut(member, "\x00")
	return writer, number(rest), rest[min(8, len(rest)):]
}

// auditFormat follows the place. Fields have a byte that tells their length, but for
// the body, which is the rest.
const auditFormat = 1

func packAudit(r auditRow) (string, error) {
	if !isWriter(r.Writer) {
		return "", fmt.Errorf("redisstore: a row of the audit log: its writer is %q: want characters of ASCII, none of them a space or a control character", r.Writer)
	}
	b := make([]byte, 0, len(r.Writer)+len(r.Body)+len(r.MAC)+len(r.Kind)+len(r.Session)+64)
	b = append(b, rowPlace(r.Writer, r.Seq)...)
	b = append(b, auditFormat)
	b = append(b, ordered(r.At)...)
	for _, field := range []string{r.Kind, r.Session, string(r.Principal), string(r.Address), string(r.MAC)} {
		if len(field) > 255 {
			return "", fmt.Errorf("redisstore: a row of the audit log has a field of %d bytes: want 255 at most", len(field))
		}
		b = append(append(b, byte(len(field))), field...)
	}
	return string(append(b, r.Body...)), nil
}

func isWriter(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' })
}

// unpackAudit reads a row. One that somebody has changed so that it cannot be read
// is a row all the same, for verification to find: in its place, and with a body that
// nothing vouches for.
func unpackAudit(member string) auditRow {
	writer, seq, rest := readPlace(member)
	broken := auditRow{Writer: writer, Seq: seq, Body: []byte(rest)}
	if len(rest) < 9 || rest[0] != auditFormat {
		return broken
	}
	r := auditRow{Writer: writer, Seq: seq, At: number(rest[1:9])}
	rest = rest[9:]
	var fields [5]string
	for i := range fields {
		if rest == "" {
			return broken
		}
		end := 1 + int(rest[0])
		if len(rest) < end {
			return broken
		}
		fields[i], rest = rest[1:end], rest[end:]
	}
	r.Kind, r.Session, r.Principal, r.Address = fields[0], fields[1], []byte(fields[2]), []byte(fields[3])
	r.MAC, r.Body = []byte(fields[4]), []byte(rest)
	return r
}
