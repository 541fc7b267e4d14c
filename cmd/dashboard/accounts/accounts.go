// Package accounts keeps the accounts of the dashboard's users, each with a name
// and a passphrase, in the application's own database: a file, or PostgreSQL
// where several nodes share it.
//
//	book, err := accounts.Open(ctx, "sqlite:./data/app.db", nil)
//	…
//	defer book.Close()
//	candidate, err := book.Candidate(ctx, name) // whether there is such a name or not
//	attempt, err := satra.BeginSignIn(ctx, candidate.Principal())
//	account, err := candidate.Verify(ctx, passphrase)
//	err = attempt.Complete(ctx, "passphrase")
//
// No passphrase and no hash of one is in its errors.
package accounts

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Account is somebody who can sign in.
type Account struct {
	ID      string // random and opaque: the principal of the account's sessions
	Name    string // as it was written when the account was made
	Created time.Time
}

// What callers branch on. ErrWrong does not say which of the two is wrong.
var (
	ErrWrong = errors.New("accounts: wrong name or passphrase")
	ErrTaken = errors.New("accounts: the name is taken")
	ErrNone  = errors.New("accounts: there is no such account")
)

// Check says what Create would refuse, before anything is done: see [Refusals].
func Check(name, passphrase string) error {
	return errors.Join(checkName(name), checkPassphrase(passphrase, name))
}

// Create makes an account. Of several that want the same name at once, one gets
// it.
//
// Errors: a [*Refusal] for a name or a passphrase that is not good enough,
// [ErrTaken], ctx's, and the database's.
func (b *Book) Create(ctx context.Context, name, passphrase string) (Account, error) {
	if err := Check(name, passphrase); err != nil {
		return Account{}, err
	}
	phc, err := b.hash(ctx, passphrase)
	if err != nil {
		return Account{}, err
	}
	a := Account{ID: "acct_" + rand.Text(), Name: name, Created: b.now().UTC().Truncate(time.Microsecond)}
	result, err := b.db.ExecContext(ctx, `INSERT INTO dashboard_accounts (id, name, folded, phc, created)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (folded) DO NOTHING`, a.ID, a.Name, fold(name), phc, a.Created.UnixMicro())
	if err != nil {
		return Account{}, fmt.Errorf("accounts: create: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return Account{}, errors.Join(ErrTaken, err)
	}
	return a, nil
}

// Account returns the account with that ID, or [ErrNone].
func (b *Book) Account(ctx context.Context, id string) (Account, error) {
	row, err := b.find(ctx, "id", id)
	return row.Account, err
}

// SetPassphrase gives the account another passphrase. It asks for no proof of
// who wants that: the caller has one.
//
// Errors: a [*Refusal], [ErrNone], ctx's, and the database's.
func (b *Book) SetPassphrase(ctx context.Context, id, passphrase string) error {
	a, err := b.Account(ctx, id)
	if err != nil {
		return err
	}
	if err := checkPassphrase(passphrase, a.Name); err != nil {
		return err
	}
	phc, err := b.hash(ctx, passphrase)
	if err != nil {
		return err
	}
	if _, err := b.db.ExecContext(ctx, `UPDATE dashboard_accounts SET phc = $1 WHERE id = $2`, phc, id); err != nil {
		return fmt.Errorf("accounts: set passphrase: %w", err)
	}
	return nil
}

// A row is an account with the hash of its passphrase.
type row struct {
	Account
	phc string
}

// find reads the account whose column, one of this package's, is the value.
func (b *Book) find(ctx context.Context, column, value string) (row, error) {
	var r row
	var created int64
	err := b.db.QueryRowContext(ctx, `SELECT id, name, phc, created FROM dashboard_accounts WHERE `+column+` = $1`, value).
		Scan(&r.ID, &r.Name, &r.phc, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return row{}, ErrNone
	case err != nil:
		return row{}, fmt.Errorf("accounts: find: %w", err)
	}
	r.Created = time.UnixMicro(created).UTC()
	return r, nil
}

// fold is a name as names are compared. Its alphabet has no letters but the 26.
func fold(name string) string { return strings.ToLower(name) }
