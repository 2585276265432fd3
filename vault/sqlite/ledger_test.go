package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"abaton.local/vault"
)

// ledger is the least that stands on a store and tells loss from keeping: rows,
// a journal of their digests in a hash chain, and its end in the shell.
type ledger struct {
	st   vault.Store
	id   vault.ID
	seq  uint64
	head [32]byte
	rows map[vault.ID][32]byte
}

// mark is what somebody outside remembers of a ledger.
type mark struct {
	seq  uint64
	head [32]byte
}

func createLedger(ctx context.Context, st vault.Store, id vault.ID) (*ledger, error) {
	l := &ledger{st: st, id: id, rows: map[vault.ID][32]byte{}}
	return l, st.Commit(ctx, vault.Change{Vault: id, Shell: l.shell()})
}

func (l *ledger) shell() vault.Shell {
	return vault.Shell{Seq: l.seq, Header: append(binary.BigEndian.AppendUint64(nil, l.seq), l.head[:]...), Slots: []byte("slots")}
}

// write makes one change. After an error the ledger is as before.
func (l *ledger) write(ctx context.Context, put []vault.Row, del []vault.ID) error {
	e := bytes.Clone(l.head[:])
	for _, r := range put {
		d := sha256.Sum256(r.Envelope)
		e = append(append(append(e, 1), r.ID[:]...), d[:]...)
	}
	for _, id := range del {
		e = append(append(append(e, 0), id[:]...), make([]byte, 32)...)
	}
	next := ledger{seq: l.seq + 1, head: sha256.Sum256(e)}
	err := l.st.Commit(ctx, vault.Change{
		Vault: l.id, From: l.seq, Shell: next.shell(),
		Append: []vault.Entry{{Seq: next.seq, Envelope: e}}, Put: put, Delete: del,
	})
	if err != nil {
		return err
	}
	l.seq, l.head = next.seq, next.head
	l.apply(e)
	return nil
}

func (l *ledger) apply(e []byte) {
	for e = e[32:]; len(e) > 0; e = e[49:] {
		id := vault.ID(e[1:17])
		if e[0] == 1 {
			l.rows[id] = [32]byte(e[17:49])
		} else {
			delete(l.rows, id)
		}
	}
}

var (
	errLedger = errors.New("the ledger does not hold")
	errShort  = errors.New("the ledger ends before what is remembered of it")
)

// openLedger replays the journal and compares its end with the shell and, where
// somebody remembers one, with that.
func openLedger(ctx context.Context, st vault.Store, id vault.ID, seen mark) (*ledger, error) {
	shell, err := st.Shell(ctx, id)
	if err != nil {
		return nil, err
	}
	l := &ledger{st: st, id: id, rows: map[vault.ID][32]byte{}}
	for e, err := range st.Journal(ctx, id, 1) {
		if err != nil {
			return nil, err
		}
		if l.seq++; e.Seq != l.seq || (len(e.Envelope)-32)%49 != 0 || !bytes.HasPrefix(e.Envelope, l.head[:]) {
			return nil, fmt.Errorf("%w: entry %d", errLedger, e.Seq)
		}
		l.head = sha256.Sum256(e.Envelope)
		l.apply(e.Envelope)
		if l.seq == seen.seq && l.head != seen.head {
			return nil, fmt.Errorf("%w: another past", errLedger)
		}
	}
	if want := l.shell(); shell.Seq != l.seq || !bytes.Equal(shell.Header, want.Header) || !bytes.Equal(shell.Slots, want.Slots) {
		return nil, fmt.Errorf("%w: shell %d, journal %d", errLedger, shell.Seq, l.seq)
	}
	if l.seq < seen.seq {
		return nil, fmt.Errorf("%w: %d entries, there were %d", errShort, l.seq, seen.seq)
	}
	return l, nil
}

// content reads every row by name and all rows, and compares both with the
// journal.
func (l *ledger) content(ctx context.Context) (map[vault.ID]string, error) {
	got := map[vault.ID]string{}
	for r, err := range l.st.Rows(ctx, l.id) {
		if err != nil {
			return nil, err
		}
		if want, ok := l.rows[r.ID]; !ok || sha256.Sum256(r.Envelope) != want {
			return nil, fmt.Errorf("%w: row %v", errLedger, r.ID)
		}
		got[r.ID] = string(r.Envelope)
	}
	if len(got) != len(l.rows) {
		return nil, fmt.Errorf("%w: %d rows, the journal has %d", errLedger, len(got), len(l.rows))
	}
	var ids []vault.ID
	for id := range got {
		ids = append(ids, id)
	}
	n := 0
	if len(ids) > 0 {
		for r, err := range l.st.Rows(ctx, l.id, ids...) {
			if err != nil {
				return nil, err
			}
			if n++; got[r.ID] != string(r.Envelope) {
				return nil, fmt.Errorf("%w: row %v by name", errLedger, r.ID)
			}
		}
	}
	if n != len(ids) {
		return nil, fmt.Errorf("%w: %d rows by name of %d", errLedger, n, len(ids))
	}
	return got, nil
}
