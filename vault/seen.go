package vault

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"abaton.local/vault/internal/seal"
)

// A browser may remember how far a vault had got when it last saw it: then a whole
// machine that was put back to an earlier day, with its store, its remembered heads
// and its audit log, is noticed by whoever comes back with that browser. What it
// keeps is a vault's head, sealed by the device secret and bound to that vault: it
// tells nobody whose it is, nor how much was changed.
const (
	seenSize  = 8 + 32
	wordLabel = "seen-label"
)

// Seen is what a browser is to keep of a session's vault: a label, the same for
// this vault always, and the text that Attempt.Seen takes. Both are empty where one
// of have says the same already.
func (d *Directory) Seen(s Session, have []string) (label, text string) {
	if s.own() == nil || !s.Unlocked() {
		return "", ""
	}
	id := identity(s.Person)
	h := s.seat.vault.Head()
	if h == (Head{}) || h == d.seenBefore(id, have) {
		return "", ""
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, seenSize), h.Seq)
	b = append(b, h.Sum[:]...)
	tag := d.config.Device.key.MAC(wordLabel, id[:])
	return hex.EncodeToString(tag[:8]), base64.RawURLEncoding.EncodeToString(d.heads.sealer.Seal(nil, b, seenPlace(id)))
}

// seenPlace is another one than that of the file of heads: no person's vault is
// the directory.
func seenPlace(id ID) seal.Place { return seal.Place{Vault: id, Kind: rememberedKind} }

// seenBefore gives the newest head of a vault among what a browser kept; zero
// where none is of this vault. What was not sealed here says nothing.
func (d *Directory) seenBefore(id ID, kept []string) (newest Head) {
	for _, text := range kept {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		b, err = d.heads.sealer.Open(nil, b, seenPlace(id))
		if err != nil || len(b) != seenSize {
			continue
		}
		if h := (Head{Seq: binary.BigEndian.Uint64(b), Sum: [32]byte(b[8:])}); h.Seq > newest.Seq {
			newest = h
		}
	}
	return newest
}

// reaches is holds for a vault that others may be writing into.
func (v *Vault) reaches(ctx context.Context, h Head) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	if err := v.ready(ctx); err != nil {
		return err
	}
	return v.holds(ctx, h)
}

// reachesSeen holds a vault that was open already against what the browser of
// somebody who comes in remembers. Others may write into it meanwhile: accepted is
// any state that the one they were shown has become.
func (v *Vault) reachesSeen(ctx context.Context, seen Head, accept *RolledBack) (accepted bool, err error) {
	err = v.reaches(ctx, seen)
	if !errors.Is(err, ErrRolledBack) {
		return false, err
	}
	h := v.Head()
	now := &RolledBack{Have: h.Seq, Head: h.Sum, Remembered: seen.Seq, Browser: true}
	if accept == nil || !accept.Browser || accept.Remembered != seen.Seq || accept.Have == 0 || accept.Have > h.Seq {
		return false, now
	}
	if err := v.reaches(ctx, Head{accept.Have, accept.Head}); err != nil {
		return false, now
	}
	return true, nil
}
