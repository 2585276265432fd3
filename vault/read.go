package vault

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync"

	"abaton.local/vault/internal/seal"
)

// Read gives a record's payload, which is the caller's. A record that is not
// there is [ErrNoRecord]; one that the store lost, changed or put back is a
// *[Damage].
func (v *Vault) Read(ctx context.Context, id ID) ([]byte, error) {
	it, err := v.item(id)
	if err != nil {
		return nil, err
	}
	payload, err := v.read(ctx, &it)
	if err == nil {
		return payload, nil
	}
	return v.readAgain(ctx, id, err)
}

// readAgain reads while nobody writes: what did not fit may have been replaced
// between the look into the manifest and the look into the store.
func (v *Vault) readAgain(ctx context.Context, id ID, err error) ([]byte, error) {
	if _, damaged := errors.AsType[*Damage](err); !damaged {
		return nil, err
	}
	v.writing.Lock()
	defer v.writing.Unlock()
	if err := v.ready(ctx); err != nil {
		return nil, err
	}
	it, err := v.item(id)
	if err != nil {
		return nil, err
	}
	return v.read(ctx, &it)
}

// read fetches and opens one record.
func (v *Vault) read(ctx context.Context, it *item) ([]byte, error) {
	rows, err := fetch(ctx, v.st, v.id, []ID{it.id})
	if err != nil {
		return nil, err
	}
	payload, err := v.openRow(it, rows[it.id])
	if err != nil || !it.large {
		return payload, err
	}
	return v.readParts(ctx, it, payload)
}

// openRow opens the row of a record: its payload, or the list of its parts.
func (v *Vault) openRow(it *item, envelope []byte) ([]byte, error) {
	if envelope == nil {
		return nil, &Damage{v.id, it.id, Missing}
	}
	changed := &Damage{v.id, it.id, Changed}
	if seal.Digest(envelope) != it.digest {
		return nil, changed
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return nil, ErrLocked
	}
	k := v.ring.find(it.in.id, it.generation)
	if k == nil {
		return nil, changed
	}
	payload, err := k.records().Open(nil, envelope, v.placeOf(it))
	if err != nil || !it.large && len(payload) != int(it.size) {
		return nil, changed
	}
	return payload, nil
}

func (v *Vault) readParts(ctx context.Context, it *item, list []byte) ([]byte, error) {
	s, err := v.streamOf(it)
	if err != nil {
		return nil, err
	}
	defer s.key.Clear()
	ids := s.rows()
	digests, err := parsePartList(list, len(ids))
	if err != nil {
		return nil, &Damage{v.id, it.id, Changed}
	}
	rows, err := fetch(ctx, v.st, v.id, ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if rows[id] == nil {
			return nil, &Damage{v.id, it.id, Missing}
		}
		if seal.Digest(rows[id]) != digests[i] {
			return nil, &Damage{v.id, it.id, Changed}
		}
	}
	sealed, ok := s.join(rows)
	if !ok {
		return nil, &Damage{v.id, it.id, Changed}
	}
	payload, err := s.open(sealed)
	if err != nil || len(payload) != int(it.size) {
		return nil, &Damage{v.id, it.id, Changed}
	}
	return payload, nil
}

// streamOf is the stream of a large record under a copy of its key, so that
// nobody waits for the store with the lock held. The caller clears the key.
func (v *Vault) streamOf(it *item) (stream, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return stream{}, ErrLocked
	}
	k := v.ring.find(it.in.id, it.generation)
	if k == nil {
		return stream{}, &Damage{v.id, it.id, Changed}
	}
	key, err := seal.KeyOf(k.key.Bytes())
	return stream{key: key, place: v.placeOf(it), size: int64(it.size)}, err
}

const (
	chunkRecords = 512
	chunkBytes   = 4 << 20
)

// ReadMany gives the records named, each once, in an order that suits the store
// and not the caller. A record that cannot be read comes with its error and
// without payload, and the next follows; after an error of the store or of ctx
// nothing follows. The loop may write to the vault.
func (v *Vault) ReadMany(ctx context.Context, ids []ID) iter.Seq2[Content, error] {
	return func(yield func(Content, error) bool) {
		chunks, unknown, err := v.chunks(ids)
		if err != nil {
			yield(Content{}, err)
			return
		}
		for _, id := range unknown {
			if !yield(Content{Record: Record{ID: id}}, ErrNoRecord) {
				return
			}
		}
		ctx, stop := context.WithCancel(ctx)
		var ahead <-chan fetched
		defer func() {
			stop()
			if ahead != nil {
				<-ahead // the store is left alone before the loop ends
			}
		}()
		if len(chunks) > 0 {
			ahead = v.fetchAhead(ctx, chunks[0])
		}
		for i, chunk := range chunks {
			got := <-ahead
			ahead = nil
			if i+1 < len(chunks) && got.err == nil {
				ahead = v.fetchAhead(ctx, chunks[i+1])
			}
			if got.err != nil {
				yield(Content{}, got.err)
				return
			}
			for j, o := range v.openAll(chunk, got.rows) {
				it := &chunk[j]
				if o.err == nil && it.large {
					o.payload, o.err = v.readParts(ctx, it, o.payload)
				}
				c := Content{it.record(), o.payload}
				if o.err != nil {
					c, o.err = v.contentAgain(ctx, it.id, o.err)
				}
				if !yield(c, o.err) {
					return
				}
				if _, damaged := errors.AsType[*Damage](o.err); o.err != nil && !damaged && !errors.Is(o.err, ErrNoRecord) {
					return
				}
			}
		}
	}
}

// contentAgain reads again what was perhaps replaced meanwhile.
func (v *Vault) contentAgain(ctx context.Context, id ID, err error) (Content, error) {
	payload, err := v.readAgain(ctx, id, err)
	if err != nil {
		return Content{Record: Record{ID: id}}, err
	}
	r, err := v.Lookup(id)
	return Content{r, payload}, err
}

// chunks divides the records by what to fetch at once, in the order of their
// identifiers: that is how a store has them.
func (v *Vault) chunks(ids []ID) (chunks [][]item, unknown []ID, err error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.closed {
		return nil, nil, ErrLocked
	}
	items := make([]item, 0, len(ids))
	for _, id := range ids {
		if it := v.manifest.find(id); it != nil {
			items = append(items, *it)
		} else {
			unknown = append(unknown, id)
		}
	}
	slices.SortFunc(items, func(a, b item) int { return compareIDs(a.id, b.id) })
	items = slices.CompactFunc(items, func(a, b item) bool { return a.id == b.id })
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && n < chunkRecords && (n == 0 || size < chunkBytes) {
			if !items[n].large {
				size += int(items[n].size)
			}
			n++
		}
		chunks = append(chunks, items[:n])
		items = items[n:]
	}
	return chunks, unknown, nil
}

type fetched struct {
	rows map[ID][]byte
	err  error
}

// fetchAhead fetches while the chunk before is opened and looked at. The
// channel gets exactly one value.
func (v *Vault) fetchAhead(ctx context.Context, chunk []item) <-chan fetched {
	c := make(chan fetched, 1)
	ids := make([]ID, len(chunk))
	for i := range chunk {
		ids[i] = chunk[i].id
	}
	go func() {
		rows, err := fetch(ctx, v.st, v.id, ids)
		c <- fetched{rows, err}
	}()
	return c
}

type opened struct {
	payload []byte
	err     error
}

// openAll opens the rows of a chunk, on several processors where it is worth it.
func (v *Vault) openAll(chunk []item, rows map[ID][]byte) []opened {
	out := make([]opened, len(chunk))
	open := func(from, to int) {
		for i := from; i < to; i++ {
			out[i].payload, out[i].err = v.openRow(&chunk[i], rows[chunk[i].id])
		}
	}
	share := max(32, len(chunk)/min(4, runtime.GOMAXPROCS(0)))
	var wg sync.WaitGroup
	for from := share; from < len(chunk); from += share {
		wg.Go(func() { open(from, min(from+share, len(chunk))) })
	}
	open(0, min(share, len(chunk)))
	wg.Wait()
	return out
}
