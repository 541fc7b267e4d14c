package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// A form is how an address is written, by what stands there.
type form struct {
	kind    string // "", "cluster" or "sentinel"
	port    string // where none is given
	several bool   // hosts
	example string
}

var forms = []form{
	{"", "6379", false, "redis://user:password@localhost:6379/0"},
	{"cluster", "6379", true, "redis+cluster://user:password@10.0.0.1:6379,10.0.0.2:6379"},
	{"sentinel", "26379", true, "redis+sentinel://user:password@10.0.0.1:26379,10.0.0.2:26379/mymaster/0"},
}

// problem is an error that shows what would be right. It quotes nothing of the
// address: with an @ forgotten the password may stand anywhere.
func (f form) problem(what string) error {
	return fmt.Errorf("redisstore: the address %s; for example %s, or rediss… for TLS", what, f.example)
}

// An endpoint is where a store connects to.
type endpoint struct {
	rueidis.ClientOption
	cluster bool // nothing but a Cluster will do
}

// parseURL reads an address; [Open] says what they look like.
func parseURL(s string) (endpoint, error) {
	var e endpoint
	scheme, rest, ok := strings.Cut(s, "://")
	name, kind, _ := strings.Cut(scheme, "+")
	f := forms[0]
	for _, other := range forms {
		if other.kind == kind {
			f = other
		}
	}
	if !ok || name != "redis" && name != "rediss" || f.kind != kind {
		return e, f.problem("does not begin with redis://, redis+cluster:// or redis+sentinel://")
	}
	e.cluster = kind == "cluster"
	if name == "rediss" {
		e.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		name, password, _ := strings.Cut(rest[:at], ":")
		var err, err2 error
		e.Username, err = url.PathUnescape(name)
		e.Password, err2 = url.PathUnescape(password)
		if err != nil || err2 != nil {
			return e, errors.New("redisstore: the address's user or password has a % that is no escape; write % as %25, @ as %40, / as %2F")
		}
		rest = rest[at+1:]
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if err := e.hosts(f, hosts); err != nil {
		return e, err
	}
	return e, e.path(f, path)
}

// hosts reads HOST[:PORT], and several if the form has them.
func (e *endpoint) hosts(f form, hosts string) error {
	all := strings.Split(hosts, ",")
	if len(all) > 1 && !f.several {
		return forms[1].problem("has several hosts: for a Cluster write redis+cluster://, for Sentinels redis+sentinel://")
	}
	for i, h := range all {
		host, port, err := net.SplitHostPort(h)
		if err != nil { // without a port
			host, port = strings.Trim(h, "[]"), f.port
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, "?# ") {
			return f.problem(fmt.Sprintf("has no right host and port at place %d", i+1))
		}
		e.InitAddress = append(e.InitAddress, net.JoinHostPort(host, port))
		if e.TLSConfig != nil && !f.several {
			e.TLSConfig.ServerName = host // of the nodes as well, if it is a Cluster
		}
	}
	return nil
}

// path reads what stands behind the hosts: a database, or the name that the
// Sentinels know, a database and how to sign in to them.
func (e *endpoint) path(f form, path string) error {
	if f.kind == "sentinel" {
		path, query, _ := strings.Cut(path, "?")
		name, database, _ := strings.Cut(path, "/")
		var err error
		if e.Sentinel.MasterSet, err = url.PathUnescape(name); err != nil || name == "" {
			return f.problem("lacks the name of the primary that the Sentinels watch over")
		}
		if err := e.sentinels(f, query); err != nil {
			return err
		}
		return e.database(f, database)
	}
	if f.kind == "cluster" && path != "" && path != "0" {
		return f.problem("has a database: a Cluster has only 0")
	}
	return e.database(f, path)
}

func (e *endpoint) database(f form, text string) error {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return f.problem("has a database that is no number")
	}
	e.SelectDB = int(n)
	return nil
}

// sentinels reads sentinel_user=…&sentinel_password=…
func (e *endpoint) sentinels(f form, query string) error {
	q, err := url.ParseQuery(query)
	if err != nil {
		return f.problem("has something behind its ? that cannot be read")
	}
	for name, values := range q {
		switch name {
		case "sentinel_user":
			e.Sentinel.Username = values[0]
		case "sentinel_password":
			e.Sentinel.Password = values[0]
		default:
			return f.problem("has more behind its ? than sentinel_user and sentinel_password")
		}
	}
	return nil
}

// with sets what the options say of connections.
func (e *endpoint) with(o Options) error {
	if o.TLS != nil && e.TLSConfig == nil && len(e.InitAddress) > 0 {
		return errors.New("redisstore: Options.TLS is set, and the address does not begin with rediss: nothing would be encrypted")
	}
	if o.TLS != nil && e.TLSConfig != nil {
		name := e.TLSConfig.ServerName
		e.TLSConfig = o.TLS.Clone()
		if e.TLSConfig.ServerName == "" {
			e.TLSConfig.ServerName = name
		}
	}
	if e.Sentinel.MasterSet != "" {
		e.Sentinel.Dialer = net.Dialer{Timeout: o.Timeout, KeepAlive: time.Second}
		e.Sentinel.TLSConfig, e.Sentinel.ClientName = e.TLSConfig, "satra"
		e.Sentinel.TopologyRefreshInterval = 5 * time.Second // a word of theirs may be missed
		if o.Durable == satra.DurablePower {
			return errors.New("redisstore: Options.Durable declares DurablePower, and Sentinels hand over to a replica that may lack" +
				" what was acknowledged; declare DurableNot, or keep one primary and no Sentinels")
		}
	}
	return nil
}

// connect returns a client of what is at the endpoint.
func (e *endpoint) connect(ctx context.Context, o rueidis.ClientOption) (rueidis.Client, error) {
	c, err := rueidis.NewClient(o)
	var untrusted *tls.CertificateVerificationError
	switch {
	case err == nil && e.cluster && c.Mode() != rueidis.ClientModeCluster:
		defer c.Close()
		if hiddenCluster(ctx, c) {
			return nil, errSlots
		}
		return nil, errors.New("the server is no node of a Cluster; write redis:// for one server")
	case denied(err) && o.Sentinel.MasterSet != "":
		return nil, errors.New("a user may not do what is needed; its rules need +role on the servers, and on the Sentinels" +
			" &* +subscribe +unsubscribe +sentinel|sentinels +sentinel|get-master-addr-by-name")
	case denied(err):
		return nil, errSlots
	case errors.Is(err, context.DeadlineExceeded) && o.TLSConfig != nil:
		return nil, fmt.Errorf("%w; does the port speak TLS?", err)
	case errors.As(err, &untrusted):
		return nil, fmt.Errorf("%w; name the authority that signed it in Options.TLS, or to the system", err)
	}
	return c, err
}
