package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"abaton.local/egress"
	"abaton.local/hardware"
	"abaton.local/internal/ggufgen"
)

// file serves content with ranges.
func file(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

func TestPullWeb(t *testing.T) {
	content := tiny(1)
	o := serve(t, file(content))
	var last int64
	p, err := o.puller.Pull(t.Context(), ref(t, o.URL+"/dir/Some-Model.gguf?token=secret#sha256="+digestOf(content).String()), func(done, _ int64) { last = done })
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "some-model" || p.Digest != digestOf(content) || last != p.Size || strings.Contains(string(mustJSON(p)), "secret") {
		t.Errorf("%+v, progress %d", p, last)
	}
	o.Close() // from here on without network
	if again := o.pull(t, o.URL+"/x#sha256="+p.Digest.String()); again.Name != p.Name {
		t.Errorf("%+v", again)
	}
}

func TestPullHub(t *testing.T) {
	content := tiny(1)
	digest := digestOf(content)
	told := `"` + digest.String() + `"`
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/org/repo/resolve/main/sub/m ü.gguf":
			w.Header().Set("X-Linked-Etag", told)
			w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
			http.Redirect(w, r, "/storage", http.StatusFound)
		case "/storage":
			file(content)(w, r)
		default:
			http.NotFound(w, r)
		}
	})
	p := o.pull(t, "hf:org/repo/sub/m ü.gguf")
	if p.Digest != digest || !strings.Contains(p.Note, "first use") || p.Source != "hf:org/repo/sub/m ü.gguf" {
		t.Errorf("%+v", p)
	}
	if err := o.shelf.Remove(p.Name); err != nil {
		t.Fatal(err)
	}
	for tell, want := range map[string]string{"": "tells no SHA-256", `"abc"`: "tells no SHA-256", `"` + anyDigest + `"`: "another file"} {
		told = tell
		_, err := o.puller.Pull(t.Context(), ref(t, "hf:org/repo/sub/m ü.gguf"), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", tell, err)
		}
	}
	if _, err := o.puller.Pull(t.Context(), ref(t, "hf:org/repo/none.gguf"), nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
	nothingLeft(t, o.shelf, false)
	told = ""
	if p := o.pull(t, "hf:org/repo/sub/m ü.gguf#sha256="+digest.String()); strings.Contains(p.Note, "first use") {
		t.Errorf("a digest that was given: %q", p.Note)
	}
}

// Mirrors are tried in order, and each failure is told.
func TestMirrors(t *testing.T) {
	content := tiny(1)
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			file(content)(w, r)
		case "/other":
			file(tiny(2))(w, r)
		case "/page":
			fmt.Fprint(w, "<html>sign in</html>")
		default:
			http.NotFound(w, r)
		}
	})
	try := func(paths ...string) (Passport, error) {
		d := digestOf(content)
		want := order{digest: d, size: int64(len(content)), pass: Passport{Name: "m", Source: "m"}}
		for _, p := range paths {
			want.mirrors = append(want.mirrors, ref(t, o.URL+p+"#sha256="+d.String()))
		}
		part, err := o.shelf.claim(t.Context(), keyOf(d), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer part.leave()
		return o.puller.fill(t.Context(), part, want, func(int64, int64) {})
	}
	_, err := try("/gone", "/other", "/page")
	e, ok := errors.AsType[*PullError](err)
	if !ok || len(e.Failures) != 3 {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"/gone: ", "404", "/other: ", "another file", "/page: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	nothingLeft(t, o.shelf, false)
	if p, err := try("/gone", "/other", "/good", "/page"); err != nil || p.Digest != digestOf(content) {
		t.Errorf("%v, %v", p, err)
	}
}

func TestUnknownModel(t *testing.T) {
	_, err := local(newShelf(t)).Pull(t.Context(), ref(t, "smollm2-135"), nil)
	if e, ok := errors.AsType[*UnknownError](err); !ok || len(e.Near) == 0 || e.Near[0] != TinyName {
		t.Errorf("%v", err)
	}
}

func TestNoDoor(t *testing.T) {
	p := NewPuller(newShelf(t), nil, PullerConfig{})
	for _, text := range []string{TinyName, "hf:a/b/c.gguf", "https://127.0.0.1:1/x#sha256=" + anyDigest, "pip:a==1/x.gguf"} {
		if _, err := p.Pull(t.Context(), ref(t, text), nil); !errors.Is(err, errNoDoor) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if e, _ := p.Starter(t.Context(), hardware.Machine{Memory: 64 << 30}); e.Name != TinyName {
		t.Errorf("starter %s", e.Name)
	}
}

// What is no model is refused with a reason, and nothing of it stays.
func TestBadFiles(t *testing.T) {
	whole := ggufgen.TinyLlama(1)
	split := ggufgen.TinyLlama(1)
	split.Set("split.no", uint16(0))
	split.Set("split.count", uint16(3))
	split.Set("split.tensors.count", int32(100))
	adapter := ggufgen.TinyLlama(1)
	adapter.Set("general.type", "adapter")
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"pickle":   {[]byte("\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system"), "pickle"},
		"zip":      {[]byte("PK\x03\x04\x00\x00\x08\x08archive/data.pkl"), "zip"},
		"html":     {[]byte("<!DOCTYPE html><html>no such file</html>"), "web page"},
		"lfs":      {[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:" + anyDigest + "\nsize 1\n"), "LFS pointer"},
		"empty":    {nil, "empty"},
		"noise":    {bytes.Repeat([]byte{0xa5}, 5000), "not a GGUF"},
		"cut":      {whole.Bytes()[:len(whole.Bytes())-1000], "gguf header"},
		"cut soon": {whole.Bytes()[:3000], "gguf header"},
		"split":    {split.Bytes(), "part 1 of 3"},
		"adapter":  {adapter.Bytes(), "not a model"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := local(s).Pull(t.Context(), ref(t, "file:"+path), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("from a file: error %v, want %q", err, c.want)
			}
			nothingLeft(t, s, false)
			if len(c.content) == 0 {
				return
			}
			o := serve(t, file(c.content))
			_, err = o.puller.Pull(t.Context(), ref(t, o.URL+"#sha256="+digestOf(c.content).String()), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("from the web: error %v, want %q", err, c.want)
			}
			nothingLeft(t, o.shelf, false)
		})
	}
}

func TestBadPaths(t *testing.T) {
	dir := t.TempDir()
	pipe, secret := filepath.Join(dir, "pipe"), filepath.Join(dir, "secret")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(secret, tiny(1), 0)); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		dir: "is a folder", pipe: "is a pipe", "/dev/zero": "is a device", filepath.Join(dir, "none"): "is not there",
	}
	if os.Geteuid() != 0 {
		cases[secret] = "may not read it"
	}
	for path, want := range cases {
		s := newShelf(t)
		_, err := local(s).Pull(t.Context(), ref(t, "file:"+path), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
		nothingLeft(t, s, false)
	}
}

func TestWrongDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, tiny(1), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newShelf(t)
	_, err := local(s).Pull(t.Context(), ref(t, "file:"+path+"#sha256="+anyDigest), nil)
	if _, ok := errors.AsType[*WrongDigestError](err); !ok {
		t.Errorf("%v", err)
	}
	o := serve(t, file(tiny(1)))
	_, err = o.puller.Pull(t.Context(), ref(t, o.URL+"#sha256="+anyDigest), nil)
	if _, ok := errors.AsType[*egress.DigestError](err); !ok {
		t.Errorf("%v", err)
	}
	nothingLeft(t, s, false)
	nothingLeft(t, o.shelf, false)
}

// A file that is written to while it is imported is not taken.
func TestChangesWhileImported(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"written": func(t *testing.T, path string) { rewrite(t, path, 0) },
		"longer": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.Write(tiny(2))
			f.Close()
		},
		"shorter": func(t *testing.T, path string) { os.Truncate(path, 300_000) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.gguf")
			if err := os.WriteFile(path, tiny(1), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newShelf(t)
			into, err := s.claim(t.Context(), "x", nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx := &changes{Context: t.Context(), at: 2, do: func() { change(t, path) }}
			err = copyIn(ctx, into, path, func(int64, int64) {})
			if _, ok := errors.AsType[*ChangedError](err); !ok {
				t.Errorf("error %v", err)
			}
			into.drop()
			nothingLeft(t, s, false)
		})
	}
}

// Two pulls of one model at once fetch it once.
func TestPullsDoNotCollide(t *testing.T) {
	content := tiny(1)
	var mu sync.Mutex
	sent := 0
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		sent++
		mu.Unlock()
		file(content)(w, r)
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := OpenShelf(o.shelf.dir) // as another process would
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			p, err := NewPuller(s, door(o.ca), PullerConfig{}).Pull(t.Context(), ref(t, o.URL+"#sha256="+digestOf(content).String()), nil)
			if err != nil || p.Digest != digestOf(content) {
				t.Error(p, err)
			}
		})
	}
	wg.Wait()
	if sent != 1 {
		t.Errorf("the file was sent %d times", sent)
	}
}

// stalled serves half of the file, tells that it did, and then waits.
func stalled(content []byte, reached chan<- struct{}) http.HandlerFunc {
	var once sync.Once
	return func(w http.ResponseWriter, r *http.Request) {
		first := false
		once.Do(func() { first = true })
		if !first {
			file(content)(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:len(content)/2])
		w.(http.Flusher).Flush()
		close(reached)
		<-r.Context().Done()
	}
}

// A pull that is killed leaves nothing that is listed, and the next goes on
// where it stopped.
func TestKilled(t *testing.T) {
	if at := os.Getenv("ABATON_TEST_PULL"); at != "" {
		pullToBeKilled(at, os.Getenv("ABATON_TEST_SHELF"), os.Getenv("ABATON_TEST_CA"))
		return
	}
	content := tiny(1)
	reached := make(chan struct{})
	var asked []string
	half := stalled(content, reached)
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Range"))
		half(w, r)
	})
	address := o.URL + "#sha256=" + digestOf(content).String()
	c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestKilled$")
	c.Env = append(os.Environ(), "ABATON_TEST_PULL="+address, "ABATON_TEST_SHELF="+o.shelf.dir, "ABATON_TEST_CA="+o.ca)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	part := filepath.Join(o.shelf.dir, partName(keyOf(digestOf(content))))
	until(t, func() bool { // the bytes are on their way into the part; others see the pull
		pulls, err := o.shelf.Pulls()
		st, serr := os.Stat(part)
		return err == nil && serr == nil && len(pulls) == 1 && pulls[0].Total == int64(len(content)) && st.Size() == int64(len(content)/2)
	})
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	if list, err := o.shelf.List(); err != nil || len(list) != 0 {
		t.Errorf("half a model is listed: %v, %v", list, err)
	}
	if pulls, err := o.shelf.Pulls(); err != nil || len(pulls) != 0 {
		t.Errorf("a killed pull seems to go on: %v, %v", pulls, err)
	}
	if _, err := o.shelf.Open(t.Context(), Passport{Name: "m", Digest: digestOf(content)}); err == nil {
		t.Error("half a model is opened")
	}
	p := o.pull(t, address)
	if p.Digest != digestOf(content) || len(asked) != 2 || asked[1] != fmt.Sprintf("bytes=%d-", len(content)/2) {
		t.Errorf("asked for %q", asked)
	}
	for _, f := range []string{part, strings.TrimSuffix(part, ".part") + ".pull"} {
		if _, err := os.Stat(f); err == nil {
			t.Errorf("left behind: %s", f)
		}
	}
}

func pullToBeKilled(address, shelf, ca string) {
	s, err := OpenShelf(shelf)
	if err != nil {
		panic(err)
	}
	r, err := ParseRef(address)
	if err != nil {
		panic(err)
	}
	d := egress.NewDoor(egress.DoorConfig{CACerts: ca, Stall: time.Minute})
	NewPuller(s, d, PullerConfig{}).Pull(context.Background(), r, nil)
}

// until waits for something that another process does.
func until(t *testing.T, done func() bool) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it did not happen within 20 s")
		case <-tick.C:
		}
	}
}

// Stopping by the person keeps what was fetched.
func TestStopped(t *testing.T) {
	content := tiny(1)
	reached := make(chan struct{})
	o := serve(t, stalled(content, reached))
	ctx, stop := context.WithCancel(t.Context())
	go func() { <-reached; stop() }()
	address := o.URL + "#sha256=" + digestOf(content).String()
	if _, err := o.puller.Pull(ctx, ref(t, address), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	nothingLeft(t, o.shelf, true)
	o.pull(t, address)
}

func TestTruncatedDownload(t *testing.T) {
	content := tiny(1)
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:1000])
	})
	_, err := o.puller.Pull(t.Context(), ref(t, o.URL+"#sha256="+digestOf(content).String()), nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	nothingLeft(t, o.shelf, true)
}

func TestStarterByReach(t *testing.T) {
	m := hardware.Machine{Memory: 8 << 30}
	o := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusFound) })
	if e, why := o.puller.Starter(t.Context(), m); e.Name != "granite-4.0-micro" {
		t.Errorf("%s: %s", e.Name, why)
	}
	o.Close()
	if e, why := o.puller.Starter(t.Context(), m); e.Name != TinyName || !strings.Contains(why, "tiny") {
		t.Errorf("%s: %s", e.Name, why)
	}
}
