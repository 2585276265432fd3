package enginepack

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkInstalled finds an installed pack, with what was remembered of it
// and without: what every start of an engine pays, and the first of a boot.
func BenchmarkInstalled(b *testing.B) {
	archive := tarball(b, readyEntries(b)...)
	s := newStore(b, filepath.Join(b.TempDir(), "engines"), nil)
	withReady(s, archive, "")
	p, err := s.Install(b.Context(), Options{Prebuilt: true, Archive: onDisk(b, archive)})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			if err := p.Unchanged(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remembered", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Installed(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hashed", func(b *testing.B) {
		for b.Loop() {
			if err := os.Remove(filepath.Join(s.dir, verdictsName)); err != nil {
				b.Fatal(err)
			}
			if _, err := s.Installed(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDigest hashes 64 MB: the speed of a first check.
func BenchmarkDigest(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 64<<20), 0o600); err != nil {
		b.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	b.SetBytes(64 << 20)
	for b.Loop() {
		if _, err := readDigest(b.Context(), root, "file", 0o600); err != nil {
			b.Fatal(err)
		}
	}
}
