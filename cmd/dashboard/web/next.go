package web

import (
	"net/url"
	"path"
	"strings"
)

// localPath is where a page leads back to, from a value that anybody may have
// put into the address: a path of this site, and "/" for everything that is not
// plainly one. Browsers read "//host", "/\host" and a tab between the slashes as
// another site.
func localPath(next string) string {
	if len(next) > 512 || !strings.HasPrefix(next, "/") || strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return "/"
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" || path.Clean(u.Path) != u.Path || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return next
}

// with is a page of this site with where it leads back to.
func with(page, next string) string {
	if next = localPath(next); next == "/" {
		return page
	}
	return page + "?next=" + url.QueryEscape(next)
}
