package audit

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Appending: alone, by many at once, and many events at one call, beside a plain
// file that is appended to in the same way. Everything is durable on both sides.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name    string
		writers int
		each    int // events of one call
	}{{"one at a time", 1, 1}, {"64 writers", 64, 1}, {"256 at once", 1, 256}, {"10000 at once", 1, 10000}} {
		b.Run(c.name, func(b *testing.B) {
			l, err := Open(b.TempDir(), testKeys(), time.Now)
			if err != nil {
				b.Fatal(err)
			}
			f, err := os.OpenFile(filepath.Join(b.TempDir(), "plain"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				b.Fatal(err)
			}
			events := make([]Event, c.each)
			for i := range events {
				events[i] = event(i)
			}
			line := make([]byte, c.each*LeafSize)
			calls := max(1, 20000/c.each/c.writers)
			var ours, plain time.Duration
			n := 0
			for b.Loop() {
				begin := time.Now()
				var wait sync.WaitGroup
				for range c.writers {
					wait.Go(func() {
						for range calls {
							if err := l.RecordAll(events); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wait.Wait()
				ours += time.Since(begin)
				begin = time.Now()
				var mu sync.Mutex
				for range c.writers {
					wait.Go(func() {
						for range calls {
							mu.Lock()
							_, err1 := f.Write(line)
							err2 := f.Sync()
							mu.Unlock()
							if err1 != nil || err2 != nil {
								b.Error(err1, err2)
							}
						}
					})
				}
				wait.Wait()
				plain += time.Since(begin)
				n += calls * c.each * c.writers
			}
			b.ReportMetric(float64(n)/ours.Seconds(), "events/s")
			b.ReportMetric(float64(n)/plain.Seconds(), "plain/s")
			b.ReportMetric(ours.Seconds()/plain.Seconds(), "times-plain")
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// The same without a disk: what hashing, chaining and signing cost.
func BenchmarkAppendInMemory(b *testing.B) {
	events := make([]Event, 10000)
	for i := range events {
		events[i] = event(i)
	}
	var spent time.Duration
	n := 0
	for b.Loop() {
		m := newMemDisk()
		l, err := open(m, m.live(), testKeys(), time.Now)
		if err != nil {
			b.Fatal(err)
		}
		l.dir = silent{}
		begin := time.Now()
		for range 10 {
			if err := l.RecordAll(events); err != nil {
				b.Fatal(err)
			}
		}
		spent += time.Since(begin)
		n += 10 * len(events)
	}
	b.ReportMetric(float64(n)/spent.Seconds(), "events/s")
}

// silent is a disk that keeps nothing.
type silent struct{}

func (silent) OpenFile(string) (file, error) { return silentFile{}, nil }
func (silent) Mkdir(string) error            { return nil }
func (silent) Rename(_, _ string) error      { return nil }
func (silent) SyncDir(string) error          { return nil }

type silentFile struct{}

func (silentFile) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (silentFile) Truncate(int64) error                   { return nil }
func (silentFile) Sync() error                            { return nil }
func (silentFile) Close() error                           { return nil }

// Verifying 100,000 records on disk, beside reading the same bytes and hashing
// each once.
func BenchmarkVerify(b *testing.B) {
	for _, c := range []struct {
		name string
		each int
	}{{"signed at every 100", 100}, {"signed at every 10000", 10000}} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			l, err := Open(dir, testKeys(), time.Now)
			if err != nil {
				b.Fatal(err)
			}
			events := make([]Event, c.each)
			for i := range events {
				events[i] = event(i)
			}
			for range 100000 / c.each {
				if err := l.RecordAll(events); err != nil {
					b.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
			var ours, plain time.Duration
			n := 0
			for b.Loop() {
				begin := time.Now()
				if r, err := verifyDir(dir, Check{}); err != nil || r.Records != 100000 {
					b.Fatal(r, err)
				}
				ours += time.Since(begin)
				begin = time.Now()
				for k := range 391 {
					data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(tilePath(entries, int64(k)))))
					if err != nil {
						b.Fatal(err)
					}
					for ; len(data) >= entrySize; data = data[entrySize:] {
						sha256.Sum256(data[2:entrySize])
					}
				}
				plain += time.Since(begin)
				n++
			}
			b.ReportMetric(ours.Seconds()/float64(n)*1000, "ms/100000")
			b.ReportMetric(plain.Seconds()/float64(n)*1000, "plain-ms/100000")
			b.ReportMetric(ours.Seconds()/plain.Seconds(), "times-plain")
		})
	}
}
