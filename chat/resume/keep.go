package resume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"abaton.local/engine"
	"abaton.local/vault"
)

// partSize is how much of a snapshot one record holds: a vault seals a record at
// once, in memory.
const partSize = 16 << 20

// errTooLarge says that a snapshot is larger than all that a person may have.
var errTooLarge = errors.New("the snapshot is larger than what one person may keep")

// errGone says that a snapshot is not there any more.
var errGone = errors.New("the snapshot is not there any more")

// Keep implements engine.Keeper. The parts come first and the label last, with
// whatever has to go for it: until then there is no such snapshot, and what a
// crash leaves of it goes with the next opening.
func (k *Keeper) Keep(ctx context.Context, p engine.Person, of engine.Label, size int64, from io.Reader, instead []string) error {
	if size <= 0 || padded(size) > k.most {
		return errTooLarge
	}
	return k.with(ctx, p, func(s *shelf) error {
		id := vault.NewID()
		l := label{Label: of, size: size, at: s.next(time.Now())}
		if err := s.writeParts(ctx, id, &l, from); err != nil {
			if ctx.Err() == nil { // else nobody waits; what is there is no snapshot, and goes with the next opening
				_ = s.vault.Write(ctx, vault.Edit{Drop: []vault.ID{id}})
			}
			return fmt.Errorf("keeping what a model had read: %w", err)
		}
		b, err := l.encode()
		if err != nil {
			return err
		}
		gone := s.named(instead)
		gone = append(gone, s.oldest(gone, k.most-padded(size))...)
		put := vault.Put{ID: id, Container: id, Kind: vault.KindResume, Order: orderLabel, Payload: b}
		if err := s.vault.Write(ctx, vault.Edit{Put: []vault.Put{put}, Drop: containers(gone)}); err != nil {
			s.loaded = false // whether it happened is not known
			return fmt.Errorf("keeping what a model had read: %w", err)
		}
		s.without(gone)
		s.kept = append(s.kept, entry{id, l})
		return nil
	})
}

// next is a moment after that of every entry, to the millisecond that is kept,
// so that the order stays though a clock stands still or goes back.
func (s *shelf) next(now time.Time) time.Time {
	at := time.UnixMilli(now.UnixMilli())
	if n := len(s.kept); n > 0 && !at.After(s.kept[n-1].at) {
		at = s.kept[n-1].at.Add(time.Millisecond)
	}
	return at
}

// writeParts writes the snapshot, padded, and completes its label.
func (s *shelf) writeParts(ctx context.Context, id vault.ID, l *label, from io.Reader) error {
	buf := make([]byte, min(partSize, padded(l.size)))
	defer clear(buf)
	left, all := l.size, padded(l.size)
	for order := uint64(1); all > 0; order++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buf[:min(int64(len(buf)), all)]
		n := min(left, int64(len(part)))
		if _, err := io.ReadFull(from, part[:n]); err != nil {
			return err
		}
		clear(part[n:])
		left, all = left-n, all-int64(len(part))
		at := vault.NewID()
		put := vault.Put{ID: at, Container: id, Kind: vault.KindResume, Order: order, Payload: part}
		if err := s.vault.Write(ctx, vault.Edit{Put: []vault.Put{put}}); err != nil {
			return err
		}
		l.parts = append(l.parts, at)
	}
	return nil
}

// oldest are the entries, beside those gone, that must go so that at most room
// bytes are left.
func (s *shelf) oldest(gone []entry, room int64) (more []entry) {
	going := map[vault.ID]bool{}
	for _, e := range gone {
		going[e.id] = true
	}
	used := int64(0)
	for _, e := range s.kept {
		if !going[e.id] {
			used += padded(e.size)
		}
	}
	for _, e := range s.kept {
		if used <= room {
			break
		}
		if !going[e.id] {
			used -= padded(e.size)
			more = append(more, e)
		}
	}
	return more
}

// Open implements engine.Keeper. Each part was proven by the vault before any
// byte of it is written: that it is the record of this identifier, and not an older
// one. Which parts there are, in which order, says the label, which is proven too, and
// none was written a second time; so the whole needs no sum of its own.
func (k *Keeper) Open(ctx context.Context, p engine.Person, id string, w io.Writer) error {
	return k.with(ctx, p, func(s *shelf) error {
		found := s.named([]string{id})
		if len(found) != 1 {
			return errGone
		}
		l := found[0].label
		left := l.size
		// The label is the first record of its container, and nobody writes a part twice.
		held := s.vault.List(vault.KindResume, found[0].id)
		if len(held) != 1+len(l.parts) {
			return errLabel
		}
		for i, at := range l.parts {
			if held[1+i].ID != at || held[1+i].Version != 1 {
				return errLabel
			}
			b, err := s.vault.Read(ctx, at)
			if err != nil {
				return fmt.Errorf("reading what a model had read: %w", err)
			}
			n := min(left, int64(len(b)))
			_, err = w.Write(b[:n])
			clear(b)
			if err != nil {
				return err
			}
			left -= n
		}
		if left != 0 {
			return errLabel
		}
		return nil
	})
}
