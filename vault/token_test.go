package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestFirstTokenIsMadeOnceAndSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	tokens, err := OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tokens.Verify(""); ok {
		t.Fatal("the empty secret opened a house without tokens")
	}
	token, made, err := tokens.First()
	if err != nil || !made {
		t.Fatalf("First: made %v, %v", made, err)
	}
	if !regexp.MustCompile(`^abt_[0-9A-Za-z]{43}$`).MatchString(token.Reveal()) {
		t.Fatalf("the token has %d characters or a strange one", len(token.Reveal()))
	}
	if again, made, err := tokens.First(); err != nil || made || again.Reveal() != "" {
		t.Fatalf("second First: made %v, %v", made, err)
	}
	reopened, err := OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*Tokens{"same process": tokens, "after a restart": reopened} {
		if s, ok := h.Verify(token.Reveal()); !ok || s.Person != Owner {
			t.Errorf("%s: the token opens %v, %v", name, s, ok)
		}
	}
	if _, made, _ := reopened.First(); made {
		t.Error("a restart made another first token")
	}
}

func TestFileHoldsNoTokenAndIsClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	tokens, err := OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := tokens.First()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, tokenFile))
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(filepath.Join(dir, tokenFile))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(token.Reveal()[len(tokenPrefix):])) {
		t.Error("the token lies on the disk in clear")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestOnlyTheTokenItselfOpens(t *testing.T) {
	tokens, err := OpenTokens(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := tokens.First()
	if err != nil {
		t.Fatal(err)
	}
	good := token.Reveal()
	bad := []string{"", tokenPrefix, good[:len(good)-1], good + "0", " " + good, good + "\x00", strings.ToUpper(good), token.String(), strings.TrimPrefix(good, tokenPrefix), strings.Repeat("A", 1<<20)}
	for i := range good { // one changed character anywhere
		b := []byte(good)
		b[i] ^= 1
		bad = append(bad, string(b))
	}
	for _, s := range bad {
		if _, ok := tokens.Verify(s); ok {
			t.Errorf("a wrong secret of %d bytes was taken", len(s))
		}
	}
}

// The way to a new token that the door names.
func TestDeletingTheFileRevokesTheOldToken(t *testing.T) {
	dir := t.TempDir()
	var old Token
	for i := range 2 {
		tokens, err := OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		token, made, err := tokens.First()
		if err != nil || !made {
			t.Fatalf("made %v, %v", made, err)
		}
		if _, ok := tokens.Verify(token.Reveal()); !ok {
			t.Error("the new token does not open")
		}
		if _, ok := tokens.Verify(old.Reveal()); ok && i > 0 {
			t.Error("the old token still opens")
		}
		old = token
		if err := os.Remove(filepath.Join(dir, tokenFile)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamagedFileSaysWhatToDo(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	for name, content := range map[string]string{
		"empty":           "",
		"cut short":       `{"format":1,"tokens":[{"sha256":"` + digest,
		"not JSON":        "abt_",
		"another format":  `{"format":2,"tokens":[{"sha256":"` + digest + `","created":"2026-01-01T00:00:00Z"}]}`,
		"no token":        `{"format":1,"tokens":[]}`,
		"short digest":    `{"format":1,"tokens":[{"sha256":"abab","created":"2026-01-01T00:00:00Z"}]}`,
		"capital digest":  `{"format":1,"tokens":[{"sha256":"` + strings.ToUpper(digest) + `","created":"2026-01-01T00:00:00Z"}]}`,
		"unknown field":   `{"format":1,"admin":true,"tokens":[{"sha256":"` + digest + `","created":"2026-01-01T00:00:00Z"}]}`,
		"something after": `{"format":1,"tokens":[{"sha256":"` + digest + `","created":"2026-01-01T00:00:00Z"}]}{}`,
		"endless":         strings.Repeat(" ", 1<<20+1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tokenFile), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenTokens(dir)
			if err == nil || !strings.Contains(err.Error(), "delete it") {
				t.Errorf("got %v, want an error that says what to do", err)
			}
		})
	}
}

func TestFileOpenToOthersIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o666} {
		dir := t.TempDir()
		tokens, err := OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := tokens.First(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, tokenFile), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenTokens(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v: got %v", mode, err)
		}
	}
}

func TestTokenNeverPrintsItself(t *testing.T) {
	token := newToken()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", token)
		fmt.Fprintf(&out, verb+"\n", &token)
		fmt.Fprintf(&out, verb+"\n", struct{ T Token }{token})
		fmt.Fprintf(&out, verb+"\n", struct{ t Token }{token})
	}
	fmt.Fprintln(&out, token, []Token{token}, map[Token]int{token: 1})
	json.NewEncoder(&out).Encode(map[string]any{"a": token, "b": &token, "c": map[Token]int{token: 1}})
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		log.Info("made", "token", token, slog.Group("g", "p", &token), "e", fmt.Errorf("with %v", token))
	}
	secret := token.Reveal()[len(tokenPrefix):]
	for _, s := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%x", token.Reveal())} {
		if strings.Contains(out.String(), s) {
			t.Errorf("the token was printed: %s", out.String())
		}
	}
}

func TestTokensUnderConcurrentUse(t *testing.T) {
	tokens, err := OpenTokens(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var made sync.Map
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			token, first, err := tokens.First()
			if err != nil {
				t.Error(err)
			}
			if first {
				made.Store(token.Reveal(), true)
			}
			tokens.Verify("abt_wrong")
		})
	}
	wg.Wait()
	n := 0
	made.Range(func(secret, _ any) bool {
		n++
		if _, ok := tokens.Verify(secret.(string)); !ok {
			t.Error("the printed token does not open")
		}
		return true
	})
	if n != 1 {
		t.Errorf("%d first tokens were made", n)
	}
}
