package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/satra-sessions/satra/audit/detect"
	"github.com/satra-sessions/satra/cmd/dashboard/market"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/cmd/internal/places"
)

// files are what the settings name, read before anybody can connect: a program
// that says that it has started can serve.
type files struct {
	calendar *market.Calendar
	tls      *tls.Config    // nil: plain HTTP
	rules    detect.Options // what the rules of detection need to know
}

func loadFiles(s *settings.Settings) (*files, error) {
	f := &files{calendar: market.NSE()}
	if s.MarketCalendar != "" {
		data, err := os.ReadFile(s.MarketCalendar)
		if err != nil {
			return nil, unreadable("market-calendar", s.MarketCalendar, err)
		}
		if f.calendar, err = f.calendar.Override(data); err != nil {
			return nil, fmt.Errorf("market-calendar: %q: %w", s.MarketCalendar, err)
		}
	}
	if s.TLS() {
		pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		switch path := (*fs.PathError)(nil); {
		case errors.As(err, &path) && path.Path == s.TLSKey:
			return nil, unreadable("tls-key", s.TLSKey, err)
		case errors.As(err, &path):
			return nil, unreadable("tls-cert", s.TLSCert, err)
		case err != nil:
			return nil, fmt.Errorf("tls-cert and tls-key: %q and %q are not a certificate and its key: %w", s.TLSCert, s.TLSKey, err)
		}
		f.tls = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	if s.DetectionPlaces != "" {
		known, err := places.Read(s.DetectionPlaces)
		if path := (*fs.PathError)(nil); errors.As(err, &path) {
			return nil, unreadable("detection-places", s.DetectionPlaces, err)
		}
		if err != nil {
			return nil, fmt.Errorf("detection-places: %w", err)
		}
		f.rules.Locate = known.Locate
	}
	return f, makeDataDir(s)
}

func makeDataDir(s *settings.Settings) error {
	if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
		return fmt.Errorf("data-dir: %q cannot be made: %w; choose another directory with -data-dir", s.DataDir, reason(err))
	}
	return nil
}

func unreadable(setting, name string, err error) error {
	return fmt.Errorf("%s: %q cannot be read: %w", setting, name, reason(err))
}

// reason is an error about a file without the file's name, which is said
// already.
func reason(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
