package models

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"abaton.local/internal/ggufgen"
)

// A model is given eyes by name, keeps them, and only eyes can be given, to a model
// that chats.
func TestAttach(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenShelf(filepath.Join(dir, "models"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, f := range map[string]*ggufgen.File{"llama": ggufgen.TinyLlama(1), "eye": ggufgen.TinyEye(1, 128)} {
		path := filepath.Join(dir, name+".gguf")
		if err := os.WriteFile(path, f.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		ref, err := ParseRef("file:" + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewPuller(s, nil, PullerConfig{}).Pull(t.Context(), ref, nil); err != nil {
			t.Fatal(err)
		}
	}
	eye, err := s.Find("eye")
	if err != nil || eye.Role != Eyes {
		t.Fatal(eye.Role, err)
	}
	if _, err := s.Attach("llama", "llama"); !errors.Is(err, errNoEyes) {
		t.Error(err)
	}
	if _, err := s.Attach("eye", "eye"); !errors.Is(err, errNotChat) {
		t.Error(err)
	}
	for _, eyes := range []string{"eye", ""} {
		if _, err := s.Attach("llama", eyes); err != nil {
			t.Fatal(err)
		}
		p, err := s.Find("llama")
		if err != nil || p.Projector.IsZero() != (eyes == "") {
			t.Errorf("%q: %v %v", eyes, p.Projector, err)
		}
		f, err := s.Open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if d, err := s.Default(); err != nil || d.Name != "llama" {
		t.Error(d.Name, err)
	}
}
