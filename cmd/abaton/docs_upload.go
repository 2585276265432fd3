package main

import (
	"errors"
	"maps"
	"slices"
	"time"

	"abaton.local/vault"
)

// upload is a file that comes in several pieces.
type upload struct {
	name  string // drawn by whoever sends it
	bytes []byte
	size  int64
	begun time.Time
	last  *time.Timer // ends it when nothing more comes
}

// Bounds of uploads.
const (
	largestDocument = 200 << 20
	largestPiece    = 4 << 20
	allUploads      = 512 << 20 // of everybody at once
	ownUploads      = allUploads / 2
	mostUploads     = 2           // of one person: one of which pages are recognised, and another meanwhile
	mostWaiting     = 32 << 20    // of one person's in one piece
	patience        = time.Minute // with one that does not go on
	mostPatience    = 10 * patience
)

var (
	errBusy  = errors.New("other files of yours are arriving or being read: wait for them, or a minute if they were given up")
	errRoom  = errors.New("too many large files are arriving at once: try again in a minute")
	errPiece = errors.New("the pieces of this file do not follow each other: add it again")
)

// arrive takes a piece of a file. Whole is nil until the last one came. What is
// whole is counted until finished is told.
func (h *home) arrive(k *shelved, in addIn) (whole []byte, err error) {
	if in.Size < 0 || in.Size > largestDocument || in.At < 0 || in.At+int64(len(in.Data)) > in.Size {
		return nil, errPiece
	}
	if in.At == 0 && int64(len(in.Data)) == in.Size {
		if err := h.await(k, in.Size); err != nil {
			return nil, err
		}
		return in.Data, nil
	}
	if len(in.Data) == 0 {
		return nil, errPiece
	}
	if in.At == 0 {
		err = h.begin(k, in)
	} else {
		whole, err = k.goOn(in)
	}
	return whole, err
}

// await counts a file that came in one piece and waits for its turn.
func (h *home) await(k *shelved, size int64) error {
	h.uploading.Lock()
	defer h.uploading.Unlock()
	full := h.arrivingNow()+size > allUploads
	k.arriving.Lock()
	defer k.arriving.Unlock()
	switch {
	case k.locked.Err() != nil:
		return vault.ErrLocked
	case k.waiting+size > mostWaiting:
		return errBusy
	case full:
		return errRoom
	}
	k.waiting += size
	return nil
}

// begin takes the first piece of several. The room for all of them is looked for
// and taken in one, so that two cannot have the same.
func (h *home) begin(k *shelved, in addIn) error {
	h.uploading.Lock()
	defer h.uploading.Unlock()
	sum := h.arrivingNow()
	k.arriving.Lock()
	defer k.arriving.Unlock()
	u := k.uploads[in.Upload]
	if u != nil {
		sum -= u.size
	}
	full, own := sum+in.Size > allUploads, in.Size
	for _, other := range k.uploads {
		if other != u {
			own += other.size
		}
	}
	switch {
	case k.locked.Err() != nil:
		return vault.ErrLocked
	case u != nil && u.whole(), u == nil && len(k.uploads) == mostUploads, own > ownUploads:
		return errBusy
	case full:
		return errRoom
	case u != nil:
		u.last.Stop()
	}
	u = &upload{name: in.Upload, size: in.Size, begun: time.Now(), bytes: make([]byte, 0, in.Size)}
	u.bytes = append(u.bytes, in.Data...)
	u.last = time.AfterFunc(patience, func() { k.giveUp(u) })
	k.uploads[in.Upload] = u
	return nil
}

// goOn takes a further piece.
func (k *shelved) goOn(in addIn) (whole []byte, err error) {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	u := k.uploads[in.Upload]
	if u == nil || u.size != in.Size || int64(len(u.bytes)) != in.At {
		return nil, errPiece
	}
	u.bytes = append(u.bytes, in.Data...)
	if u.whole() {
		u.last.Stop()
		return u.bytes, nil
	}
	if time.Since(u.begun) < mostPatience { // who sends a byte a minute does not keep the room
		u.last.Reset(patience)
	}
	return nil, nil
}

// whole tells whether all of it is there.
func (u *upload) whole() bool { return int64(len(u.bytes)) == u.size }

// finished lets go of a file that has its verdict.
func (k *shelved) finished(in addIn) {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	if in.At == 0 {
		k.waiting -= in.Size
		return
	}
	delete(k.uploads, in.Upload)
}

// giveUp forgets an upload, if it is still the one that is under way. One that is
// whole by now waits for its verdict.
func (k *shelved) giveUp(u *upload) {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	if k.uploads[u.name] == u && !u.whole() {
		delete(k.uploads, u.name)
	}
}

// arrivingNow is how many bytes wait, and how many uploads have asked for.
func (h *home) arrivingNow() (sum int64) {
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.shelves))
	h.mu.Unlock()
	for _, k := range all {
		k.arriving.Lock()
		sum += k.waiting
		for _, u := range k.uploads {
			sum += u.size
		}
		k.arriving.Unlock()
	}
	return sum
}
