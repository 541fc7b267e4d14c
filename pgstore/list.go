package pgstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// List returns a page in the order of IDs.
func (s *Store) List(ctx context.Context, q satra.Query) (page satra.Page, err error) {
	q.Limit = min(max(q.Limit, 1), 1000)
	statement, args := s.listing(q)
	err = s.read(ctx, "List", func(ctx context.Context, conn *pgxpool.Conn) error {
		page.Records = nil
		rows, err := conn.Query(ctx, statement, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scan(rows)
			if err != nil {
				return err
			}
			page.Records = append(page.Records, r)
		}
		return rows.Err()
	})
	if err != nil {
		return satra.Page{}, err
	}
	if len(page.Records) > q.Limit { // the one too many says that there are more
		page.Records = page.Records[:q.Limit]
		page.Next = page.Records[q.Limit-1].ID
	}
	return page, nil
}

// listing returns the statement of a page and of one record more.
func (s *Store) listing(q satra.Query) (string, []any) {
	u := &update{}
	u.require("s.id > " + u.arg(q.After[:], "bytea"))
	if q.Principal != nil {
		u.require("s.principal = " + u.arg([]byte(*q.Principal), "bytea"))
	}
	if at := u.arg(q.At.UnixMicro(), "bigint"); q.Ended {
		u.require(fmt.Sprintf("(s.ended_at is not null or s.over_at <= %s)", at))
	} else {
		u.require(isLive("s", at))
	}
	return s.in("select " + publicColumns + " from {schema}.sessions s where " + strings.Join(u.conditions, " and ") +
		" order by s.id limit " + u.arg(q.Limit+1, "int")), u.args
}
