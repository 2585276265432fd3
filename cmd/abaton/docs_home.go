package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"abaton.local/audit"
	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/library/reader"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

// shelved is a person's documents over one opening of their vault.
type shelved struct {
	vault     *vault.Vault
	mu        sync.Mutex         // held while they are read: others of the house need not wait for it
	libraries *library.Libraries // nil until they are; guarded by mu
	reading   chan struct{}      // holds one while a document of theirs is read: others have their turn, too

	arriving sync.Mutex
	upload   *upload // that is under way; guarded by arriving
	added    uint32  // documents that the audit log does not have yet; guarded by arriving
}

// upload is a file that comes in several pieces.
type upload struct {
	name  string // drawn by whoever sends it
	bytes []byte
	size  int64
	last  *time.Timer // ends it when nothing more comes
}

// Bounds of uploads.
const (
	largestDocument = 200 << 20
	largestPiece    = 4 << 20
	allUploads      = 512 << 20   // of everybody at once
	patience        = time.Minute // with one that does not go on
)

// childrenAtOnce is how many documents are read at one time in this house.
const childrenAtOnce = 2

// documentParser reads documents in a jail: none without one, and none where the
// engine's walls were given up, for that was agreed for engines.
func documentParser(jail *sandbox.Jail) library.Parser {
	if jail == nil || jail.Tier() == sandbox.TierD {
		return nil
	}
	r := reader.New(jail)
	turns := make(chan struct{}, childrenAtOnce)
	return func(ctx context.Context, src parse.Source) (parse.Document, error) {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return parse.Document{}, ctx.Err()
		}
		defer func() { <-turns }()
		return r.Parse(ctx, src)
	}
}

// readsDocuments says why no document can be added here, if that is so.
func (h *home) readsDocuments() error {
	if h.parse == nil {
		return library.ErrNoParser
	}
	return nil
}

// shelf is what is known of a session's documents, whether they were read or not.
func (h *home) shelf(s vault.Session) (*shelved, error) {
	v, err := s.Vault()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.shelves[s.Person]
	if k == nil || k.vault != v {
		k = &shelved{vault: v, reading: make(chan struct{}, 1)}
		h.shelves[s.Person] = k
	}
	return k, nil
}

// libraries is the documents of a session's person, opened with the first
// question for them and gone when the vault locks.
func (h *home) libraries(ctx context.Context, s vault.Session) (*library.Libraries, error) {
	k, err := h.shelf(s)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.libraries == nil {
		opened, err := library.Open(ctx, k.vault, library.Config{Parse: h.parse})
		if err != nil {
			return nil, err
		}
		k.libraries = opened
	}
	return k.libraries, nil
}

// closeLibraries seals what of the index is not sealed yet.
func (h *home) closeLibraries(ctx context.Context) (err error) {
	h.mu.Lock()
	all := h.shelves
	h.shelves = map[vault.PersonID]*shelved{}
	h.mu.Unlock()
	for person, k := range all {
		k.mu.Lock()
		if k.libraries != nil {
			err = errors.Join(err, k.libraries.Close(ctx))
		}
		k.mu.Unlock()
		err = errors.Join(err, h.counted(k, person))
	}
	return err
}

var (
	errBusy  = errors.New("another large file of yours is arriving: wait for it, or a minute if it was given up")
	errRoom  = errors.New("too many large files are arriving at once: try again in a minute")
	errPiece = errors.New("the pieces of this file do not follow each other: add it again")
)

// arrive takes a piece of a file. Whole is nil until the last one came.
func (h *home) arrive(k *shelved, in addIn) (whole []byte, err error) {
	if in.Size < 0 || in.Size > largestDocument || in.At < 0 || in.At+int64(len(in.Data)) > in.Size {
		return nil, errPiece
	}
	if in.At == 0 && int64(len(in.Data)) == in.Size {
		return in.Data, nil
	}
	if in.At == 0 && h.arrivingNow(k)+in.Size > allUploads {
		return nil, errRoom
	}
	k.arriving.Lock()
	defer k.arriving.Unlock()
	u := k.upload
	switch {
	case in.At == 0 && u != nil && u.name != in.Upload:
		return nil, errBusy
	case in.At == 0:
		if u != nil {
			u.last.Stop()
		}
		u = &upload{name: in.Upload, size: in.Size, bytes: make([]byte, 0, in.Size)}
		u.last = time.AfterFunc(patience, func() { k.giveUp(u) })
		k.upload = u
	case u == nil || u.name != in.Upload || u.size != in.Size || int64(len(u.bytes)) != in.At:
		return nil, errPiece
	}
	u.bytes = append(u.bytes, in.Data...)
	u.last.Reset(patience)
	if int64(len(u.bytes)) < u.size {
		return nil, nil
	}
	u.last.Stop()
	k.upload = nil
	return u.bytes, nil
}

// giveUp forgets an upload, if it is still the one that is under way.
func (k *shelved) giveUp(u *upload) {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	if k.upload == u {
		k.upload = nil
	}
}

// take waits for a person's turn to have a document read.
func (k *shelved) take(ctx context.Context) (done func(), err error) {
	select {
	case k.reading <- struct{}{}:
		return func() { <-k.reading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// arrivingNow is how many bytes the uploads of all but one shelf have asked for.
func (h *home) arrivingNow(but *shelved) (sum int64) {
	h.mu.Lock()
	var others []*shelved
	for _, k := range h.shelves {
		if k != but {
			others = append(others, k)
		}
	}
	h.mu.Unlock()
	for _, k := range others {
		k.arriving.Lock()
		if k.upload != nil {
			sum += k.upload.size
		}
		k.arriving.Unlock()
	}
	return sum
}

// counted puts on the audit log how many documents a person added since the last
// time: a number, and never which.
func (h *home) counted(k *shelved, person vault.PersonID) error {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	if k.added == 0 {
		return nil
	}
	if err := h.recordDocuments(audit.DocumentsAdded, person, k.added); err != nil {
		return err
	}
	k.added = 0
	return nil
}

func (h *home) recordDocuments(what audit.What, person vault.PersonID, n uint32) error {
	id, err := vault.ParseID(string(person))
	if err != nil {
		return err
	}
	return h.audit.Record(audit.Event{What: what, Actor: id, Object: id, Detail: n})
}
