package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"syscall"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/models"
	"abaton.local/sandbox"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// Exit codes, the same for every verb.
const (
	done        = 0
	failed      = 1
	wrongUsage  = 2
	unprotected = 3 // refused because a protection is missing
	locked      = 4 // locked, or a wrong secret
	found       = 5 // a check found something
	stopped     = 130
)

// exitCodes is how help explains them.
var exitCodes = []struct {
	code  int
	words string
}{
	{done, "done"},
	{failed, "failed"},
	{wrongUsage, "wrong usage or configuration"},
	{unprotected, "refused because a protection is missing"},
	{locked, "locked, or a wrong secret"},
	{found, "a check found something"},
	{stopped, "stopped (Ctrl-C)"},
}

// usageError says that the command line is wrong; help for the verb follows.
type usageError struct {
	verb string
	text string
}

func (e usageError) Error() string { return e.text }

// configError says that a setting is wrong, and where it stands.
type configError struct{ text string }

func (e configError) Error() string { return e.text }

// told is an error whose text was written for people, with the exit code that
// it leads to.
type told struct {
	err  error
	code int
}

func (e told) Error() string { return e.err.Error() }
func (e told) Unwrap() error { return e.err }

// tell marks err as written for people. Where the table knows better words or
// a better code for what it wraps, those are used.
func tell(err error) error {
	if err == nil {
		return nil
	}
	return told{err, failed}
}

// words is the one place where errors become words for people and an exit
// code. What nobody expected is an internal error: people get an id, the log
// gets the id and the rest.
func words(err error, log *slog.Logger) (string, int) {
	for _, row := range errorTable {
		if text, code, ok := row(err); ok {
			return text, code
		}
	}
	id := make([]byte, 4)
	rand.Read(id) // never fails
	log.Error("internal error", "id", hex.EncodeToString(id), "error", err.Error())
	return "internal error " + hex.EncodeToString(id) + ": the log below the state folder has the same number and says more", failed
}

// errorTable asks from the most special to the most general.
var errorTable = []func(error) (string, int, bool){
	func(err error) (string, int, bool) { return "stopped", stopped, errors.Is(err, errStopped) },
	match(func(e usageError) (string, int) { return e.text, wrongUsage }),
	match(func(e configError) (string, int) { return e.text, wrongUsage }),
	match(func(e *foreignSocket) (string, int) { return e.Error(), failed }),
	match(func(e noAccount) (string, int) { return e.Error(), unprotected }),
	match(func(e checksFailed) (string, int) { return e.Error(), found }),
	match(func(e exited) (string, int) { return e.Error(), e.code }),
	match(func(e *engine.Fault) (string, int) {
		if e.Kind == engine.Unjailed || e.Kind == engine.Unshared {
			return e.Error(), unprotected
		}
		return e.Error(), failed
	}),
	match(func(e *sandbox.NoJail) (string, int) {
		return e.Error() + ". To run the engine with no walls around it all the same: --accept-unjailed-engine", unprotected
	}),
	match(func(e *models.UnknownError) (string, int) { return e.Error(), failed }),
	match(func(e *remoteError) (string, int) { return e.Error(), failed }),
	func(err error) (string, int, bool) {
		return chat.ErrCutShort.Error(), failed, errors.Is(err, chat.ErrCutShort)
	},
	func(err error) (string, int, bool) { return "stopped", stopped, errors.Is(err, context.Canceled) },
	func(err error) (string, int, bool) {
		return "the disk is full: make room, then try again; nothing half-written is used", failed, errors.Is(err, syscall.ENOSPC)
	},
	match(func(e *vault.TooSoon) (string, int) { return e.Error(), locked }),
	func(err error) (string, int, bool) {
		return "the vault is locked: `abaton login` unlocks it at a running server", locked, errors.Is(err, vault.ErrLocked)
	},
	isOne(locked, vault.ErrWrong, vault.ErrEnded, vault.ErrDisabled, vault.ErrToken, vault.ErrRecoveryCode, vault.ErrOtherCode, vault.ErrTicket),
	isOne(wrongUsage, vault.ErrName, vault.ErrTokenName, vault.ErrScope, vault.ErrTokenExpiry, vault.ErrRecipient),
	isOne(unprotected, library.ErrNoParser),
	isOne(wrongUsage, library.ErrName),
	isOne(found, vault.ErrRolledBack, vault.ErrSlots),
	match(func(e *vault.Damage) (string, int) { return e.Error(), found }),
	match(func(e *sqlite.Trouble) (string, int) {
		if e.Kind == sqlite.Damaged || e.Kind == sqlite.Foreign {
			return e.Error(), found
		}
		return e.Error(), failed
	}),
	match(func(e told) (string, int) { return e.Error(), e.code }),
	match(func(e *fs.PathError) (string, int) { return describePath(e), failed }),
}

// match makes a row of the table for one type of error.
func match[E error](say func(E) (string, int)) func(error) (string, int, bool) {
	return func(err error) (string, int, bool) {
		e, ok := errors.AsType[E](err)
		if !ok {
			return "", 0, false
		}
		text, code := say(e)
		return text, code, true
	}
}

// isOne makes a row for errors whose own words are said, with an exit code.
func isOne(code int, targets ...error) func(error) (string, int, bool) {
	return func(err error) (string, int, bool) {
		for _, t := range targets {
			if errors.Is(err, t) {
				return err.Error(), code, true
			}
		}
		return "", 0, false
	}
}

// errStopped says that the person stopped it.
var errStopped = errors.New("stopped")

// stoppedOr is errStopped when the person stopped what led to err.
func stoppedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errStopped
	}
	return err
}

// checksFailed says that checks ran and not all of them passed. The report was
// printed, so there is nothing more to say.
type checksFailed struct{}

func (checksFailed) Error() string { return "" }

// describePath says what to do about a file that could not be had.
func describePath(e *fs.PathError) string {
	switch {
	case errors.Is(e.Err, fs.ErrPermission):
		return e.Path + ": no permission; start as the account that owns it"
	case errors.Is(e.Err, fs.ErrNotExist):
		return e.Path + " is not there"
	}
	return e.Error()
}
