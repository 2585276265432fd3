package main

import (
	"errors"
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
	allUploads      = 512 << 20   // of everybody at once
	patience        = time.Minute // with one that does not go on
	mostPatience    = 10 * patience
)

var (
	errBusy  = errors.New("another large file of yours is arriving or being read: wait for it, or a minute if it was given up")
	errRoom  = errors.New("too many large files are arriving at once: try again in a minute")
	errPiece = errors.New("the pieces of this file do not follow each other: add it again")
)

// arrive takes a piece of a file. Whole is nil until the last one came. A file
// that came in several is counted until finished is told.
func (h *home) arrive(k *shelved, in addIn) (whole []byte, err error) {
	if in.Size < 0 || in.Size > largestDocument || in.At < 0 || in.At+int64(len(in.Data)) > in.Size {
		return nil, errPiece
	}
	if in.At == 0 && int64(len(in.Data)) == in.Size {
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

// begin takes the first piece of several. The room for all of them is looked for
// and taken in one, so that two cannot have the same.
func (h *home) begin(k *shelved, in addIn) error {
	h.uploading.Lock()
	defer h.uploading.Unlock()
	full := h.arrivingNow(k)+in.Size > allUploads
	k.arriving.Lock()
	defer k.arriving.Unlock()
	u := k.upload
	switch {
	case k.locked.Err() != nil:
		return vault.ErrLocked
	case u != nil && (u.name != in.Upload || u.whole()):
		return errBusy
	case full:
		return errRoom
	case u != nil:
		u.last.Stop()
	}
	u = &upload{name: in.Upload, size: in.Size, begun: time.Now(), bytes: make([]byte, 0, in.Size)}
	u.bytes = append(u.bytes, in.Data...)
	u.last = time.AfterFunc(patience, func() { k.giveUp(u) })
	k.upload = u
	return nil
}

// goOn takes a further piece.
func (k *shelved) goOn(in addIn) (whole []byte, err error) {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	u := k.upload
	if u == nil || u.name != in.Upload || u.size != in.Size || int64(len(u.bytes)) != in.At {
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

// finished lets go of an upload that has its verdict.
func (k *shelved) finished(name string) {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	if k.upload != nil && k.upload.name == name {
		k.upload = nil
	}
}

// giveUp forgets an upload, if it is still the one that is under way. One that is
// whole by now waits for its verdict.
func (k *shelved) giveUp(u *upload) {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	if k.upload == u && !u.whole() {
		k.upload = nil
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
