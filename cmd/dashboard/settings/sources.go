package settings

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/satra-sessions/satra/cmd/dashboard/settings/strictjson"
)

// flags reads the program's arguments. It takes what package flag takes
// (-name value, -name=value, --name, a switch without a value) and is stricter
// where that guesses: a flag may come once, and a value cannot look like
// another flag. Unlike it, it does not stop at the first problem.
func (l *loader) flags(args []string) []given {
	var values []given
	seen := map[string]bool{}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		d := find(name)
		switch {
		case !looksLikeFlag(arg):
			l.problem("%s is not a flag; settings are given as -name value, see -h", quote(arg))
			continue
		case name == "h" || name == "help":
			l.help = true
			continue
		case d == nil:
			l.problem("-%s: there is no such flag%s", plain(name), meant(name, "-", names(flagName)))
			if !hasValue && len(args) > 0 && !looksLikeFlag(args[0]) {
				args = args[1:] // its value, most likely
			}
			continue
		case !hasValue && d.isSwitch():
			value = "true"
		case !hasValue && (len(args) == 0 || looksLikeFlag(args[0])):
			l.bad[name] = true
			l.problem("-%s: a value is missing; right is %s", name, d.right)
			continue
		case !hasValue:
			value, args = args[0], args[1:]
		}
		if seen[name] {
			l.bad[name] = true
			l.problem("-%s is given twice; right is once", name)
		}
		seen[name] = true
		values = append(values, given{d, value, "-" + name, "flag -" + name})
	}
	return values
}

// looksLikeFlag does not take "-5" for one, so that the message about it is
// that of the setting whose value it is.
func looksLikeFlag(arg string) bool {
	name := strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
	return name != arg && name != "" && (name[0] < '0' || name[0] > '9')
}

// environment reads the variables of the table, and looks for slips of the
// pen. A variable that is nearly one of ours and has our prefix is refused.
// Others may be somebody else's, so they get a warning at the most: Linux
// desktops set SESSION_MANAGER, and Kubernetes DASHBOARD_PORT beside a service
// of that name.
func (l *loader) environment() []given {
	ours := names(envName)
	found := map[string]string{}
	for _, line := range l.environ {
		name, value, _ := strings.Cut(line, "=")
		if slices.Contains(ours, name) {
			found[name] = value // the last one, as for os.Getenv's callers in most systems
			continue
		}
		if name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR" {
			continue // OpenSSL's and crypto/x509's: near to ours, and common
		}
		prefixed := strings.HasPrefix(name, "SESSION_") || strings.HasPrefix(name, "DASHBOARD_")
		switch near := nearest(name, ours); {
		case near != "" && prefixed:
			l.problem("%s (environment): there is no such setting; did you mean %s?", plain(name), near)
		case near != "":
			l.warn("%s (environment) is no setting and not used; perhaps %s is meant", plain(name), near)
		case strings.HasPrefix(name, "DASHBOARD_"):
			l.warn("%s (environment) is no setting and not used", plain(name))
		}
	}
	var values []given
	for i := range table {
		if d := &table[i]; found[d.env] != "" {
			values = append(values, given{d, found[d.env], d.env + " (environment)", "environment " + d.env})
		}
	}
	return values
}

// file reads the file that a flag or else the environment names.
func (l *loader) file(flags, env []given) {
	name, where := "", ""
	for _, g := range slices.Concat(env, flags) {
		if g.setting.name == "config" {
			name, where = g.value, g.where
		}
	}
	if name == "" {
		return
	}
	data, err := l.readFile(name)
	if err != nil {
		if path := (*fs.PathError)(nil); errors.As(err, &path) {
			err = path.Err // the name is said already, and in quotes
		}
		l.problem("%s: %s cannot be read: %v", where, quote(name), err)
		return
	}
	root, err := strictjson.Parse(data)
	if err != nil {
		l.problem("%s, %v", plain(name), err)
		return
	}
	if root.Kind != strictjson.Object {
		l.problem(`%s, %s: the file is %s; right is an object such as {"addr": "127.0.0.1:8080"}`, plain(name), root.Pos, root.Kind)
		return
	}
	for _, m := range root.Members {
		l.member(plain(name), m)
	}
}

// member takes one setting of the file.
func (l *loader) member(file string, m strictjson.Member) {
	d := find(m.Name)
	switch {
	case d == nil:
		l.problem("%s, %s: unknown key %s%s", file, m.Pos, quote(m.Name), meant(m.Name, "", names(fileKey)))
		return
	case d.notInFile:
		l.problem("%s, %s: %q cannot stand in the file; right is the flag -%s", file, m.Pos, m.Name, m.Name)
		return
	}
	text, ok := m.Value.Text, slices.Contains(d.kinds, m.Value.Kind)
	if ok && m.Value.Kind == strictjson.Array {
		var items []string
		for _, item := range m.Value.Items {
			ok = ok && item.Kind == strictjson.String && !strings.Contains(item.Text, ",")
			items = append(items, item.Text)
		}
		text = strings.Join(items, ",")
	}
	if !ok {
		l.bad[d.name] = true
		l.problem("%s, %s: %q is %s; right is %s: %s", file, m.Value.Pos, m.Name, m.Value.Kind, inFile(d), d.right)
		return
	}
	l.set(d, text, file+", "+m.Value.Pos.String()+": "+m.Name, "file "+file+", "+m.Value.Pos.String())
}

// inFile says how the file writes a setting.
func inFile(d *setting) string {
	var kinds []string
	for _, k := range d.kinds {
		kinds = append(kinds, string(k))
	}
	text := strings.Join(kinds, " or ")
	return strings.Replace(text, string(strictjson.Array), "a list of texts", 1)
}
