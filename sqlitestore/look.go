package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/satra-sessions/satra"
)

// unknown is no version of a file.
const unknown = -1

// look finds out whether another process has written to the file since the last
// time. If so, the cache is dropped, and watchers are told of the ends.
func (s *Store) look(ctx context.Context) error {
	before := s.mono()
	var version int64
	if err := s.statements.dataVersion.QueryRowContext(ctx).Scan(&version); err != nil {
		return err
	}
	if version != s.dataVersion {
		s.dataVersion = unknown
		s.cache.drop()
		if err := s.absorb(ctx); err != nil {
			return err
		}
		s.dataVersion = version
	}
	s.verified.Store(int64(before))
	return nil
}

// begin reads what the file says of all sessions together. Of ends that are
// older nobody is told.
func (s *Store) begin(ctx context.Context) error {
	if err := s.readState(ctx); err != nil {
		return err
	}
	s.heard, s.dataVersion = s.state.serial, unknown
	return s.look(ctx)
}

func (s *Store) readState(ctx context.Context) error {
	return s.statements.state.QueryRowContext(ctx).Scan(s.state.columns()...)
}

// absorb reads what somebody else may have changed, and tells of new ends.
func (s *Store) absorb(ctx context.Context) error {
	if err := s.readState(ctx); err != nil {
		return err
	}
	upTo := s.state.serial
	if upTo == s.heard {
		return nil
	}
	if s.heard < s.state.forgotten { // tombstones are gone that nobody here has seen
		s.heard = upTo
		s.watchers.tell(satra.Notice{Gap: true})
		return nil
	}
	rows, err := s.statements.ended.QueryContext(ctx, s.heard, upTo, maxNotices+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	var notices []satra.Notice
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return err
		}
		if r.Ended != nil {
			notices = append(notices, satra.Notice{ID: r.ID, Reason: r.Ended.Reason})
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	s.heard = upTo
	s.watchers.tell(notices...) // which makes too many a Gap
	return nil
}

// scan reads a row that ends with ID, principal and record.
func scan(rows *sql.Rows, before ...any) (*satra.Record, error) {
	var id, packed []byte
	var principal string
	if err := rows.Scan(append(before, &id, &principal, &packed)...); err != nil {
		return nil, err
	}
	if len(id) != len(satra.ID{}) {
		return nil, errDamaged
	}
	return unpack(satra.ID(id), principal, packed)
}
