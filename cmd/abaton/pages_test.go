package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// A page says neither where things lie on this machine nor what records are called;
// its log does. What has words of its own keeps them.
func TestAPageTellsNoPaths(t *testing.T) {
	const path = "/home/owner/secret-folder"
	damage := &vault.Damage{Vault: vault.ID{7}, Row: vault.ID{9}}
	for _, err := range []error{
		&fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}, &os.LinkError{Op: "rename", Old: path, New: path, Err: syscall.EROFS},
		&sqlite.Trouble{Kind: sqlite.Damaged, Path: path, Err: syscall.EIO}, &sqlite.Trouble{Kind: sqlite.Full, Path: path, Err: syscall.EIO}, damage,
	} {
		var log bytes.Buffer
		said := pageWords(fmt.Errorf("reading: %w", err), slog.New(slog.NewTextHandler(&log, nil)))
		for _, no := range []string{path, damage.Vault.String(), damage.Row.String(), "reading"} {
			if strings.Contains(said, no) {
				t.Errorf("%T: %s", err, said)
			}
		}
		if !strings.Contains(log.String(), fmt.Sprintf("type=%T", err)) {
			t.Errorf("%T: the log says %s", err, &log)
		}
	}
	for err, want := range map[error]string{
		vault.ErrLocked: "vault is locked", chat.ErrCutShort: chat.ErrCutShort.Error()[1:],
		&fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}: "disk is full", &engine.Fault{What: "It fell.", Do: "Ask again."}: "It fell.",
	} {
		if said := pageWords(err, slog.New(slog.DiscardHandler)); !strings.Contains(said, want) || strings.Contains(said, path) {
			t.Errorf("%v: %s", err, said)
		}
	}
}
