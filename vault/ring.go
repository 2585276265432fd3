package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"abaton.local/vault/internal/seal"
)

const (
	pageKeys  = 256 // container keys of a full page
	sizeOfKey = 16 + 4 + 32
)

// ring holds the random key of every container, of which each record's key is
// derived. It lies in pages that are sealed under a key of the root key and a
// random seed in the header. Where a key leaves, a new seed is drawn and every
// page sealed anew: then what is left of the old pages opens no more. Its user
// guards it.
type ring struct {
	vault      ID
	generation uint32
	seed       [32]byte
	page       *seal.Key // derived from the root key's and seed
	keys       []*containerKey
	of         map[ID][]*containerKey // oldest generation first
	fresh      []*containerKey        // the last of keys, not yet in of
	digests    [][32]byte             // of the pages
	old        int                    // keys of older generations
}

// containerKey is the key of one container in one generation.
type containerKey struct {
	container  ID
	generation uint32
	key        *seal.Key

	once   sync.Once
	sealer *seal.Sealer // made at first use: most containers of a session are never read
}

func newContainerKey(container ID, generation uint32) *containerKey {
	return &containerKey{container: container, generation: generation, key: seal.NewKey()}
}

func (k *containerKey) records() *seal.Sealer {
	k.once.Do(func() { k.sealer = seal.NewSealer(k.key) })
	return k.sealer
}

// clear wipes the key. Nobody may be using it.
func (k *containerKey) clear() {
	k.once.Do(func() {})
	if k.sealer != nil {
		k.sealer.Clear()
	}
	k.key.Clear()
}

func emptyRing(vault ID, generation uint32, base *seal.Key, seed [32]byte) *ring {
	return &ring{
		vault: vault, generation: generation, seed: seed,
		page: base.Derive("ring page", seed[:]),
		of:   make(map[ID][]*containerKey),
	}
}

func freshRing(vault ID, generation uint32, base *seal.Key) *ring {
	var seed [32]byte
	rand.Read(seed[:]) // never fails: it ends the program instead
	return emptyRing(vault, generation, base, seed)
}

// find gives the key of that container and generation, or nil.
func (r *ring) find(container ID, generation uint32) *containerKey {
	for _, keys := range [...][]*containerKey{r.of[container], r.fresh} {
		for _, k := range keys {
			if k.container == container && k.generation == generation {
				return k
			}
		}
	}
	return nil
}

func (r *ring) learn(k *containerKey) {
	r.of[k.container] = append(r.of[k.container], k)
	if k.generation < r.generation {
		r.old++
	}
}

func (r *ring) mark() ringMark {
	h := sha256.New()
	for i := range r.digests {
		h.Write(r.digests[i][:])
	}
	return ringMark{seed: r.seed, keys: uint32(len(r.keys)), digest: [32]byte(h.Sum(nil))}
}

func (r *ring) rowOf(page int) ID {
	sum := r.page.MAC("ring row", binary.BigEndian.AppendUint32(nil, uint32(page)))
	return ID(sum[:16])
}

// place binds a page to its row and to how many keys it holds.
func (r *ring) place(page, keys int) seal.Place {
	return seal.Place{Vault: r.vault, Record: r.rowOf(page), Kind: uint8(kindRing), Version: uint64(keys), Generation: r.generation}
}

// sealPages seals the pages from one on, and notes their digests.
func (r *ring) sealPages(from int) (rows []Row) {
	sealer := seal.NewSealer(r.page)
	defer sealer.Clear()
	r.digests = slices.Clone(r.digests[:min(from, len(r.digests))])
	for page := from; page*pageKeys < len(r.keys); page++ {
		keys := r.keys[page*pageKeys : min((page+1)*pageKeys, len(r.keys))]
		b := make([]byte, 0, len(keys)*sizeOfKey)
		for _, k := range keys {
			b = append(b, k.container[:]...)
			b = binary.BigEndian.AppendUint32(b, k.generation)
			b = append(b, k.key.Bytes()...)
		}
		p := r.place(page, len(keys))
		row := Row{ID: p.Record, Envelope: sealer.Seal(nil, b, p)}
		clear(b)
		r.digests = append(r.digests, seal.Digest(row.Envelope))
		rows = append(rows, row)
	}
	return rows
}

// with gives the ring with more keys, and the rows to write. The ring itself
// stays as it was until the new one takes its place.
func (r *ring) with(more []*containerKey) (next *ring, rows []Row) {
	next = new(*r)
	// Only the holder of the vault's write lock appends here, and nobody reads
	// beyond the length they know: where this change fails, the next overwrites.
	next.keys, next.fresh = append(r.keys, more...), more
	return next, next.sealPages(len(r.keys) / pageKeys)
}

// rebuilt gives a ring of the same keys but those left out, and more, under a
// new seed; the rows to write and those to delete.
func (r *ring) rebuilt(base *seal.Key, generation uint32, keep func(*containerKey) bool, more []*containerKey) (next *ring, rows []Row, gone []ID) {
	next = freshRing(r.vault, generation, base)
	for _, k := range r.keys {
		if keep(k) {
			next.keys = append(next.keys, k)
		}
	}
	next.keys = append(next.keys, more...)
	for _, k := range next.keys {
		next.learn(k)
	}
	for page := range r.digests {
		gone = append(gone, r.rowOf(page))
	}
	return next, next.sealPages(0), gone
}

// loadRing reads and checks the ring that mark names.
func loadRing(ctx context.Context, st Store, vault ID, generation uint32, base *seal.Key, mark ringMark) (*ring, error) {
	r := emptyRing(vault, generation, base, mark.seed)
	bad := &Damage{Vault: vault, Fault: BadRing}
	pages := (int(mark.keys) + pageKeys - 1) / pageKeys
	ids := make([]ID, pages)
	for i := range ids {
		ids[i] = r.rowOf(i)
	}
	rows, err := fetch(ctx, st, vault, ids)
	if err != nil {
		return nil, err
	}
	sealer := seal.NewSealer(r.page)
	defer sealer.Clear()
	for i, id := range ids {
		row := rows[id]
		r.digests = append(r.digests, seal.Digest(row))
		n := min(int(mark.keys)-i*pageKeys, pageKeys)
		b, err := sealer.Open(nil, row, r.place(i, n))
		if err != nil || len(b) != n*sizeOfKey {
			return nil, bad
		}
		rd := reader{b: b}
		for range n {
			k := &containerKey{container: rd.id(), generation: rd.u32()}
			if k.key, err = seal.KeyOf(rd.take(32)); err != nil || k.generation == 0 || k.generation > generation || r.find(k.container, k.generation) != nil {
				return nil, bad
			}
			r.keys = append(r.keys, k)
			r.learn(k)
		}
		clear(b)
	}
	if r.mark() != mark {
		return nil, bad
	}
	return r, nil
}

// covers tells whether the ring has the key of every record, and no container
// without records.
func (r *ring) covers(m *manifest) bool {
	for i := range m.items {
		if it := &m.items[i]; it.in != nil && r.find(it.in.id, it.generation) == nil {
			return false
		}
	}
	for c := range m.containers {
		if r.find(c, r.generation) == nil {
			return false
		}
	}
	return len(r.of) == len(m.containers)
}

// settle is called once the ring has taken its place.
func (r *ring) settle() {
	for _, k := range r.fresh {
		r.learn(k)
	}
	r.fresh = nil
}

// clearBut wipes what the ring has and other has not. Nobody may be using it.
func (r *ring) clearBut(other *ring) {
	if r.page == other.page { // one is the other with more keys
		if r != other {
			clearKeys(r.fresh)
		}
		return
	}
	kept := make(map[*containerKey]bool, len(other.keys))
	for _, k := range other.keys {
		kept[k] = true
	}
	for _, k := range r.keys {
		if !kept[k] {
			k.clear()
		}
	}
	r.page.Clear()
	clear(r.seed[:])
}

// clear wipes all keys. Nobody may be using them.
func (r *ring) clear() {
	clearKeys(r.keys)
	r.page.Clear()
	clear(r.seed[:])
}

func clearKeys(keys []*containerKey) {
	for _, k := range keys {
		k.clear()
	}
}
