package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Cosignatures follow C2SP tlog-cosignature, the Ed25519 kind: the signature in
// the note is a time, eight bytes, and an Ed25519 signature of the two lines
// that cosigned puts before the checkpoint's text.
const cosignatureSize = 8 + signatureSize

func cosigned(text []byte, at uint64) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

func witnessSigner(name string, key ed25519.PrivateKey, at time.Time) signer {
	pub := key.Public().(ed25519.PublicKey)
	return signer{name, keyID(name, witnessKey, pub), func(msg []byte) []byte {
		stamp := uint64(at.Unix())
		return append(binary.BigEndian.AppendUint64(nil, stamp), ed25519.Sign(key, cosigned(msg, stamp))...)
	}}
}

// ParseWitnessKey reads the public key of a witness.
func ParseWitnessKey(s string) (note.Verifier, error) {
	name, pub, err := parseVkey(s, witnessKey)
	if err != nil {
		return nil, err
	}
	return verifier{name, keyID(name, witnessKey, pub), func(msg, sig []byte) bool {
		if len(sig) != cosignatureSize {
			return false
		}
		at := binary.BigEndian.Uint64(sig)
		return at < 1<<63 && ed25519.Verify(pub, cosigned(msg, at), sig[8:])
	}}, nil
}

// cosignedAt is when v cosigned n.
func cosignedAt(n *note.Note, v note.Verifier) (time.Time, bool) {
	for _, s := range n.Sigs {
		if s.Name != v.Name() || s.Hash != v.KeyHash() {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if err == nil && len(raw) == 4+cosignatureSize {
			return time.Unix(int64(min(binary.BigEndian.Uint64(raw[4:]), lastTime)), 0).UTC(), true
		}
	}
	return time.Time{}, false
}

// CosignedName is the name of the file, among a log's Files, that holds the
// newest checkpoint cosigned with this key.
func CosignedName(witness note.Verifier) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s+%08x", witness.Name(), witness.KeyHash()))
	return cosignedDir + "/" + hex.EncodeToString(sum[:16])
}

func isWitnessFile(name string) bool {
	b, err := hex.DecodeString(name)
	return err == nil && len(b) == 16 && hex.EncodeToString(b) == name
}

// Cosign keeps a cosigned checkpoint beside the log, for whoever verifies it
// later. It must be one that this log signed, of records that are still there,
// not older than the one kept, and cosigned by one of the witnesses given. The
// first from a witness is recorded as WitnessChanged.
func (l *Log) Cosign(msg []byte, witnesses ...note.Verifier) error {
	c, n, err := openNote(msg, l.log, witnesses...)
	if err != nil {
		return fmt.Errorf("this cosigned checkpoint is not kept: %w", err)
	}
	switch {
	case len(n.Sigs) < 2:
		return errors.New("this cosigned checkpoint is not kept: no witness that is known here signed it")
	case len(n.Sigs) > 2 || len(n.UnverifiedSigs) != 0:
		return errors.New("this cosigned checkpoint is not kept: somebody else signed it as well")
	case !isCanonical(msg, n):
		// Verify would take it for damaged.
		return errors.New("this cosigned checkpoint is not kept: it is not written as witnesses write them")
	}
	var by note.Verifier
	for _, w := range witnesses {
		if signedBy(n, w) {
			by = w
		}
	}
	is, err := l.is(c)
	if err != nil {
		return err
	}
	if !is {
		return fmt.Errorf("this cosigned checkpoint is not kept: it is not of what this log holds, so %s saw other records. "+
			"Keep it elsewhere, and verify the log against it (abaton log verify --since)", by.Name())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	name := CosignedName(by)
	before, err := readSome(l.fsys, name, largestCheckpoint)
	if err != nil {
		return fmt.Errorf("keeping a cosigned checkpoint: %w", err)
	}
	if before == nil {
		key := sha256.Sum256([]byte(name))
		if err := l.write([]entry{{event: Event{What: WitnessChanged, Digest: key}}}); err != nil {
			return err
		}
	} else if bytes.Equal(before, msg) {
		return nil
	} else if old, oldNote, err := openNote(before, l.log, by); err == nil && isOlder(c, n, old, oldNote, by) {
		return errors.New("this cosigned checkpoint is not kept: it is older than the one that is")
	}
	f, err := l.openMade(name + ".new")
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = replace(l.dir, name, msg)
	}
	if err != nil {
		return fmt.Errorf("keeping a cosigned checkpoint: %w", err)
	}
	return nil
}

// isOlder compares what one witness cosigned at two times.
func isOlder(a Checkpoint, aNote *note.Note, b Checkpoint, bNote *note.Note, by note.Verifier) bool {
	if a.Size != b.Size {
		return a.Size < b.Size
	}
	at, _ := cosignedAt(aNote, by)
	bt, _ := cosignedAt(bNote, by)
	return at.Before(bt)
}

// is reports whether c is a checkpoint of records that this log holds. It reads
// tiles only: what is signed does not change any more.
func (l *Log) is(c Checkpoint) (bool, error) {
	newest, err := openOwn(l.Checkpoint(), l.log)
	if err != nil || c.Size > newest.Size {
		return false, err
	}
	err = grew(c, newest, func(name string) ([]byte, error) { return fs.ReadFile(l.Files(), name) })
	if r, refused := errors.AsType[*Refusal](err); refused {
		return false, r.Err
	}
	return err == nil, err
}

// grew checks that the log of newer begins with all records of older. The tiles
// that fetch gives are hostile. A difference is a *Refusal, whose Err says
// whether tiles could not be had.
func grew(older, newer Checkpoint, fetch func(name string) ([]byte, error)) error {
	switch {
	case newer.Size < older.Size:
		return &Refusal{fmt.Sprintf("it shrank from %d records to %d", older.Size, newer.Size), nil}
	case newer.Size == older.Size && newer.Root != older.Root:
		return &Refusal{fmt.Sprintf("it has other records than before, though as many (%d)", newer.Size), nil}
	case newer.Size == older.Size:
		return nil
	case older.Size == 0:
		if older.Root != new(tree).root() {
			return &Refusal{"its first checkpoint was not of an empty log", nil}
		}
		return nil
	}
	tiles := &fetched{fetch: fetch}
	hashes := tlog.TileHashReader(tlog.Tree{N: newer.Size, Hash: newer.Root}, tiles)
	proof, err := tlog.ProveTree(newer.Size, older.Size, hashes)
	if tiles.err != nil {
		return &Refusal{"the hashes that prove its growth cannot be had", tiles.err}
	}
	if err != nil {
		return &Refusal{"the hashes that it gives do not belong to its checkpoint", nil}
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return &Refusal{fmt.Sprintf("among its first %d records are others than before: they were rewritten, or there are two logs", older.Size), nil}
	}
	return nil
}

// fetched reads hash tiles by their C2SP names.
type fetched struct {
	fetch func(name string) ([]byte, error)
	err   error
}

func (f *fetched) Height() int                     { return tileHeight }
func (f *fetched) SaveTiles([]tlog.Tile, [][]byte) {}

func (f *fetched) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		b, err := f.fetch(c2spPath(t))
		if err == nil && len(b) != t.W*tlog.HashSize {
			err = fmt.Errorf("%s has %d bytes instead of %d", c2spPath(t), len(b), t.W*tlog.HashSize)
		}
		if err != nil {
			f.err = err
			return nil, err
		}
		data[i] = bytes.Clone(b)
	}
	return data, nil
}

// isWitnessName is what a witness may be called: it ends up on one line of a
// note, and on the screens of those who read it.
func isWitnessName(s string) bool { return isName(s) && !strings.HasPrefix(s, "abaton.local/audit/") }
