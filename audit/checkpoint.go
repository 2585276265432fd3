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
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed statement of a log: so many records, and this root.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	text   string
}

// largestCheckpoint bounds a checkpoint with its signatures, in bytes.
const largestCheckpoint = 8 << 10

// Types of keys in signed notes: 1 for a log, 4 for a witness.
const (
	logKey     = 1
	witnessKey = 4
)

// originOf names a log by its public key: no two installations share a name,
// and nobody chose one.
func originOf(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return "abaton.local/audit/" + hex.EncodeToString(sum[:8])
}

// keyID is the hash of a key that a signature line carries.
func keyID(name string, kind byte, pub ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), append([]byte{kind}, pub...)...))
	return binary.BigEndian.Uint32(sum[:])
}

// vkey is a public key as C2SP writes it: name+hash+key.
func vkey(name string, kind byte, pub ed25519.PublicKey) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyID(name, kind, pub), base64.StdEncoding.EncodeToString(append([]byte{kind}, pub...)))
}

// parseVkey reads what vkey wrote, and nothing else: what is spelled otherwise
// was written by somebody else.
func parseVkey(s string, want byte) (name string, pub ed25519.PublicKey, err error) {
	name, rest, _ := strings.Cut(s, "+")
	_, key, _ := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(b) != 1+ed25519.PublicKeySize || b[0] != want || !isName(name) || vkey(name, want, b[1:]) != s {
		return "", nil, errors.New("this is no public key of the right kind: it reads NAME+8 digits+44 characters, as `abaton log key` prints it")
	}
	return name, b[1:], nil
}

// isName is what the signed-note format asks of a name, less what nobody needs.
func isName(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '+' })
}

// ParseKey reads the public key of a log.
func ParseKey(s string) (note.Verifier, error) {
	name, pub, err := parseVkey(s, logKey)
	if err != nil {
		return nil, err
	}
	return verifier{name, keyID(name, logKey, pub), func(msg, sig []byte) bool { return ed25519.Verify(pub, msg, sig) }}, nil
}

// verifier and signer are package note's interfaces over plain keys: that
// package's own signer takes the secret as a string.
type verifier struct {
	name   string
	id     uint32
	verify func(msg, sig []byte) bool
}

func (v verifier) Name() string                { return v.name }
func (v verifier) KeyHash() uint32             { return v.id }
func (v verifier) Verify(msg, sig []byte) bool { return v.verify(msg, sig) }

type signer struct {
	name string
	id   uint32
	sign func(msg []byte) []byte
}

func (s signer) Name() string                    { return s.name }
func (s signer) KeyHash() uint32                 { return s.id }
func (s signer) Sign(msg []byte) ([]byte, error) { return s.sign(msg), nil }

// treeText is the body of a checkpoint.
func treeText(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
}

// rebuilt is the one way to write a checkpoint that its log alone signed.
func rebuilt(text string, v note.Verifier, signature []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, v.KeyHash())
	return []byte(text + "\n— " + v.Name() + " " + base64.StdEncoding.EncodeToString(append(b, signature...)) + "\n")
}

// parseText reads what treeText wrote, and nothing else.
func parseText(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return c, errors.New("a checkpoint has three lines: origin, size and root")
	}
	c = Checkpoint{Origin: lines[0], text: text}
	size, err1 := strconv.ParseUint(lines[1], 10, 62)
	root, err2 := base64.StdEncoding.DecodeString(lines[2])
	if err1 != nil || err2 != nil || len(root) != tlog.HashSize || !isName(c.Origin) {
		return Checkpoint{}, errors.New("the size or root of the checkpoint cannot be read")
	}
	c.Size, c.Root = int64(size), tlog.Hash(root)
	if treeText(c.Origin, c.Size, c.Root) != text {
		return Checkpoint{}, errors.New("the checkpoint is not written as checkpoints are")
	}
	return c, nil
}

// openNote opens a checkpoint that the log itself must have signed; others may
// have as well.
func openNote(msg []byte, log note.Verifier, others ...note.Verifier) (Checkpoint, *note.Note, error) {
	if len(msg) > largestCheckpoint {
		return Checkpoint{}, nil, errors.New("it is too long for a checkpoint")
	}
	n, err := note.Open(msg, note.VerifierList(append([]note.Verifier{log}, others...)...))
	if e, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return Checkpoint{}, nil, fmt.Errorf("the signature by %s is wrong", e.Name)
	}
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return Checkpoint{}, nil, fmt.Errorf("it was not signed with the key of %s", log.Name())
	}
	if err != nil {
		return Checkpoint{}, nil, errors.New("it is no signed note")
	}
	if !signedBy(n, log) {
		return Checkpoint{}, nil, fmt.Errorf("it was not signed with the key of %s", log.Name())
	}
	c, err := parseText(n.Text)
	if err == nil && c.Origin != log.Name() {
		err = fmt.Errorf("it is of another log, %s", c.Origin)
	}
	return c, n, err
}

func signedBy(n *note.Note, v note.Verifier) bool {
	for _, s := range n.Sigs {
		if s.Name == v.Name() && s.Hash == v.KeyHash() {
			return true
		}
	}
	return false
}

// openOwn opens the checkpoint in a log's folder, which only the log signs and
// which can be written in one way only.
func openOwn(msg []byte, log note.Verifier) (Checkpoint, error) {
	c, n, err := openNote(msg, log)
	if err != nil {
		return c, err
	}
	raw, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil || len(raw) < 4 || !bytes.Equal(msg, rebuilt(c.text, log, raw[4:])) {
		return c, errors.New("it is not written as checkpoints are")
	}
	return c, nil
}
