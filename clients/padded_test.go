package clients

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// padded fills every question with spaces, as docs/shaping.md shows it.
type padded struct{ next http.RoundTripper }

func (p padded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		size := 4096
		for ; size < len(body) && size < 1<<20; size *= 4 {
		}
		if size = min(size, 1<<20); size < len(body) {
			size = (len(body) + size - 1) / size * size
		}
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(body), bytes.NewReader(bytes.Repeat([]byte{' '}, size-len(body))))), int64(size)
	}
	return p.next.RoundTrip(r)
}

// The helpers that docs/shaping.md shows are the ones that were tried.
func TestPaddingHelpersAreTheDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/shaping.md")
	if err != nil {
		t.Fatal(err)
	}
	for file, from := range map[string]string{"testdata/padded.py": "class Padded", "testdata/padded.mjs": "const padded", "padded_test.go": "func (p padded)"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, helper, ok := strings.Cut(string(b), from)
		helper, _, _ = strings.Cut(helper, "\n}\n\n")
		if helper = strings.TrimSpace(helper); !ok || !strings.Contains(string(page), from+" "+helper) && !strings.Contains(string(page), from+helper) {
			t.Errorf("docs/shaping.md shows another helper than %s", file)
		}
	}
}
