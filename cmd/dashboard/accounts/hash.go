package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// A cost is what one hash takes. OWASP's password storage cheat sheet wants at
// least 19 MiB in two passes of Argon2id.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

var (
	goodCost  = cost{memory: 19 << 10, passes: 2, threads: 1}
	cheapCost = cost{memory: 64, passes: 1, threads: 1} // for tests
)

const (
	saltBytes = 16
	hashBytes = 32
)

// hash returns the hash of a passphrase with a new salt, as a PHC string.
func (b *Book) hash(ctx context.Context, passphrase string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	sum, err := b.argon2id(ctx, passphrase, salt, b.cost, hashBytes)
	if err != nil {
		return "", err
	}
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, b.cost.memory, b.cost.passes, b.cost.threads,
		enc.EncodeToString(salt), enc.EncodeToString(sum)), nil
}

// verify compares in constant time. stale tells that the hash has other costs
// than those in force.
func (b *Book) verify(ctx context.Context, passphrase, phc string) (right, stale bool, err error) {
	if len(passphrase) > maxPassphrase {
		passphrase = "" // nobody's; it takes as long
	}
	c, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	got, err := b.argon2id(ctx, passphrase, salt, c, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, c != b.cost, nil
}

// argon2id hashes when it is this caller's turn: each hash takes its memory, and
// a flood of sign-ins must not take all there is. Who waits gives up with ctx.
//
// The same text may be typed as different code points; NFKC makes them one, as
// NIST SP 800-63B-4 §3.1.1.2 wants.
func (b *Book) argon2id(ctx context.Context, passphrase string, salt []byte, c cost, size uint32) ([]byte, error) {
	select {
	case b.turns <- struct{}{}:
		defer func() { <-b.turns }()
	case <-ctx.Done():
		return nil, fmt.Errorf("accounts: waiting to hash: %w", ctx.Err())
	}
	if err := ctx.Err(); err != nil { // both may have been ready
		return nil, fmt.Errorf("accounts: waiting to hash: %w", err)
	}
	return argon2.IDKey([]byte(norm.NFKC.String(passphrase)), salt, c.passes, c.memory, c.threads, size), nil
}

var errPHC = errors.New("accounts: the database has a hash that cannot be read")

// parsePHC reads a hash. Its costs are bounded: whoever can write to the
// database must not be able to take all memory by it.
func parsePHC(phc string) (c cost, salt, sum []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost{}, nil, nil, errPHC
	}
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads)
	if err != nil || n != 3 || c.memory < 8 || c.memory > 1<<20 || c.passes < 1 || c.passes > 16 || c.threads < 1 || c.threads > 16 {
		return cost{}, nil, nil, errPHC
	}
	enc := base64.RawStdEncoding.Strict()
	salt, err1 := enc.DecodeString(parts[4])
	sum, err2 := enc.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > 64 {
		return cost{}, nil, nil, errPHC
	}
	return c, salt, sum, nil
}
