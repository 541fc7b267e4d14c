package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// plans collects the plan of each statement that a store sends, as it was run.
type plans struct {
	mu  sync.Mutex
	all []string
}

func (p *plans) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.all
	p.all = nil
	return all
}

// explaining has the server tell the plans of what a store sends.
func explaining(o *Options) (*Options, *plans) {
	p := &plans{}
	o.MaxConns = 1
	o.Configure = func(c *pgxpool.Config) {
		for name, value := range map[string]string{
			"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0",
			"auto_explain.log_format": "json", "client_min_messages": "log",
		} {
			c.ConnConfig.RuntimeParams[name] = value
		}
		c.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			if _, plan, ok := strings.Cut(n.Message, "plan:\n"); ok {
				p.mu.Lock()
				p.all = append(p.all, plan)
				p.mu.Unlock()
			}
		}
	}
	return o, p
}

// A node is a step of a plan.
type node struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Index    string `json:"Index Name"`
	Cond     string `json:"Index Cond"`
	Plans    []node
}

// scans lists which indexes a plan uses, and which tables it reads as a whole.
func (n node) scans() (indexes, whole []string) {
	if n.Index != "" {
		indexes = append(indexes, n.Index)
		if n.Cond == "" && n.Relation != "endings" {
			whole = append(whole, n.Index)
		}
	}
	if strings.Contains(n.Type, "Seq Scan") && n.Relation != "everybody" && n.Relation != "endings" { // which have hardly a row
		whole = append(whole, n.Relation)
	}
	for _, child := range n.Plans {
		i, w := child.scans()
		indexes, whole = append(indexes, i...), append(whole, w...)
	}
	return indexes, whole
}

// fill adds sessions of 5000 principals and as many anonymous ones, all of another
// age, and epochs.
func fill(t *testing.T, s *Store) {
	t.Helper()
	seed := newRecord()
	if err := s.Create(t.Context(), seed); err != nil {
		t.Fatal(err)
	}
	copied := strings.Replace(allColumns, "id,", "decode(md5(i::text), 'hex'),", 1)
	copied = strings.Replace(copied, " principal,", " (case when i % 2 = 0 then 'user' || i else '' end)::bytea,", 1)
	copied = strings.Replace(copied, " seen,", " seen + i * 1000000,", 1)
	execute(t, s, "insert into {schema}.sessions ("+allColumns+", sweep_at) select "+copied+", sweep_at + i * 1000000 from {schema}.sessions, generate_series(1::bigint, 10000) i where id = $1", seed.ID[:])
	execute(t, s, "insert into {schema}.principals select ('user' || i)::bytea, i, now() - i * interval '1 hour', i % 7 = 0 from generate_series(1, 10000) i")
	execute(t, s, "insert into {schema}.limits (key, used) select 'limit' || i, (extract(epoch from now()) * 1000000)::bigint + (i - 20) * 1000000000 from generate_series(1::bigint, 10000) i")
	for _, table := range []string{"sessions", "principals", "limits"} {
		execute(t, s, "vacuum analyze {schema}."+table)
	}
}

func TestEveryStatementUsesItsIndex(t *testing.T) {
	o, plans := explaining(options())
	s := open(t, o)
	r := create(t, s, "user4")
	fill(t, s)
	ctx := t.Context()
	user := "user4"
	state, err := s.Principal(ctx, user)
	if err != nil {
		t.Fatal(err)
	}
	limited := &satra.Change{At: t0, SignIn: &satra.Binding{Principal: user, Epoch: state.Epoch, Limit: 1, EndOldest: true, LimitEnd: satra.End{At: t0}}}
	change := func(c *satra.Change) func() error {
		return func() error { _, err := s.Apply(ctx, r.ID, c); return err }
	}
	list := func(q satra.Query) func() error {
		return func() error {
			q.At, q.Limit = t0, 20
			_, err := s.List(ctx, q)
			return err
		}
	}
	ifRev := set("a", "2")
	ifRev.IfRev, ifRev.Seen, ifRev.Return = []satra.Rev{{Key: "b"}}, t0.Add(time.Second), true
	for _, op := range []struct {
		name string
		want []string // the indexes
		call func() error
	}{
		{"Create", nil, func() error { return s.Create(ctx, newRecord()) }},
		{"Find", []string{"sessions_pkey"}, func() error { _, err := s.Find(ctx, r.ID, satra.Fresh); return err }},
		{"a touch", []string{"sessions_pkey"}, change(&satra.Change{At: t0, Seen: t0.Add(time.Second)})},
		{"a set", []string{"sessions_pkey"}, change(set("a", "1"))},
		{"a set with conditions", []string{"sessions_pkey"}, change(ifRev)},
		{"a renewal", []string{"sessions_pkey"}, change(&satra.Change{At: t0, Renew: &satra.Renew{Old: r.Secret, Keep: 1}})},
		{"Principal", []string{"principals_pkey"}, func() error { _, err := s.Principal(ctx, user); return err }},
		{"a sign-in", []string{"principals_pkey", "sessions_pkey", "sessions_principal"}, change(limited)},
		{"a list", []string{"sessions_pkey"}, list(satra.Query{After: satra.ID{128}})},
		{"a list of what is over", []string{"sessions_pkey"}, list(satra.Query{After: satra.ID{250}, Ended: true})},
		{"a principal's list", []string{"sessions_principal"}, list(satra.Query{Principal: &user})},
		{"an import", []string{"sessions_pkey"}, func() error {
			again := *find(t, s, r.ID)
			again.Version += 100
			_, err := s.Import(ctx, &again)
			return err
		}},
		{"Disabled", []string{"principals_disabled"}, func() error { _, err := s.Disabled(ctx, "user9", 20); return err }},
		{"an end", []string{"sessions_pkey"}, change(&satra.Change{At: t0, End: &satra.End{At: t0, Reason: satra.ReasonSignedOut}})},
		{"Sweep", []string{"principals_raised", "limits_used", "sessions_sweep", "principals_pkey", "sessions_pkey"}, func() error {
			n, err := s.Sweep(ctx, t0.Add(time.Hour+30*time.Second), 20)
			if err == nil && n < 10 {
				err = fmt.Errorf("swept %d, want some", n)
			}
			return err
		}},
		{"EndAll", []string{"sessions_principal", "sessions_pkey"}, func() error {
			_, err := s.EndAll(ctx, satra.Ending{At: t0, Principal: "user6", End: satra.End{At: t0}})
			return err
		}},
	} {
		plans.take()
		if err := op.call(); err != nil {
			t.Fatalf("%s: %v", op.name, err)
		}
		var used []string
		for _, text := range plans.take() {
			var plan struct{ Plan node }
			if err := json.Unmarshal([]byte(text), &plan); err != nil {
				t.Fatalf("%s: %v:\n%s", op.name, err, text)
			}
			indexes, whole := plan.Plan.scans()
			used = append(used, indexes...)
			if len(whole) > 0 {
				t.Errorf("%s reads the whole of %v:\n%s", op.name, whole, text)
			}
		}
		for _, want := range op.want {
			if !slices.Contains(used, want) {
				t.Errorf("%s uses the indexes %q, want %q", op.name, used, op.want)
			}
		}
	}
}

func TestEverybodyIsMoreThanAThousand(t *testing.T) {
	s := open(t, options())
	fill(t, s)
	stays := satra.ID{0x80}
	r := newRecord()
	r.ID = stays
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ended, err := s.EndAll(context.Background(), satra.Ending{At: t0, Everybody: true, Except: stays, End: satra.End{At: t0, Reason: satra.ReasonAdministrator}})
	if err != nil || len(ended) != 10_001 {
		t.Errorf("got %d ended, %v; want 10,001", len(ended), err)
	}
	if endings, live := underWay(t, s); endings != 0 || live != 1 {
		t.Errorf("%d endings are under way, %d sessions live; want none, and one", endings, live)
	}
	page, err := s.List(t.Context(), satra.Query{At: t0, Limit: 10})
	if err != nil || len(page.Records) != 1 || page.Records[0].ID != stays {
		t.Errorf("got %d live, %v; want the one that stays", len(page.Records), err)
	}
	if n := sweep(t, s, t0.Add(time.Second), 20_000); n != 10_001 {
		t.Errorf("swept %d, want 10,001", n)
	}
}
