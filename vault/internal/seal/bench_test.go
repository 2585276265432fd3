package seal

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"
	"time"
)

// BenchmarkRecord puts sealing and opening of a record beside the same bytes
// under bare AES-256-GCM with a random nonce, which commits to nothing, hides
// no size and wears out after 2³² records.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10} {
		plain, p, s := noise(size), somewhere(), NewSealer(NewKey())
		gcm, nonce := newGCM(NewKey().Bytes()), make([]byte, nonceSize)
		envelope, bare := s.Seal(nil, plain, p), gcm.Seal(nil, nonce, plain, nil)
		room := make([]byte, 0, 2*Size(size))
		beside(b, fmt.Sprintf("seal/%dKiB", size>>10), size, func() {
			s.Seal(room, plain, p)
		}, func() {
			rand.Read(nonce)
			gcm.Seal(room, nonce, plain, nil)
		})
		clear(nonce)
		beside(b, fmt.Sprintf("open/%dKiB", size>>10), size, func() {
			if _, err := s.Open(room, envelope, p); err != nil {
				b.Fatal(err)
			}
		}, func() {
			if _, err := gcm.Open(room, nonce, bare, nil); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkStream seals and opens 1 MiB, beside bare AES-256-GCM.
func BenchmarkStream(b *testing.B) {
	const size = 1 << 20
	plain, p, k := noise(size), somewhere(), NewKey()
	gcm, nonce := newGCM(k.Bytes()), make([]byte, nonceSize)
	sealed, bare := streamOf(b, plain, k, p, &[saltSize]byte{}), gcm.Seal(nil, nonce, plain, nil)
	room := make([]byte, 2*size)
	beside(b, "seal/1MiB", size, func() {
		w := SealStream(bytes.NewBuffer(room[:0]), k, p)
		w.Write(plain)
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}, func() {
		gcm.Seal(room[:0], nonce, plain, nil)
	})
	beside(b, "open/1MiB", size, func() {
		r, err := OpenStream(bytes.NewReader(sealed), int64(len(sealed)), k, p)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.ReadAt(room[:size], 0); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if _, err := gcm.Open(room[:0], nonce, bare, nil); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkBox seals to a person and opens, 1 KiB.
func BenchmarkBox(b *testing.B) {
	pair := newPair(b)
	box, err := SealTo(pair.Public(), noise(1<<10), "inbox")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			SealTo(pair.Public(), noise(1<<10), "inbox")
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := pair.Open(box, "inbox"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// beside measures both in turns, so that both meet the same machine.
func beside(b *testing.B, name string, size int, ours, bare func()) {
	b.Run(name, func(b *testing.B) {
		const turn = 32
		var spent [2]time.Duration
		n := 0
		for b.Loop() {
			for side, f := range []func(){ours, bare} {
				start := time.Now()
				for range turn {
					f()
				}
				spent[side] += time.Since(start)
			}
			n += turn
		}
		b.ReportMetric(0, "ns/op") // of a turn of both, which says nothing
		b.ReportMetric(float64(spent[0].Nanoseconds())/float64(n), "ours-ns")
		b.ReportMetric(float64(spent[1].Nanoseconds())/float64(n), "bare-ns")
		b.ReportMetric(float64(spent[0])/float64(spent[1]), "ratio")
		b.ReportMetric(float64(size*n)/spent[0].Seconds()/1e6, "ours-MB/s")
	})
}
