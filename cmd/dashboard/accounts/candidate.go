package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// A Candidate is what somebody claims to be, before the passphrase is checked.
// One of a name that nobody has goes the same way as any other, and takes as
// long: whether a name exists is not to be found out by signing in.
type Candidate struct {
	book  *Book
	row   row
	known bool
}

// Candidate looks the name up. The error is ctx's or the database's: an unknown
// name is none.
func (b *Book) Candidate(ctx context.Context, name string) (Candidate, error) {
	if checkName(name) != nil {
		name = "" // nobody's, and not longer than others for the database
	}
	return b.candidate(ctx, "folded", fold(name))
}

// Again is the candidate for a fresh proof by an account that is signed in.
func (b *Book) Again(ctx context.Context, id string) (Candidate, error) {
	return b.candidate(ctx, "id", id)
}

func (b *Book) candidate(ctx context.Context, column, value string) (Candidate, error) {
	r, err := b.find(ctx, column, value)
	switch {
	case errors.Is(err, ErrNone):
		return Candidate{book: b, row: row{Account: Account{ID: "none_" + rand.Text()}, phc: b.dummy}}, nil
	case err != nil:
		return Candidate{}, err
	}
	return Candidate{book: b, row: r, known: true}, nil
}

// Principal is the account's ID, or one that is nobody's.
func (c Candidate) Principal() string { return c.row.ID }

// Known is the account's ID, or "" if there is no such account: for the record of
// what happened, and never for an answer.
func (c Candidate) Known() string {
	if !c.known {
		return ""
	}
	return c.row.ID
}

// Verify checks the passphrase and returns the account, both as they are now: a
// sign-in that has begun since the name was looked up must not be completed with a
// passphrase that was changed before it began. A hash that was made
// with other costs than those in force is made anew.
//
// Errors: [ErrWrong], ctx's, and the database's.
func (c Candidate) Verify(ctx context.Context, passphrase string) (Account, error) {
	c, err := c.book.candidate(ctx, "id", c.row.ID)
	if err != nil {
		return Account{}, err
	}
	right, stale, err := c.book.verify(ctx, passphrase, c.row.phc)
	switch {
	case err != nil:
		return Account{}, err
	case !right || !c.known:
		return Account{}, ErrWrong
	}
	if stale {
		if err := c.renew(ctx, passphrase); err != nil {
			return Account{}, err
		}
	}
	return c.row.Account, nil
}

// renew replaces the hash, unless the passphrase was changed meanwhile.
func (c Candidate) renew(ctx context.Context, passphrase string) error {
	phc, err := c.book.hash(ctx, passphrase)
	if err != nil {
		return err
	}
	_, err = c.book.db.ExecContext(ctx, `UPDATE dashboard_accounts SET phc = $1 WHERE id = $2 AND phc = $3`, phc, c.row.ID, c.row.phc)
	if err != nil {
		return fmt.Errorf("accounts: renew: %w", err)
	}
	return nil
}
