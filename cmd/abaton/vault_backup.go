package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"abaton.local/audit"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// backUp writes all vaults, sealed as they are, into a new file or to standard
// output. With no server it needs nobody's passphrase, only the store.
func backUp(ctx context.Context, p *program, name string) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt) // half a copy is not left lying about
	defer release()
	path, err := filepath.Abs(name) // now: a process that is locked down stands elsewhere
	if err != nil {
		return tell(err)
	}
	d, err := backupDesk(ctx, p)
	if err != nil {
		return err
	}
	defer d.close()
	if name == "-" {
		if p.screen.outTTY {
			return usageError{"vault", "a backup is no text: send it into a file, `abaton vault backup - >FILE`."}
		}
		return copyStore().at(ctx, d, struct{}{}, p.screen.out)
	}
	n, err := writeNew(path, func(w io.Writer) error { return copyStore().at(ctx, d, struct{}{}, w) })
	if err != nil {
		return err
	}
	p.screen.say(fmt.Sprintf("%s (%s) holds everybody's vaults, sealed: it opens for them alone. The device secret %s is not in it and must never lie beside it; "+
		"keep a copy of that elsewhere, or everybody needs their recovery code. Try it: abaton vault check %s", cleanLine(name), sizeOf(n), p.cfg.Folders.Device(), cleanLine(name)))
	return nil
}

// exportVault writes what a person keeps, in the clear, for them to take along.
func exportVault(ctx context.Context, p *program, name string, o vaultOptions) error {
	path, err := filepath.Abs(name) // now: a process that is locked down stands elsewhere
	if err != nil {
		return tell(err)
	}
	d, err := openDeskFor(ctx, p, deskOptions{older: o.older})
	if err != nil {
		return err
	}
	defer d.close()
	n, err := writeNew(path, func(w io.Writer) error {
		return exportHistory().at(ctx, d, exportIn{Format: formatJSON, Vault: true}, w)
	})
	if err != nil {
		return err
	}
	p.screen.say(fmt.Sprintf("%s (%s) holds all your conversations, the responses kept for programs and the text of your documents, in the clear: whoever can read that file can read them.", cleanLine(name), sizeOf(n)))
	return nil
}

// backupDesk is a desk with nobody at it: the store, and the audit log.
func backupDesk(ctx context.Context, p *program) (*desk, error) {
	if c, err := connect(ctx, p.cfg.Folders.Socket()); err != nil {
		return nil, err
	} else if c != nil {
		return remoteDesk(p)
	}
	if !isHome(p.cfg.Folders) {
		return nil, told{errNobody, failed}
	}
	lock, err := lockStore(p.cfg.Folders.State, p.verb)
	if err != nil {
		return nil, tell(err)
	}
	// What a killed backup left; with the lock, nobody is writing one.
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(p.cfg.Folders.Store()), "backup-*")) // fails only for a bad pattern
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			lock.release()
			return nil, tell(err)
		}
	}
	h, err := openVaultless(ctx, p)
	if err != nil {
		lock.release()
		return nil, err
	}
	return &desk{home: h, close: func() {
		if err := h.close(); err != nil {
			p.log.Error("closing the store", "error", err.Error())
		}
		lock.release()
	}}, nil
}

// copyStore writes a copy of the whole store, for owners, and for whoever runs
// the machine.
func copyStore() stream[struct{}] {
	return stream[struct{}]{"vault/backup", func(ctx context.Context, h *home, s vault.Session, _ struct{}, w io.Writer) (err error) {
		dir, err := os.MkdirTemp(filepath.Dir(h.places.Store()), "backup-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "copy")
		if err := h.store.Backup(ctx, path); err != nil {
			return err
		}
		// Before the last byte: a backup that is not on the record is not whole.
		actor, _ := vault.ParseID(string(s.Person)) // nobody, where no server runs
		if err := h.audit.Record(audit.Event{What: audit.BackedUp, Actor: actor}); err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, stoppable{ctx, f})
		return err
	}}
}

// stoppable is a reader that ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}

// writeNew writes a new file that only this account can read: whole or not at
// all, and never in the place of another.
func writeNew(name string, write func(io.Writer) error) (n int64, err error) {
	if exists(name) {
		return 0, tell(fmt.Errorf("%s is there already, and nothing is put in its place: name a new file", cleanLine(name)))
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".abaton-*") // 0600 by CreateTemp's contract
	if errors.Is(err, fs.ErrPermission) {
		return 0, tell(fmt.Errorf("this account may not write in %s: name another folder, or let your own account write it: abaton vault backup - >FILE", cleanLine(filepath.Dir(name))))
	}
	if err != nil {
		return 0, tell(err)
	}
	defer os.Remove(f.Name()) // by then it has two names, or is not whole
	defer f.Close()
	b := bufio.NewWriterSize(f, 1<<20)
	if err := write(b); err != nil {
		return 0, err
	}
	if err := errors.Join(b.Flush(), f.Sync()); err != nil {
		return 0, tell(err)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, tell(err)
	}
	// Unlike a renaming, a link never replaces a file.
	if err := os.Link(f.Name(), name); err != nil {
		return 0, tell(err)
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return 0, tell(err)
	}
	return info.Size(), tell(errors.Join(dir.Sync(), dir.Close()))
}

// checkBackup looks at a backup without any key.
func checkBackup(ctx context.Context, p *program, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	ids, err := sqlite.Inspect(ctx, name)
	if err != nil {
		return tell(err)
	}
	_, err = fmt.Fprintf(p.screen.out, "%s\n", wrapped(fmt.Sprintf("%s is a sound file of %s with %d sealed vaults, the list of people being one of them. "+
		"No key was needed, so nothing is said about what is in them: once it is put back, each person can tell with `abaton vault verify`.",
		cleanLine(name), sizeOf(info.Size()), len(ids)), p.screen.width(), ""))
	return tell(err)
}

// restoreBackup puts a backup where no store is. Who does that to the list of
// people has accepted its older state; each person is asked about their own vault.
func restoreBackup(ctx context.Context, p *program, name string, newMachine bool) error {
	f := p.cfg.Folders
	if c, err := connect(ctx, f.Socket()); err != nil {
		return err
	} else if c != nil {
		return tell(errors.New("an abaton serve is running: end it first"))
	}
	lock, err := lockStore(f.State, p.verb)
	if err != nil {
		return tell(err)
	}
	defer lock.release()
	if exists(f.Store()) {
		return tell(fmt.Errorf("there are vaults in %s, and they may be all there is: move that folder away first, then restore", filepath.Dir(f.Store())))
	}
	if _, err := os.Stat(name); err != nil {
		return err
	}
	if _, err := sqlite.Inspect(ctx, name); err != nil {
		return tell(err)
	}
	if !newMachine && !exists(f.Device()) {
		return tell(fmt.Errorf("the device secret %s is missing, and without it this backup opens with recovery codes only: put the old file there. "+
			"If it is lost: abaton vault restore --new-machine FILE", f.Device()))
	}
	if newMachine && !exists(f.Device()) {
		d, err := vault.MakeDevice(f.Device(), f.Data)
		if err != nil {
			return tell(err)
		}
		d.Close()
	}
	if err := sqlite.Restore(ctx, name, f.Store()); err != nil {
		return tell(err)
	}
	o := homeOptions{newMachine: newMachine}
	h, err := openHome(ctx, p, o)
	if older, ok := errors.AsType[*vault.RolledBack](err); ok {
		o.accept = older
		h, err = openHome(ctx, p, o)
	}
	if errors.Is(err, vault.ErrOtherDevice) {
		err = tell(fmt.Errorf("this backup was made with another device secret than %s: put the old file there. "+
			"If it is lost: abaton vault restore --new-machine FILE", f.Device()))
	}
	if err != nil {
		// Nobody can have used it yet: what was copied goes, so that this can be
		// done again once what is in the way is not.
		return errors.Join(err, os.Remove(f.Store()))
	}
	err = h.audit.Record(audit.Event{What: audit.Restored})
	unclaimed := h.people.Unclaimed()
	if err := errors.Join(err, h.close()); err != nil {
		return tell(err)
	}
	if unclaimed {
		p.screen.say("The vaults are back. This machine has a new device secret, so everybody comes in anew, with their recovery code: " +
			"first the owner, `abaton setup --recovery`; the others with an invitation, `abaton setup --recovery --invitation TEXT`. Access tokens and passkeys are gone.")
		return nil
	}
	p.screen.say("The vaults are back, as old as the backup is. Each person is asked once, when they unlock, whether this older state is meant to be there. " +
		"What came after the backup is lost.")
	return nil
}
