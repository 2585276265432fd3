package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"maps"
	"slices"

	"abaton.local/models"
)

// When a worker ends, what it had read of a conversation is kept, sealed, where
// the person keeps what is theirs; a later worker goes on from there instead of
// reading it all again. A snapshot holds the conversation's tokens, so it is as
// secret as the words. Whatever goes wrong with one, the conversation is read
// again: a snapshot saves time and decides nothing.

// Keeper seals snapshots for the person whose conversation it is. An error that
// says that nothing can be kept for them now is no failure: their vault is
// locked. *resume.Keeper is one.
type Keeper interface {
	// Secret is the person's own, the same for as long as their vault lives.
	// Conversations are told apart under it.
	Secret(context.Context, Person) ([32]byte, error)

	// Kept lists the person's snapshots, the oldest first.
	Kept(context.Context, Person) ([]Snapshot, error)

	// Keep seals size bytes and drops the snapshots that they stand instead of.
	Keep(ctx context.Context, p Person, l Label, size int64, from io.Reader, instead []string) error

	// Open writes a snapshot to w. Unless it returns nil, nothing that was
	// written may be used.
	Open(ctx context.Context, p Person, id string, w io.Writer) error

	// Drop destroys snapshots. One that is not there is no error.
	Drop(ctx context.Context, p Person, ids []string) error
}

// Snapshot is what is known of one that is kept.
type Snapshot struct {
	ID string
	Label
}

// Label says what a snapshot is of, and what alone can go on from it. It is
// sealed with it.
type Label struct {
	Setting
	Format string // first eight bytes of the file, in hexadecimal: magic and version
	Tokens int
	Turns  int      // of the conversation when its last question was asked
	Last   [32]byte // the link of that turn in the conversation's chain
}

// Setting is all on which the bytes of a snapshot depend, but for the
// conversation. A snapshot of another setting is never tried.
type Setting struct {
	Model   models.Digest
	Engine  [32]byte // digest of the engine's files
	Context int      // tokens; some models compute positions by it
	Cache   string   // types of keys and values
}

const (
	cacheTypes  = "f16 f16" // no flag of ours changes them
	leastTokens = 128       // fewer are read again as fast
	slotMagic   = "qsgg"    // LLAMA_STATE_SEQ_MAGIC, little-endian
)

// setting is that of a worker, which has been started from a pack.
func (e *Engine) setting(w *worker) Setting {
	return Setting{Model: w.key.model, Engine: packDigest(e.pack.Load().Files), Context: w.context, Cache: cacheTypes}
}

// packDigest names an engine by all its files.
func packDigest(files map[string]models.Digest) [32]byte {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		d := files[name]
		frame(h, []byte(name))
		frame(h, d[:])
	}
	return [32]byte(h.Sum(nil))
}

// chain gives a link for each turn of a conversation: the same link means the
// same turns up to it, to the same model with the same tools. Nobody without the
// secret can guess words from a link.
func chain(secret [32]byte, p Prompt) [][32]byte {
	link := func(prev []byte, parts ...string) [32]byte {
		h := hmac.New(sha256.New, secret[:])
		frame(h, prev)
		for _, s := range parts {
			frame(h, []byte(s))
		}
		return [32]byte(h.Sum(nil))
	}
	first := []string{"tools"}
	for _, t := range p.Options.Tools {
		first = append(first, t.Name, t.Description, string(t.Parameters))
	}
	prev := link(p.Model[:], first...)
	links := make([][32]byte, len(p.Messages))
	for i, m := range p.Messages {
		parts := []string{string(m.Role), m.Content, m.Reasoning, m.CallID}
		for _, c := range m.Calls {
			parts = append(parts, "call", c.Name, c.Arguments)
		}
		for _, img := range m.Images {
			sum := sha256.Sum256(img.PNG)
			parts = append(parts, "image", string(sum[:]))
		}
		prev = link(prev[:], parts...)
		links[i] = prev
	}
	return links
}

func frame(h hash.Hash, b []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(b)))
	h.Write(n[:])
	h.Write(b)
}

// choose picks the snapshot of most turns that a conversation with these links
// goes on from, if it has more of it than turns. Of several alike it is the
// newest.
func choose(kept []Snapshot, of Setting, links [][32]byte, turns int) (best Snapshot, ok bool) {
	for _, s := range kept {
		if s.Setting != of || s.Turns <= turns || !s.within(links) {
			continue
		}
		if !ok || s.Turns >= best.Turns {
			best, ok = s, true
		}
	}
	return best, ok
}

// within tells whether a conversation with these links goes on from l, or is it.
func (l Label) within(links [][32]byte) bool {
	return l.Turns > 0 && l.Turns <= len(links) && links[l.Turns-1] == l.Last
}

// replaced are the snapshots that one of a conversation with these links stands
// instead of: of the same one when it was shorter, or read by what is gone.
func replaced(kept []Snapshot, of Setting, links [][32]byte) (ids []string) {
	for _, s := range kept {
		if s.Model == of.Model && s.within(links) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// formatOf reads what a slot file says that it is.
func formatOf(f io.ReaderAt) (string, error) {
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return "", err
	}
	if string(head[:4]) != slotMagic {
		return "", &badReply{"a snapshot that is none"}
	}
	return hex.EncodeToString(head[:]), nil
}
