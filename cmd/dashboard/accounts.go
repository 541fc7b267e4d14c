package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// openAccounts opens the database that the settings name.
func openAccounts(ctx context.Context, s *settings.Settings) (*accounts.Book, error) {
	book, err := accounts.Open(ctx, s.DatabaseName(), nil)
	if err != nil {
		why := strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "accounts: ")
		return nil, fmt.Errorf("database: %s cannot be opened: %s", storename.Redact(s.DatabaseName()), why)
	}
	return book, nil
}

// addAccount makes an account with the passphrase in the first line of stdin,
// where it is in no list of processes and in no history.
func addAccount(ctx context.Context, s *settings.Settings, stdin io.Reader, stdout io.Writer) (err error) {
	if err := makeDataDir(s); err != nil {
		return err
	}
	book, err := openAccounts(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	line, err := bufio.NewReader(io.LimitReader(stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("add-account: standard input cannot be read: %w", err)
	}
	passphrase := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if passphrase == "" {
		return errors.New("add-account: standard input is empty; right is the passphrase in its first line")
	}
	account, err := book.Create(ctx, s.AddAccount, passphrase)
	if errors.Is(err, accounts.ErrTaken) {
		return fmt.Errorf("add-account: there is an account with the name %s already", s.AddAccount)
	}
	if refusals := accounts.Refusals(err); len(refusals) > 0 {
		return fmt.Errorf("add-account: %w", refusals[0])
	}
	if err == nil {
		_, err = fmt.Fprintf(stdout, "The account %s was made. Its sessions' principal is %s.\n", account.Name, account.ID)
	}
	return err
}
