package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/satra-sessions/satra"
)

// TestAnActIsTriedAgain while the store is down, and given up in the end.
func TestAnActIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			answers []error // the last one stays
			tries   int
			want    error
		}{
			{[]error{nil}, 1, nil},
			{[]error{satra.ErrEnded}, 1, nil},
			{[]error{satra.ErrNotFound}, 1, nil},
			{[]error{satra.ErrTooLarge}, 1, satra.ErrTooLarge},
			{[]error{fmt.Errorf("down: %w", satra.ErrUnavailable), satra.ErrUnavailable, nil}, 3, nil},
			{[]error{satra.ErrUnavailable, satra.ErrEnded}, 2, nil},
			{[]error{satra.ErrUnavailable}, 9, satra.ErrUnavailable}, // 100 ms, 200 ms, … within 30 s
		} {
			ctx, cancel := context.WithTimeout(t.Context(), actPatience)
			tries := 0
			err := insist(ctx, func() error {
				tries++
				return c.answers[min(tries, len(c.answers))-1]
			})
			cancel()
			if !errors.Is(err, c.want) || c.want == nil && err != nil || tries != c.tries {
				t.Errorf("%v: got %v after %d tries, want %v after %d", c.answers, err, tries, c.want, c.tries)
			}
		}
	})
}
