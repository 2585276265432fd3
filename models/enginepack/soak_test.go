//go:build soak && linux

package enginepack

import (
	"archive/tar"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"abaton.local/egress"
	"abaton.local/models"
)

// sourceFile spares the download: go test -tags soak -timeout 2h ./models/enginepack -args -source=FILE
var sourceFile = flag.String("source", "", "the pinned source archive; fetched by way of pip's index when empty")

func soakOptions(t *testing.T) Options {
	last := time.Now()
	return Options{Archive: *sourceFile, Door: egress.NewDoor(egress.DoorConfig{}), Pip: models.Pip{}, Machine: thisMachine(t), Progress: func(s Step) {
		if s.Stage != Building && s.Stage != Fetching || time.Since(last) > 30*time.Second {
			last = time.Now()
			t.Logf("%s %s: %s %d/%d", last.Format(time.TimeOnly), s.Stage, s.Text, s.Done, s.Total)
		}
	}}
}

// TestSoakSource builds the real engine as `abaton pull engine` does.
func TestSoakSource(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "engines"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	p, err := s.Install(t.Context(), soakOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("built in %v: %s, %s", time.Since(start).Round(time.Second), p.Key, p.Compiler)
	checkPack(t, p, "LICENSE", serverName)
	for _, what := range []string{"remembered", "hashed"} {
		start = time.Now()
		if _, err := s.Installed(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: checked in %v", what, time.Since(start))
		if err := os.Remove(filepath.Join(s.dir, verdictsName)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("libraries %v\nfeatures %v\nflags %v", p.Libs, p.Features, p.Flags)
}

// TestSoakReadyMade makes an archive of upstream's layout from the real source
// (shared libraries, one backend per kind of processor, the remote backend),
// serves it and installs it as the ready-made one. The engine then finds the
// backend for this processor by itself.
func TestSoakReadyMade(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "engines"))
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	for _, d := range []string{"source", "objects", "home"} {
		if err := os.Mkdir(filepath.Join(top, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	o := soakOptions(t)
	if err := s.unpackSource(t.Context(), s.pins.source, filepath.Join(top, "source"), o); err != nil {
		t.Fatal(err)
	}
	upstream := plan{Flags: []string{
		"-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_INSTALL_RPATH=$ORIGIN", "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
		"-DGGML_BACKEND_DL=ON", "-DGGML_NATIVE=OFF", "-DGGML_CPU_ALL_VARIANTS=ON", "-DGGML_RPC=ON",
		"-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_BUILD_APP=OFF", "-DLLAMA_BUILD_TESTS=OFF",
		"-DLLAMA_BUILD_NUMBER=11434", "-DLLAMA_BUILD_COMMIT=soak", "-DCMAKE_C_FLAGS=", "-DCMAKE_CXX_FLAGS=",
	}}
	start := time.Now()
	b := builder{top: top, log: filepath.Join(top, "log"), options: o}
	if err := b.run(t.Context(), upstream); err != nil {
		t.Fatal(err)
	}
	t.Logf("shared layout built in %v", time.Since(start).Round(time.Second))
	path := filepath.Join(top, "llama-b11434-bin-ubuntu-x64.tar.gz")
	packFolder(t, filepath.Join(top, "objects", "bin"), "llama-b11434", path)

	srv := httptest.NewServer(http.FileServer(http.Dir(top)))
	t.Cleanup(srv.Close)
	a := archive{Origin: "the soak test's archive", Build: "b11434", URL: srv.URL + "/" + filepath.Base(path)}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	a.Size = info.Size()
	a.Digest = digestOf(t, f)
	s.pins.readyMade = map[string]archive{platform(): a}
	o.Archive, o.Prebuilt = "", true
	p, err := s.Install(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("archive of %d bytes; files %v; libraries %v", a.Size, names(p.Files), p.Libs)
	if p.Layout != Shared || slices.ContainsFunc(names(p.Files), func(n string) bool { return strings.Contains(n, "rpc") }) {
		t.Errorf("%+v", p)
	}
	// The engine says nothing of the backends that it loads; the dynamic linker does.
	var out strings.Builder
	env := []string{"LD_LIBRARY_PATH=" + p.Dir, "LD_DEBUG=files"}
	err = confined(t.Context(), command{argv: []string{p.Server, "--list-devices"}, dir: p.Dir, env: env, out: &out})
	if err != nil || !strings.Contains(out.String(), "/libggml-cpu-") {
		t.Errorf("%v: no backend was loaded at run time\n%s", err, out.String())
	}
}

func digestOf(t *testing.T, f *os.File) models.Digest {
	t.Helper()
	root, err := os.OpenRoot(filepath.Dir(f.Name()))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	d, _, err := readDigest(t.Context(), root, filepath.Base(f.Name()), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// packFolder makes a tar.gz of a folder's files and links, below one name.
func packFolder(t *testing.T, dir, under, to string) {
	t.Helper()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	z := gzip.NewWriter(out)
	w := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link := ""
		if d.Type()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		h, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		h.Name = under + "/" + d.Name()
		if err := w.WriteHeader(h); err != nil || link != "" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.Copy(w, f); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}
