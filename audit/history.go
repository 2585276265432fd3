package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io/fs"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The history holds every checkpoint that was signed, in parts of fixed size:
// size, root, signature of the checkpoint's text. It narrows down which records
// were rewritten by somebody who could not sign.
const headSize = 8 + tlog.HashSize + signatureSize

const signatureSize = 64

// head is one part of the history.
type head struct {
	size      int64
	root      tlog.Hash
	signature [signatureSize]byte
}

func (h head) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(h.size))
	b = append(b, h.root[:]...)
	return append(b, h.signature[:]...)
}

// parseHistory reads the whole parts of a history; rest is what follows them.
func parseHistory(b []byte) (heads []head, rest []byte) {
	for ; len(b) >= headSize; b = b[headSize:] {
		heads = append(heads, head{
			int64(binary.BigEndian.Uint64(b)), tlog.Hash(b[8:]), [signatureSize]byte(b[8+tlog.HashSize:]),
		})
	}
	return heads, b
}

// note is the checkpoint that h stands for.
func (h head) note(log note.Verifier) []byte {
	return rebuilt(treeText(log.Name(), h.size, h.root), log, h.signature[:])
}

// headOf takes the signature of a checkpoint that openOwn opened.
func headOf(c Checkpoint, msg []byte) (h head) {
	h = head{size: c.Size, root: c.Root}
	line := msg[len(c.text)+1:]
	raw, _ := base64.StdEncoding.DecodeString(string(line[len("— ")+len(c.Origin)+1 : len(line)-1])) // openOwn read it
	copy(h.signature[:], raw[4:])
	return h
}

// signed reports whether the log signed h.
func (h head) signed(log note.Verifier) bool {
	return h.size >= 0 && log.Verify([]byte(treeText(log.Name(), h.size, h.root)), h.signature[:])
}

// largestHistory bounds what is read of a history, in bytes: ten million parts.
const largestHistory = 10e6 * headSize

// readHistory reads the history of a log whose newest checkpoint is msg. Heads
// after that one were signed just before a crash; each counts if its signature
// holds, so that putting back an older checkpoint hides nothing. rest is what a
// crash left half-written at the end. The signatures of the heads before are not
// looked at: the newest one vouches for their roots.
func readHistory(fsys fs.FS, log note.Verifier, msg []byte) (heads []head, rest []byte, err error) {
	if msg == nil {
		return nil, nil, &Fault{None, None, "its newest checkpoint is missing"}
	}
	c, err := openOwn(msg, log)
	if err != nil {
		return nil, nil, &Fault{None, None, "its checkpoint cannot be trusted: " + err.Error()}
	}
	b, err := readSome(fsys, historyFile, largestHistory)
	if err != nil {
		return nil, nil, err
	}
	heads, rest = parseHistory(b)
	newest := -1
	for i, h := range heads {
		if h.size < 0 || i > 0 && h.size <= heads[i-1].size {
			if i == len(heads)-1 && newest >= 0 && !h.signed(log) {
				break
			}
			return nil, nil, &Fault{None, None, "its history of checkpoints is damaged: sizes do not grow"}
		}
		if h.size == c.Size && bytes.Equal(h.note(log), msg) {
			newest = i
		}
	}
	if newest < 0 {
		return nil, nil, &Fault{None, None, "its history of checkpoints lacks the newest one"}
	}
	for i, h := range heads[newest+1:] {
		if h.signed(log) {
			continue
		}
		if newest+1+i < len(heads)-1 || len(rest) > 0 {
			return nil, nil, &Fault{None, None, "its history of checkpoints is damaged: a signature is wrong"}
		}
		return heads[:newest+1+i], b[len(b)-headSize:], nil
	}
	return heads, rest, nil
}
