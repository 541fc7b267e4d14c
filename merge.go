package satra

// Merge returns what becomes of a record when that of another store, with the
// same ID, is imported over it; see [Store]. It is r itself if nothing changes, and
// [ErrConflict] if the two are sessions of different principals. Neither
// record is changed.
//
// An end is final, on whichever side it happened. Else the record that was
// signed in more often stays, and of two of the same generation the one that was
// changed more often; last-seen is the later of the two. So an import may be
// repeated, and does no harm to what has gone on in this store meanwhile.
func (r *Record) Merge(from *Record) (*Record, error) {
	if r.ID != from.ID {
		return nil, ErrConflict
	}
	ends := r.Ended == nil && from.Ended != nil
	newer := from.Generation > r.Generation || from.Generation == r.Generation && from.Version > r.Version
	replaces := r.Ended == nil && (ends || newer)
	if from.Principal != r.Principal && r.Ended == nil && (r.Principal != "" && replaces || from.Principal != "" && !replaces) {
		return nil, ErrConflict
	}
	switch {
	case r.Ended != nil:
		return r, nil
	case !replaces && !from.Seen.After(r.Seen):
		return r, nil
	}
	next := *r
	if replaces {
		next = *from
	}
	if r.Seen.After(from.Seen) {
		next.Seen, next.LastDevice = r.Seen, r.LastDevice
	} else {
		next.Seen, next.LastDevice = from.Seen, from.LastDevice
	}
	return &next, nil
}
