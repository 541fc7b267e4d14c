package pgstore

import (
	"strings"
	"testing"
	"time"
)

func TestALimitIsForgottenWhenNothingOfItIsUsed(t *testing.T) {
	s := open(t, options())
	take := func(key string, per time.Duration) (wait time.Duration) {
		t.Helper()
		_, wait, _, err := s.TakeLimit(t.Context(), key, 1, per)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	take("over", time.Millisecond)
	take("lasting", time.Hour)
	left := func() (keys string) {
		t.Helper()
		if err := s.pool.QueryRow(t.Context(), s.in("select string_agg(key, ' ' order by key) from {schema}.limits")).Scan(&keys); err != nil {
			t.Fatal(err)
		}
		return keys
	}
	for strings.Contains(left(), "over") { // its millisecond will pass
		sweep(t, s, t0.Add(-time.Hour), 10)
	}
	if got := left(); got != "lasting" {
		t.Errorf("left are %q, want the one that counts", got)
	}
	if take("lasting", time.Hour) == 0 {
		t.Error("a limit that counts was forgotten")
	}
	if _, _, _, err := s.TakeLimit(t.Context(), "none", 0, time.Hour); err == nil {
		t.Error("a limit of 0: got no error")
	}
}
