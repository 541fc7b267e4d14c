package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/market"
)

// maxWatchlist bounds what one session keeps.
const maxWatchlist = 50

// needSession refuses an act without a session: a form that was open while the
// session ended must not quietly begin another.
func needSession(r *http.Request) error {
	_, err := satra.From(r.Context())
	return err
}

func (s *Site) setTheme(r *http.Request) (string, error) {
	if err := needSession(r); err != nil {
		return "", err
	}
	switch theme := r.PostForm.Get("theme"); theme {
	case "light", "dark":
		return "/?done=theme", themeKey.Set(r.Context(), theme)
	case "system":
		return "/?done=theme", themeKey.Delete(r.Context())
	}
	return "", badRequest("The theme is one of system, light and dark.")
}

func (s *Site) addSymbol(r *http.Request) (string, error) {
	if err := needSession(r); err != nil {
		return "", err
	}
	instrument, ok := market.Lookup(r.PostForm.Get("symbol"))
	if !ok {
		return "", badRequest(fmt.Sprintf("%.32q is not in the list of symbols. Pick one from the suggestions, such as RELIANCE or NIFTY 50.", r.PostForm.Get("symbol")))
	}
	_, err := watchlistKey.Update(r.Context(), func(list []string) ([]string, error) {
		if slices.Contains(list, instrument.Symbol) {
			return list, nil
		}
		if len(list) >= maxWatchlist {
			return nil, badRequest(fmt.Sprintf("The watchlist holds %d symbols. Remove one first.", maxWatchlist))
		}
		return append(list, instrument.Symbol), nil
	})
	return "/?done=added", err
}

func (s *Site) removeSymbol(r *http.Request) (string, error) {
	if err := needSession(r); err != nil {
		return "", err
	}
	symbol := r.PostForm.Get("symbol")
	_, err := watchlistKey.Update(r.Context(), func(list []string) ([]string, error) {
		return slices.DeleteFunc(list, func(s string) bool { return s == symbol }), nil
	})
	return "/?done=removed", err
}

func (s *Site) extend(r *http.Request) (string, error) {
	if err := satra.Extend(r.Context()); err != nil {
		return "", err
	}
	session, err := satra.From(r.Context())
	if err == nil && !session.Extendable() {
		return "/?done=limit", nil
	}
	return "/?done=extended", err
}

// end ends the session. A second click finds none, and that is as well.
func (s *Site) end(r *http.Request) (string, error) {
	err := satra.SignOut(r.Context())
	if errors.Is(err, satra.ErrNoSession) {
		err = nil
	}
	return "/ended", err
}
