//go:build long

package clients

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// llama.cpp's server tests come with the source package of its Python binding, for its
// own repository is no package. The package is pinned by its digest.
const (
	llamaSource = "https://files.pythonhosted.org/packages/ec/e9/e7de2b0463ea3ffbf0ede6cb21b58c1258a8f6521aae45ca773a59fe7cf3/llama_cpp_python-0.3.36.tar.gz"
	llamaDigest = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
	llamaWithin = "/vendor/llama.cpp/tools/server/tests/"
)

// llamaFiles are those of them that ask what these dialects have; the others are about
// llama-server's slots, adapters, router, tools, metrics and flags.
var llamaFiles = []string{"test_basic", "test_chat_completion", "test_completion", "test_embedding", "test_rerank", "test_infill", "test_tokenize",
	"test_compat_oai_responses", "test_compat_anthropic"}

// llamaNames are the models that these tests ask for by OpenAI's names, or some.
var llamaNames = map[string]string{"test": model, "davinci-002": model, "gpt-3.5-turbo-instruct": model, "gpt-4.1": model, "text-embedding-3-small": embedder}

// TestLlamaServersOwnTests runs llama.cpp's tests of its server against this one.
func TestLlamaServersOwnTests(t *testing.T) {
	aliased(t, llamaNames)
	interpreter := python(t, "python-llama-suite", "python3", "pytest==8.3.5", "filelock==3.16.1", "numpy==2.2.6", "openai==2.14.0", "prometheus-client==0.20.0", "requests==2.32.5", "wget==3.2", "aiohttp==3.9.5")
	dir := llamaTests(t)
	counts, order := map[string][2]int{}, []string{}
	for _, file := range llamaFiles {
		r := closed(t, 10*time.Minute, dir, []string{"DEBUG_EXTERNAL=1", "PORT=11434", "PYTHONDONTWRITEBYTECODE=1"},
			interpreter, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA", "--tb=line", "--show-capture=no", "unit/"+file+".py")
		ran := 0
		for _, m := range regexp.MustCompile(`(?m)^(PASSED|FAILED|ERROR) unit/\w+\.py::(\w+)`).FindAllStringSubmatch(r.out, -1) {
			name := file + "::" + m[2]
			if !slices.Contains(order, name) {
				order = append(order, name)
			}
			c := counts[name]
			if c[1]++; m[1] == "PASSED" {
				c[0]++
			}
			counts[name] = c
			ran++
		}
		if ran == 0 {
			t.Errorf("%s: %v\n%s%s", file, r.err, tail(r.out), r.errs)
		}
		if os.Getenv("SUITE_OUT") != "" {
			_ = os.WriteFile(filepath.Join(os.Getenv("SUITE_OUT"), file), []byte(r.out+r.errs), 0o644)
		}
	}
	var got []outcome
	for _, name := range order {
		c := counts[name]
		o := outcome{name, pass, ""}
		switch {
		case c[0] == 0:
			o.result = failed
		case c[0] < c[1]:
			o.result = fmt.Sprintf("%d of %d pass", c[0], c[1])
		}
		if o.result != pass {
			o.why = llamaReasons[name]
			if o.why == "" {
				t.Errorf("%s: %s, for no reason that is known", name, o.result)
			}
		}
		got = append(got, o)
	}
	published(t, "llama-suite", got)
}

// llamaTests gives a folder with those tests.
func llamaTests(t *testing.T) string {
	t.Helper()
	dir := cache(t, "llama-suite", llamaDigest)
	if installed(dir) {
		return dir
	}
	resp, err := http.Get(llamaSource)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	whole, err := io.ReadAll(io.LimitReader(resp.Body, 128<<20))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(whole); hex.EncodeToString(sum[:]) != llamaDigest {
		t.Fatalf("%s is another file than the one that is pinned: %x", llamaSource, sum)
	}
	z, err := gzip.NewReader(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		_, name, ok := strings.Cut(h.Name, llamaWithin)
		if !ok || h.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	finish(t, dir)
	return dir
}
