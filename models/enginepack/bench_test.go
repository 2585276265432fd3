package enginepack

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
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

// BenchmarkDigest hashes 64 MB: the speed of a first check. GB/s/core counts
// processor time, so that it tells the same on a busy machine; bare is SHA-256
// of memory in the same run.
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
	var n int64
	began := busy(b)
	for b.Loop() {
		n += 64 << 20
		if _, _, err := readDigest(b.Context(), root, "file", 0o600); err != nil {
			b.Fatal(err)
		}
	}
	rate := float64(n) / (busy(b) - began).Seconds() / 1e9
	chunk := make([]byte, hashBuffer)
	began = busy(b)
	for range 1024 {
		sha256.Sum256(chunk)
	}
	bare := float64(1024*len(chunk)) / (busy(b) - began).Seconds() / 1e9
	b.ReportMetric(rate, "GB/s/core")
	b.ReportMetric(rate/bare, "of-bare")
}

// busy is the processor time of this process.
func busy(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
