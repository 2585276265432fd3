package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"abaton.local/vault/internal/seal"
)

// maxDamages bounds how many faults Verify names.
const maxDamages = 100

// Verify reads the whole vault and compares: header, slot set, journal, every
// row; none may be missing, none be there that should not. It opens every
// record. What it finds is one *[Damage] or several joined; another error is the
// store's. Writes wait meanwhile.
func (v *Vault) Verify(ctx context.Context) error {
	return v.VerifyWith(ctx, func(int, int) {})
}

// VerifyWith is Verify that tells how many of the rows were read.
func (v *Vault) VerifyWith(ctx context.Context, progress func(done, of int)) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	if err := v.ready(ctx); err != nil {
		return err
	}
	if err := v.verifyShell(ctx); err != nil {
		return err
	}
	want, err := v.rowsDue(ctx)
	if err != nil {
		return err
	}
	var found []error
	note := func(row ID, f Fault) {
		if len(found) < maxDamages {
			found = append(found, &Damage{v.id, row, f})
		}
	}
	var anyDigest [32]byte // of the parts of a record whose list of parts is lost
	seen := make(map[ID]bool, v.manifest.len()+len(want))
	for row, err := range v.st.Rows(ctx, v.id) {
		if err != nil {
			return fmt.Errorf("reading the vault's rows: %w", err)
		}
		digest, part := want[row.ID]
		it := v.manifest.find(row.ID)
		switch {
		case seen[row.ID] || it == nil && !part:
			note(row.ID, Extra)
			continue
		case it != nil:
			if _, err := v.openRow(it, row.Envelope); err != nil {
				note(row.ID, Changed)
			}
		case digest != anyDigest && seal.Digest(row.Envelope) != digest:
			note(row.ID, Changed)
		}
		seen[row.ID] = true
		progress(len(seen), v.manifest.len()+len(want))
	}
	for i := range v.manifest.items {
		if it := &v.manifest.items[i]; it.in != nil && !seen[it.id] {
			note(it.id, Missing)
		}
	}
	for id, digest := range want {
		if digest != anyDigest && !seen[id] {
			note(id, Missing)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}

// verifyShell compares header and slot set with what they are in memory, and
// follows the journal from the older snapshot to the head.
func (v *Vault) verifyShell(ctx context.Context) error {
	shell, err := v.st.Shell(ctx, v.id)
	if err != nil {
		return fmt.Errorf("reading the vault: %w", err)
	}
	plain, err := v.keys.header.Open(nil, shell.Header, headerPlace(v.id, v.head.seq))
	defer clear(plain)
	if err != nil || shell.Seq != v.head.seq || !bytes.Equal(plain, v.head.encode()) {
		return v.damage(BadHeader)
	}
	if !bytes.Equal(shell.Slots, v.slots) {
		return v.damage(BadSlots)
	}
	for e, err := range v.st.Journal(ctx, v.id, 0) {
		if err != nil {
			return fmt.Errorf("reading the vault's journal: %w", err)
		}
		if e.Seq != v.head.first {
			return v.damage(BadJournal)
		}
		break
	}
	for _, start := range v.head.starts() {
		if _, err := v.loadFrom(ctx, &start); err != nil {
			return err
		}
	}
	return nil
}

// rowsDue gives the digest of every row that is no record's own: pages of the
// ring, parts of snapshots and of large records.
func (v *Vault) rowsDue(ctx context.Context) (map[ID][32]byte, error) {
	want := make(map[ID][32]byte)
	for page, digest := range v.ring.digests {
		want[v.ring.rowOf(page)] = digest
	}
	for i := range v.head.snapshots {
		if mark := &v.head.snapshots[i]; mark.seq > 0 {
			rows, err := fetch(ctx, v.st, v.id, v.keys.snapshotStream(v.id, mark).rows())
			if err != nil {
				return nil, err
			}
			for id, envelope := range rows { // loadSnapshot has proven them
				want[id] = seal.Digest(envelope)
			}
		}
	}
	for i := range v.manifest.items {
		it := &v.manifest.items[i]
		if it.in == nil || !it.large {
			continue
		}
		ids := v.partsOf(it).rows()
		rows, err := fetch(ctx, v.st, v.id, []ID{it.id})
		if err != nil {
			return nil, err
		}
		list, err := v.openRow(it, rows[it.id])
		if err != nil {
			list = make([]byte, 32*len(ids)) // the scan names the record
		}
		digests, err := parsePartList(list, len(ids))
		if err != nil {
			return nil, &Damage{v.id, it.id, Changed}
		}
		for j, id := range ids {
			want[id] = digests[j]
		}
	}
	return want, nil
}
