package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"abaton.local/vault"
	"abaton.local/vault/internal/seal"
)

// person is a vault that writes a workload, and what they should find in it.
type person struct {
	id   vault.ID
	root *vault.Key
	r    *rand.Rand

	large int // every so many steps a record comes that goes in parts; 0: never

	steps int                 // made by next
	now   map[vault.ID]record // after them
	past  []map[vault.ID]record

	acked   int // steps
	head    vault.Head
	created bool
}

// record is a record as the model has it.
type record struct {
	container vault.ID
	payload   string
}

// newPerson gives one whose steps are the same for the same seed.
func newPerson(seed uint64) *person {
	p := &person{id: vault.ID{9}, r: rand.New(rand.NewPCG(seed, 4)), now: map[vault.ID]record{}}
	p.past = append(p.past, map[vault.ID]record{})
	var err error
	if p.root, err = seal.KeyOf(p.bytes(32)); err != nil {
		panic(err)
	}
	return p
}

func (p *person) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(p.r.Uint32())
	}
	return b
}

// counter is the record that holds the number of the step.
func counter() (id, container vault.ID) { return vault.ID{1}, vault.ID{2} }

// next is one change: one to five records, some in place of others, some large;
// sometimes a few deletions, sometimes a whole container that goes.
func (p *person) next() (e vault.Edit) {
	p.steps++
	ids := slices.SortedFunc(maps.Keys(p.now), func(a, b vault.ID) int { return slices.Compare(a[:], b[:]) })
	touched := map[vault.ID]bool{}
	count, in := counter()
	p.put(&e, count, in, []byte(strconv.Itoa(p.steps)))
	touched[count] = true
	var dropped vault.ID
	if len(ids) > 20 && p.r.IntN(12) == 0 {
		if dropped = p.now[ids[p.r.IntN(len(ids))]].container; dropped != in {
			e.Drop = []vault.ID{dropped}
			maps.DeleteFunc(p.now, func(_ vault.ID, r record) bool { return r.container == dropped })
		}
	}
	for range 1 + p.r.IntN(5) {
		id, container := vault.ID(p.bytes(16)), vault.ID{3, byte(p.r.IntN(8))}
		if len(ids) > 0 && p.r.IntN(4) == 0 {
			id = ids[p.r.IntN(len(ids))]
			r, there := p.now[id]
			if !there {
				continue // dropped just now
			}
			container = r.container
		}
		size := 64 + p.r.IntN(4000)
		if p.r.IntN(30) == 0 {
			size *= 10
		}
		if !touched[id] && container != dropped && container != in {
			touched[id] = true
			p.put(&e, id, container, p.bytes(size))
		}
	}
	if p.large > 0 && p.steps%p.large == p.large-1 {
		p.put(&e, vault.ID(p.bytes(16)), vault.ID{4}, bytes.Repeat(p.bytes(1<<10), 1200))
	}
	if len(ids) > 10 && p.r.IntN(6) == 0 {
		for range 1 + p.r.IntN(4) {
			id := ids[p.r.IntN(len(ids))]
			if _, there := p.now[id]; there && !touched[id] {
				touched[id] = true
				e.Delete = append(e.Delete, id)
				delete(p.now, id)
			}
		}
	}
	p.past = append(p.past, maps.Clone(p.now))
	return e
}

func (p *person) put(e *vault.Edit, id, container vault.ID, payload []byte) {
	e.Put = append(e.Put, vault.Put{ID: id, Container: container, Kind: vault.KindTurn, Order: uint64(p.steps), Payload: payload})
	p.now[id] = record{container, string(payload)}
}

// create makes the vault; write makes a step in it. Both remember what is
// acknowledged.
func (p *person) create(ctx context.Context, st vault.Store) (*vault.Vault, error) {
	v, err := vault.Create(ctx, st, p.id, p.root, []byte("slots"))
	if err == nil {
		p.created, p.head = true, v.Head()
	}
	return v, err
}

func (p *person) write(ctx context.Context, v *vault.Vault, e vault.Edit) error {
	err := v.Write(ctx, e)
	if err == nil {
		p.acked, p.head = p.acked+1, v.Head()
	}
	return err
}

// open opens the vault as one who remembers what was acknowledged last.
func (p *person) open(ctx context.Context, st vault.Store) (*vault.Vault, error) {
	return vault.Open(ctx, st, p.id, p.root, vault.Opening{Remembered: p.head})
}

// errLost says that something acknowledged is gone without a word; errBroken
// that a store does not hold what it should.
var (
	errLost   = errors.New("acknowledged, and lost")
	errBroken = errors.New("broken")
)

// judge opens the vault in st and demands at least what was acknowledged, and
// exactly what was there after so many steps.
func (p *person) judge(ctx context.Context, st vault.Store) (steps int, err error) {
	v, err := p.open(ctx, st)
	switch {
	case errors.Is(err, vault.ErrNoVault) && !p.created:
		return 0, nil
	case errors.Is(err, vault.ErrRolledBack):
		return 0, fmt.Errorf("%w: %w", errLost, err)
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errBroken, err)
	}
	defer v.Close()
	got, steps, err := read(ctx, v)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errBroken, err)
	case steps < p.acked:
		return steps, fmt.Errorf("%w: %d steps of %d", errLost, steps, p.acked)
	case steps >= len(p.past):
		return steps, fmt.Errorf("%w: %d steps, %d were begun", errBroken, steps, len(p.past)-1)
	case !maps.Equal(got, p.past[steps]):
		return steps, fmt.Errorf("%w: not what was there after step %d", errBroken, steps)
	}
	return steps, nil
}

// read verifies the vault and reads all of it.
func read(ctx context.Context, v *vault.Vault) (got map[vault.ID]record, steps int, err error) {
	if err := v.Verify(ctx); err != nil {
		return nil, 0, err
	}
	got = map[vault.ID]record{}
	var ids []vault.ID
	for _, r := range v.List(0, vault.ID{}) {
		ids = append(ids, r.ID)
	}
	for c, err := range v.ReadMany(ctx, ids) {
		if err != nil {
			return nil, 0, err
		}
		got[c.ID] = record{c.Container, string(c.Payload)}
	}
	count, _ := counter()
	if r, ok := got[count]; ok {
		steps, err = strconv.Atoi(r.payload)
	}
	return got, steps, err
}
