package satra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// A Key is a typed value of a session, kept as JSON. It is made once, as a
// package variable, and may be used by many managers and goroutines.
//
// What Get returns is decoded anew each time: changing it does not change the
// session.
type Key[T any] struct {
	name  string
	owner atomic.Pointer[Manager] // the manager that has registered the key last
}

// AnyKey is a [Key] of any type.
type AnyKey interface {
	keyName() string
}

// NewKey returns the key of that name. It panics unless the name has 1 to 64
// letters, digits, dots, dashes and underscores.
func NewKey[T any](name string) *Key[T] {
	valid := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".-_", c)
	}
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(c rune) bool { return !valid(c) }) {
		panic(fmt.Sprintf("satra: NewKey: %q: want 1 to 64 letters, digits, dots, dashes and underscores", name))
	}
	return &Key[T]{name: name}
}

func (k *Key[T]) keyName() string { return k.name }

// register finds out a second key of the same name: the two would read each
// other's values as another type.
func (k *Key[T]) register(m *Manager) {
	if k.owner.Load() == m {
		return
	}
	if first, loaded := m.keys.LoadOrStore(k.name, AnyKey(k)); loaded && first != AnyKey(k) {
		panic(fmt.Sprintf("satra: two keys are named %q", k.name))
	}
	k.owner.Store(m)
}

// Get returns the value, and the zero value if there is none or no session.
//
// Errors: [ErrUnreadable], [EndedError], [ErrRetry], [ErrAmbiguous],
// [ErrUnavailable].
func (k *Key[T]) Get(ctx context.Context) (T, error) {
	s := mustState(ctx)
	k.register(s.m)
	s.lock()
	v, err := s.value(k.name)
	s.unlock()
	if err != nil {
		var zero T
		return zero, err
	}
	return k.decode(s, v)
}

func (k *Key[T]) decode(s *state, v Value) (T, error) {
	if v.Data == nil {
		var zero T
		return zero, nil
	}
	t, err := decode[T](v.Data)
	if err != nil {
		s.observe(Event{Kind: EventUnreadable, Detail: "key " + k.name})
		return t, fmt.Errorf("%w: key %q", ErrUnreadable, k.name)
	}
	return t, nil
}

// Set sets the value, and begins a session if there is none. It is saved when
// the response begins; after that, at once.
//
// Errors: a value that JSON cannot hold; those of [Start]; after the response
// has begun those of the store as well.
func (k *Key[T]) Set(ctx context.Context, v T) error {
	data, err := encode(v)
	if err != nil {
		return fmt.Errorf("satra: key %q: %w", k.name, err)
	}
	s := mustState(ctx)
	k.register(s.m)
	s.lock()
	defer s.unlock()
	if err := s.start(); err != nil {
		return err
	}
	return s.write(write{value: Value{Key: k.name, Data: data}})
}

// Delete removes the value. Without a session there is nothing to remove, and
// none begins.
func (k *Key[T]) Delete(ctx context.Context) error {
	s := mustState(ctx)
	k.register(s.m)
	s.lock()
	defer s.unlock()
	if err := s.load(); err != nil || s.standing != live {
		return err
	}
	return s.write(write{value: Value{Key: k.name}, deleted: true})
}

// Update changes the value by f, at once, so that no other request's Update is
// lost: f is given the newest value, and again if another request was faster.
// f must be pure. It takes along what waits, and begins a session if there is
// none. It returns the value that was set; an error of f changes nothing.
func (k *Key[T]) Update(ctx context.Context, f func(T) (T, error)) (T, error) {
	var zero T
	s := mustState(ctx)
	k.register(s.m)
	for {
		s.lock()
		old, err := s.updatable(k.name)
		s.unlock()
		if err != nil {
			return zero, err
		}
		t, err := k.decode(s, old)
		if err != nil {
			return zero, err
		}
		if t, err = f(t); err != nil {
			return zero, err
		}
		data, err := encode(t)
		if err != nil {
			return zero, fmt.Errorf("satra: key %q: %w", k.name, err)
		}
		err = s.update(old, Value{Key: k.name, Data: data})
		if !errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return t, err
		}
	}
}

// value returns a key's value as this request sees it: its own writes first.
func (s *state) value(key string) (Value, error) {
	if err := s.loadOld(); err != nil || s.standing != live {
		return Value{}, err
	}
	if i := s.written(key); i >= 0 {
		return s.writes[i].value, nil
	}
	v, _ := s.rec.Value(key)
	return v, nil
}

func (s *state) written(key string) int {
	return slices.IndexFunc(s.writes, func(w write) bool { return w.value.Key == key })
}

// write keeps a write for the commit, or saves it if that is over; s.mu is
// held and the session is live.
func (s *state) write(w write) error {
	if i := s.written(w.value.Key); i >= 0 {
		s.writes[i] = w
	} else {
		s.writes = append(s.writes, w)
	}
	if s.m.active[w.value.Key] && !s.fresh && touchDue(s.rec.Seen, s.m.now(), s.rec.Idle) {
		s.touch = true
	}
	if s.phase == open {
		return nil
	}
	_, err := s.apply(&Change{})
	if err != nil {
		s.dropUnsaved()
	}
	return err
}

// dropUnsaved forgets writes that the store has refused, so that nothing tries
// them again and no read shows them.
func (s *state) dropUnsaved() {
	s.writes = slices.DeleteFunc(s.writes, func(w write) bool { return !w.saved })
}

// updatable returns the value that an Update starts from: the store's, or the
// request's own that waits. A fresh session is created now.
func (s *state) updatable(key string) (Value, error) {
	if err := s.start(); err != nil {
		return Value{}, err
	}
	if err := s.settled(); err != nil {
		return Value{}, err
	}
	stored, _ := s.rec.Value(key)
	stored.Key = key
	if i := s.written(key); i >= 0 {
		stored.Data = s.writes[i].value.Data
	}
	return stored, nil
}

// update sets the value if it still has the version that it was read at. With
// ErrConflict s.rec is what stands now.
func (s *state) update(old, v Value) error {
	s.lock()
	defer s.unlock()
	if err := s.settled(); err != nil {
		return err
	}
	result, err := s.apply(&Change{IfRev: []Rev{{old.Key, old.Rev}}, Set: []Value{v}, Return: true})
	if errors.Is(err, ErrConflict) {
		s.rec = result.Record
		s.writes = slices.DeleteFunc(s.writes, func(w write) bool { return w.saved })
	}
	return err
}
