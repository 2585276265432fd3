package vault

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	tokenPrefix = "abt_"
	tokenDigits = 43 // base62 digits that hold 256 bits
	tokenFile   = "token.json"
	tokenFormat = 1
	// tokenDomain keeps the stored digests apart from every other use of SHA-256.
	tokenDomain = "abaton.local/vault access token v1\x00"
)

// Token is an access token in clear. It exists only between its making and its
// printing; whatever prints or marshals it by accident shows nothing. The zero
// Token is no token.
type Token struct {
	// A pointer, for package fmt cannot call the methods of an unexported field
	// of somebody else's struct and would print what it finds there.
	clear *string
}

// Reveal gives the token itself, to be shown to its owner once.
func (t Token) Reveal() string {
	if t.clear == nil {
		return ""
	}
	return *t.clear
}

// String hides the token.
func (Token) String() string { return tokenPrefix + "…" }

// Format hides the token from every verb of package fmt.
func (t Token) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText hides the token from package json and structured logs.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Tokens are the access tokens of this installation. On disk and in memory
// there are only their digests. It is safe for concurrent use.
type Tokens struct {
	path string

	mu    sync.RWMutex
	known []tokenRecord // guarded by mu
}

type tokenRecord struct {
	Digest  string    `json:"sha256"` // of tokenDomain and the token, hexadecimal
	Created time.Time `json:"created"`
}

type tokenDocument struct {
	Format int           `json:"format"`
	Tokens []tokenRecord `json:"tokens"`
}

// OpenTokens reads token.json in dir, which must exist. A file that is not
// there yet means that no token was made; a damaged one, or one that others may
// write, is an error that says what to do.
func OpenTokens(dir string) (*Tokens, error) {
	t := &Tokens{path: filepath.Join(dir, tokenFile)}
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the access tokens: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the access tokens: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be used by other accounts (mode %v): run `chmod 600 %s`, and if somebody else may have written it, delete it: the next start makes a new token", t.path, info.Mode(), t.path)
	}
	if t.known, err = readTokens(f); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): delete it and start again; a new token is made and shown, and programs that use the old one need the new one", t.path, err)
	}
	return t, nil
}

func readTokens(r io.Reader) ([]tokenRecord, error) {
	b, err := io.ReadAll(io.LimitReader(r, 1<<20+1))
	if err != nil {
		return nil, err
	}
	if len(b) > 1<<20 {
		return nil, errors.New("larger than 1 MiB")
	}
	var doc tokenDocument
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON document")
	}
	if doc.Format != tokenFormat {
		return nil, fmt.Errorf("its format is %d, this program reads %d", doc.Format, tokenFormat)
	}
	if len(doc.Tokens) == 0 {
		return nil, errors.New("it holds no token")
	}
	for i, rec := range doc.Tokens {
		if d, err := hex.DecodeString(rec.Digest); err != nil || len(d) != sha256.Size || strings.ToLower(rec.Digest) != rec.Digest {
			return nil, fmt.Errorf("entry %d is not a SHA-256 digest", i)
		}
	}
	return doc.Tokens, nil
}

// First makes the first token where there is none; made says whether it did.
// The token is given back this once and can never be read again.
func (t *Tokens) First() (token Token, made bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) > 0 {
		return Token{}, false, nil
	}
	token, err = t.make()
	return token, err == nil, err
}

// make writes a new token to the disk, then knows it. The caller holds mu.
func (t *Tokens) make() (Token, error) {
	token := newToken()
	known := []tokenRecord{{Digest: hex.EncodeToString(digestOf(token.Reveal())), Created: time.Now().UTC().Truncate(time.Second)}}
	b, err := json.MarshalIndent(tokenDocument{Format: tokenFormat, Tokens: known}, "", "  ")
	if err != nil {
		return Token{}, fmt.Errorf("writing the access tokens: %w", err)
	}
	if err := ReplaceFile(t.path, append(b, '\n')); err != nil {
		return Token{}, fmt.Errorf("writing the access tokens: %w", err)
	}
	t.known = known
	return token, nil
}

// Verify tells whose token secret is. It compares with every stored digest in
// constant time, whether or not one matched before.
func (t *Tokens) Verify(secret string) (Session, bool) {
	got := []byte(hex.EncodeToString(digestOf(secret)))
	t.mu.RLock()
	defer t.mu.RUnlock()
	match := 0
	for _, rec := range t.known {
		match |= subtle.ConstantTimeCompare(got, []byte(rec.Digest))
	}
	if match != 1 {
		return Session{}, false
	}
	return Session{Person: Owner}, true
}

// newToken draws 256 random bits and writes them in base 62, which survives
// shells, URLs and a double click.
func newToken() Token {
	var b [32]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	return tokenOf(b)
}

func tokenOf(b [32]byte) Token {
	s := new(big.Int).SetBytes(b[:]).Text(62)
	return Token{new(tokenPrefix + strings.Repeat("0", tokenDigits-len(s)) + s)}
}

func digestOf(secret string) []byte {
	h := sha256.New()
	io.WriteString(h, tokenDomain)
	io.WriteString(h, secret)
	return h.Sum(nil)
}
