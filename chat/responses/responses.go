// Package responses keeps answers that a program asked to be kept, in the vault
// of the person for whom it asked. They are found by their names, in that
// person's vault only. What they hold is the business of others.
package responses

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"time"

	"abaton.local/vault"
)

// Vault is what this room needs of a person's open vault. *[vault.Vault] has it.
type Vault interface {
	ID() vault.ID
	List(vault.Kind, vault.ID) []vault.Record
	Lookup(vault.ID) (vault.Record, error)
	Read(context.Context, vault.ID) ([]byte, error)
	Write(context.Context, vault.Edit) error
}

// ErrNone says that this vault keeps no response of that name.
var ErrNone = errors.New("there is no such response")

// ErrFull says that a vault keeps as many responses as it may.
var ErrFull = errors.New("no more responses can be kept: the room for them is full")

// MaxCount is how many responses one vault keeps at most. Nothing is dropped to make
// room: a program asked for each to be kept until it is deleted.
const MaxCount = 10_000

// errForm says that a record is not one of ours.
var errForm = errors.New("a kept response cannot be read: a later version of Abaton may have written it")

const (
	version = 1   // of the payload
	maxName = 255 // bytes
)

// Room is nil where a response of so many bytes can be kept in a vault that holds most
// bytes of them; else ErrFull.
func Room(v Vault, size int, most int64) error {
	total, list := int64(size), v.List(vault.KindResponse, vault.ID{})
	for _, r := range list {
		total += int64(r.Size)
	}
	if len(list) >= MaxCount || total > most || most <= 0 {
		return ErrFull
	}
	return nil
}

// Keep writes a response, new or in place of the one of that name. It is there
// for good once Keep returns nil. Where there is no room as in Room it is ErrFull; of
// answers that come at once a few more may fit.
func Keep(ctx context.Context, v Vault, name string, body []byte, most int64, now time.Time) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("keeping a response: a name has 1 to %d bytes", maxName)
	}
	if err := Room(v, len(body), most); err != nil {
		return err
	}
	payload := append([]byte{version, byte(len(name))}, name...)
	payload = append(payload, body...)
	id := place(v, name)
	// A container of its own: deleting it destroys its key.
	put := vault.Put{ID: id, Container: id, Kind: vault.KindResponse, Order: uint64(max(0, now.UnixMilli())), Payload: payload}
	if err := v.Write(ctx, vault.Edit{Put: []vault.Put{put}}); err != nil {
		return fmt.Errorf("keeping a response: %w", err)
	}
	return nil
}

// Find gives a response back: ErrNone where this vault has none of that name.
func Find(ctx context.Context, v Vault, name string) ([]byte, error) {
	r, err := lookup(v, name)
	if err != nil {
		return nil, err
	}
	payload, err := v.Read(ctx, r.ID)
	if errors.Is(err, vault.ErrNoRecord) {
		return nil, ErrNone // deleted meanwhile
	}
	if err != nil {
		return nil, fmt.Errorf("reading a response: %w", err)
	}
	of, body, err := parse(payload)
	if err != nil {
		return nil, err
	}
	if of != name {
		return nil, ErrNone
	}
	return body, nil
}

// Remove deletes a response and destroys its key.
func Remove(ctx context.Context, v Vault, name string) error {
	r, err := lookup(v, name)
	if err != nil {
		return err
	}
	err = v.Write(ctx, vault.Edit{Drop: []vault.ID{r.Container}})
	if errors.Is(err, vault.ErrNoRecord) {
		return ErrNone
	}
	if err != nil {
		return fmt.Errorf("deleting a response: %w", err)
	}
	return nil
}

// All gives all of a vault, the oldest first. One that cannot be read comes with
// its error, and others follow.
func All(ctx context.Context, v Vault) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, r := range v.List(vault.KindResponse, vault.ID{}) {
			payload, err := v.Read(ctx, r.ID)
			if errors.Is(err, vault.ErrNoRecord) {
				continue
			}
			var body []byte
			if err == nil {
				_, body, err = parse(payload)
			}
			if !yield(body, err) {
				return
			}
		}
	}
}

func lookup(v Vault, name string) (vault.Record, error) {
	r, err := v.Lookup(place(v, name))
	if errors.Is(err, vault.ErrNoRecord) || err == nil && r.Kind != vault.KindResponse {
		return vault.Record{}, ErrNone
	}
	if err != nil {
		return vault.Record{}, fmt.Errorf("finding a response: %w", err)
	}
	return r, nil
}

// place is where a response of that name lies. Names are drawn at random, so to
// whoever does not know one its place is random, too.
func place(v Vault, name string) vault.ID {
	in := v.ID()
	h := sha256.New()
	h.Write([]byte("abaton.local/response v1\x00"))
	h.Write(in[:])
	h.Write([]byte(name))
	return vault.ID(h.Sum(nil)[:16])
}

func parse(payload []byte) (name string, body []byte, err error) {
	if len(payload) < 2 || payload[0] != version {
		return "", nil, errForm
	}
	n := int(payload[1])
	if n == 0 || len(payload) < 2+n {
		return "", nil, errForm
	}
	return string(payload[2 : 2+n]), bytes.Clone(payload[2+n:]), nil
}
