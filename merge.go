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
	if r.Ended != nil {
		return r, nil
	}
	newer := from.Generation > r.Generation || from.Generation == r.Generation && from.Version > r.Version
	old, young := from, r
	if newer {
		old, young = r, from
	}
	// A session is nobody's first and somebody's then, and never another's.
	if old.Principal != young.Principal && old.Principal != "" {
		return nil, ErrConflict
	}
	ends := from.Ended != nil
	if !newer && !ends && !from.Seen.After(r.Seen) {
		return r, nil
	}
	next := *young
	if from.Seen.After(r.Seen) {
		next.Seen, next.LastDevice = from.Seen, from.LastDevice
	} else if r.Seen.After(from.Seen) {
		next.Seen, next.LastDevice = r.Seen, r.LastDevice
	}
	if ends && !newer { // of what this session was before: it is over all the same
		next.Version++
		next.end(*from.Ended)
	}
	return &next, nil
}
