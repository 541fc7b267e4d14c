package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

const example = "for example redis://user:password@localhost:6379/0, or rediss:// for TLS"

// parseURL reads redis://user:password@host:port/database. Several hosts,
// separated by commas, are nodes of one Cluster. Its errors hold nothing of what
// stands before the @.
func parseURL(s string) (rueidis.ClientOption, error) {
	var o rueidis.ClientOption
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "redis" && scheme != "rediss" {
		return o, fmt.Errorf("redisstore: the address does not begin with redis:// or rediss://; %s", example)
	}
	if scheme == "rediss" {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	place := rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		place = rest[at+1:]
		name, password, _ := strings.Cut(rest[:at], ":")
		var err, err2 error
		o.Username, err = url.PathUnescape(name)
		o.Password, err2 = url.PathUnescape(password)
		if err != nil || err2 != nil {
			return o, errors.New("redisstore: the address's user or password has a % that is no escape; write % as %25, @ as %40, / as %2F")
		}
	}
	hosts, db, _ := strings.Cut(place, "/")
	if db != "" {
		n, err := strconv.ParseUint(db, 10, 16)
		if err != nil {
			return o, fmt.Errorf("redisstore: the address's database %q is no number; %s", db, example)
		}
		o.SelectDB = int(n)
	}
	for _, h := range strings.Split(hosts, ",") {
		host, port, err := net.SplitHostPort(h)
		if err != nil { // without a port
			host, port = strings.Trim(h, "[]"), "6379"
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, "?# ") {
			return o, fmt.Errorf("redisstore: the address's host and port %q; %s", h, example)
		}
		o.InitAddress = append(o.InitAddress, net.JoinHostPort(host, port))
		if o.TLSConfig != nil && o.TLSConfig.ServerName == "" {
			o.TLSConfig.ServerName = host
		}
	}
	return o, nil
}
