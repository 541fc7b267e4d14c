package audit

import (
	"context"
	"slices"
)

// AuditKeys returns keys by their owners: see [Sink].
func (m *Memory) AuditKeys(ctx context.Context, owners [][]byte) ([]WrappedKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var found []WrappedKey
	for _, owner := range owners {
		if k, ok := m.keys[string(owner)]; ok {
			found = append(found, k)
		}
	}
	return found, nil
}

// AddAuditKeys adds keys where there are none: see [Sink].
func (m *Memory) AddAuditKeys(ctx context.Context, keys []WrappedKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		if _, ok := m.keys[string(k.Owner)]; !ok {
			m.keys[string(k.Owner)] = k
		}
	}
	return nil
}

// EraseAuditKeys removes keys by their owners: see [Sink].
func (m *Memory) EraseAuditKeys(ctx context.Context, owners [][]byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.keys)
	for _, owner := range owners {
		delete(m.keys, string(owner))
	}
	return before - len(m.keys), nil
}

// CutAuditKeys removes keys by their age: see [Sink].
func (m *Memory) CutAuditKeys(ctx context.Context, before int64, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var old []string
	for owner, k := range m.keys {
		if k.At < before {
			old = append(old, owner)
		}
	}
	slices.Sort(old)
	old = old[:min(limit, len(old))]
	for _, owner := range old {
		delete(m.keys, owner)
	}
	return len(old), nil
}
