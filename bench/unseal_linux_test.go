package bench

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"abaton.local/chat/resume"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/vault"
	"abaton.local/vault/sqlite"
)

// BenchmarkUnseal is what of going on from a snapshot of 4,000 tokens is the vault's
// part: 94 MB from a store on a disk into memory, and into a file in memory. It runs
// beside the engine's start (BenchmarkResume has the whole).
func BenchmarkUnseal(b *testing.B) {
	const size = 94 << 20
	dir := b.TempDir()
	store, err := sqlite.Open(b.Context(), filepath.Join(dir, "store.db"))
	must(b, err)
	defer store.Close()
	root := vault.NewKey()
	defer root.Clear()
	v, err := vault.Create(b.Context(), store, vault.NewID(), root, nil)
	must(b, err)
	defer v.Close()
	keeper := resume.New(2 << 30)
	keeper.Opened("anna", v)
	raw := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(raw)
	l := engine.Label{Setting: engine.Setting{Model: models.Digest{1}, Context: 8192, Cache: "f16 f16"}, Format: "0000000000000000", Tokens: 4000, Turns: 1}
	must(b, keeper.Keep(b.Context(), "anna", l, size, bytes.NewReader(raw), nil))
	kept, err := keeper.Kept(b.Context(), "anna")
	must(b, err)
	var away, file []float64
	for b.Loop() {
		for range rounds(10) {
			began := time.Now()
			must(b, keeper.Open(b.Context(), "anna", kept[0].ID, io.Discard))
			away = append(away, time.Since(began).Seconds())
			f, err := os.CreateTemp("/dev/shm", "unseal")
			must(b, err)
			began = time.Now()
			must(b, keeper.Open(b.Context(), "anna", kept[0].ID, f))
			file = append(file, time.Since(began).Seconds())
			must(b, f.Close())
			must(b, os.Remove(f.Name()))
		}
	}
	b.Logf("MEASURED unsealing 94 MB: %s, into a file in memory %s", spread(away, "s"), spread(file, "s"))
	b.ReportMetric(median(file), "s-unsealed")
}
