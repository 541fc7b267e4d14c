package storecopy

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/satra-sessions/satra"
)

// What verdict says of a copy.
const (
	ahead   = "it has gone on"
	missing = "it is not there"

	differsIn = "it differs in "
)

// verdict compares a record with its copy: "" if they are the same, ahead if the
// copy has gone on since, else what is wrong with it.
func verdict(from, to *satra.Record) string {
	if to == nil {
		return missing
	}
	if from.ID != to.ID {
		return differsIn + "ID"
	}
	age := cmp.Or(cmp.Compare(to.Generation, from.Generation), cmp.Compare(to.Version, from.Version))
	if age > 0 && (from.Ended == nil || to.Ended != nil) || to.Ended != nil && !sameEnd(from.Ended, to.Ended) {
		return ahead // with an end of its own, too: which of two ends it was is all the same
	}
	for _, field := range []struct {
		name string
		same bool
	}{
		{"Ended", sameEnd(from.Ended, to.Ended)},
		{"Version", from.Version == to.Version},
		{"Generation", from.Generation == to.Generation},
		{"Principal", from.Principal == to.Principal},
		{"Secret", from.Secret == to.Secret},
		{"Seed", from.Seed == to.Seed},
		{"Created", from.Created.Equal(to.Created)},
		{"Begun", from.Begun.Equal(to.Begun)},
		{"Seen", !to.Seen.Before(from.Seen)},
		{"Idle", from.Idle == to.Idle},
		{"Lifetime", from.Lifetime == to.Lifetime},
		{"NotAfter", from.NotAfter.Equal(to.NotAfter)},
		{"Persistent", from.Persistent == to.Persistent},
		{"Transport", from.Transport == to.Transport},
		{"AuthAt", from.AuthAt.Equal(to.AuthAt)},
		{"Method", from.Method == to.Method},
		{"FirstDevice", from.FirstDevice == to.FirstDevice},
		{"LastDevice", from.LastDevice == to.LastDevice || to.Seen.After(from.Seen)},
		{"Values", slices.EqualFunc(from.Values, to.Values, sameValue)},
		{"Retired", slices.EqualFunc(lasting(from.Retired), lasting(to.Retired), sameRetired)},
	} {
		if !field.same {
			return differsIn + field.name
		}
	}
	if to.Seen.After(from.Seen) {
		return ahead
	}
	return ""
}

func sameEnd(a, b *satra.End) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.At.Equal(b.At) && a.Reason == b.Reason && a.Actor == b.Actor
}

func sameValue(a, b satra.Value) bool {
	return a.Key == b.Key && a.Rev == b.Rev && bytes.Equal(a.Data, b.Data)
}

// lasting leaves out the secrets that a sign-in retired: a store may forget them
// after half a minute.
func lasting(all []satra.Retired) []satra.Retired {
	return slices.DeleteFunc(slices.Clone(all), func(r satra.Retired) bool { return r.Successor == nil && r.Seed != nil })
}

func sameRetired(a, b satra.Retired) bool {
	return a.Secret == b.Secret && a.At.Equal(b.At) && bytes.Equal(a.Successor, b.Successor) &&
		a.Shown.Equal(b.Shown) && a.Refused == b.Refused && a.RefusedAt.Equal(b.RefusedAt)
}
