package vault

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"abaton.local/vault/internal/seal"
)

// Stand-in until branch records is merged.

type Kind uint8

const (
	Act     Kind = 4
	Setting Kind = 7
)

type Record struct {
	ID, Container ID
	Kind          Kind
	Order         uint64
	Version       uint64
	Size          int
}
type Put struct {
	ID, Container ID
	Kind          Kind
	Order         uint64
	Payload       []byte
}
type Edit struct {
	Put    []Put
	Delete []ID
	Drop   []ID
}

var (
	ErrLocked     = errors.New("the vault is locked")
	ErrNoRecord   = errors.New("no such record in this vault")
	ErrRolledBack = errors.New("the vault is older")
)

type inside struct {
	Version uint64
	Digest  [32]byte
	Head    [32]byte
	Records map[ID]Put
}

type Vault struct {
	mu   sync.Mutex
	st   Store
	id   ID
	root *seal.Key
	seq  uint64
	in   inside
	done bool
}

func (v *Vault) commit(ctx context.Context, slots []byte) error {
	in := v.in
	if slots != nil {
		in.Digest = seal.Digest(slots)
	} else {
		sh, err := v.st.Shell(ctx, v.id)
		if err != nil {
			return err
		}
		slots = sh.Slots
	}
	in.Head = seal.NextHead(in.Head, v.seq+1, slots)
	b, _ := json.Marshal(in)
	s := seal.NewSealer(v.root)
	env := s.Seal(nil, b, seal.Place{Vault: v.id, Version: v.seq + 1})
	if err := v.st.Commit(ctx, Change{Vault: v.id, From: v.seq, Shell: Shell{Seq: v.seq + 1, Header: env, Slots: slots}}); err != nil {
		return err
	}
	v.seq++
	v.in = in
	return nil
}
func createVault(ctx context.Context, st Store, id ID, root *seal.Key, slots []byte) (*Vault, error) {
	v := &Vault{st: st, id: id, root: clone(root), in: inside{Records: map[ID]Put{}}}
	return v, v.commit(ctx, append([]byte{}, slots...))
}
func clone(k *seal.Key) *seal.Key { c, _ := seal.KeyOf(k.Bytes()); return c }
func openVault(ctx context.Context, st Store, id ID, root *seal.Key, m Mark) (*Vault, error) {
	sh, err := st.Shell(ctx, id)
	if err != nil {
		return nil, err
	}
	v := &Vault{st: st, id: id, root: clone(root), seq: sh.Seq}
	b, err := seal.NewSealer(root).Open(nil, sh.Header, seal.Place{Vault: id, Version: sh.Seq})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &v.in); err != nil {
		return nil, err
	}
	if v.in.Digest != seal.Digest(sh.Slots) {
		return nil, errors.New("damage: slots")
	}
	if m.Seq > sh.Seq || m.Seq == sh.Seq && m.Head != v.in.Head {
		return nil, ErrRolledBack
	}
	return v, nil
}
func (v *Vault) List(k Kind, c ID) (l []Record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.in.Records {
		if p.Kind == k && (c == (ID{}) || c == p.Container) {
			l = append(l, Record{ID: p.ID, Container: p.Container, Kind: k, Order: p.Order, Size: len(p.Payload)})
		}
	}
	slices.SortFunc(l, func(a, b Record) int { return int(int64(a.Order) - int64(b.Order)) })
	return
}
func (v *Vault) Read(ctx context.Context, id ID) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.done {
		return nil, ErrLocked
	}
	p, ok := v.in.Records[id]
	if !ok {
		return nil, ErrNoRecord
	}
	return slices.Clone(p.Payload), nil
}
func (v *Vault) Write(ctx context.Context, e Edit) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.done {
		return ErrLocked
	}
	old := v.in.Records
	m := map[ID]Put{}
	for k, x := range old {
		m[k] = x
	}
	for _, p := range e.Put {
		m[p.ID] = p
	}
	for _, id := range e.Delete {
		delete(m, id)
	}
	v.in.Records = m
	if err := v.commit(ctx, nil); err != nil {
		v.in.Records = old
		return err
	}
	return nil
}
func (v *Vault) replaceSlots(ctx context.Context, version uint64, slots []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.commit(ctx, slots)
}
func (v *Vault) rotate(ctx context.Context, root *seal.Key, version uint64, slots []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	was := v.root
	v.root = clone(root)
	if err := v.commit(ctx, slots); err != nil {
		v.root = was
		return err
	}
	was.Clear()
	return nil
}
func (v *Vault) Head() (uint64, [32]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seq, v.in.Head
}
func (v *Vault) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.done {
		v.done = true
		v.root.Clear()
	}
}
