package vault_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

// Each benchmark does the same with a vault and with plain rows on the same
// store, in one run, and prints both and their ratio.

const benchText = 1024 // bytes of a message

func benchPuts(in vault.ID, n int) (puts []vault.Put) {
	for i := range n {
		text := make([]byte, benchText)
		copy(text, fmt.Sprintf("message %d", i))
		puts = append(puts, vault.Put{ID: vault.NewID(), Container: in, Kind: vault.KindTurn, Order: uint64(i), Payload: text})
	}
	return puts
}

// plain writes the same rows without sealing anything.
type plain struct {
	st  vault.Store
	id  vault.ID
	seq uint64
}

func (p *plain) write(ctx context.Context, puts []vault.Put) error {
	c := vault.Change{Vault: p.id, From: p.seq, Shell: vault.Shell{Seq: p.seq + 1, Header: binary.BigEndian.AppendUint64(nil, p.seq)}}
	for _, put := range puts {
		c.Put = append(c.Put, vault.Row{ID: put.ID, Envelope: put.Payload})
	}
	if err := p.st.Commit(ctx, c); err != nil {
		return err
	}
	p.seq++
	return nil
}

func benchWrite(b *testing.B, batch int) {
	m := make1(b)
	raw := &plain{st: vaulttest.NewMemory(), id: vault.NewID()}
	puts := benchPuts(vault.NewID(), batch)
	var sealed, bare time.Duration
	n := 0
	for b.Loop() {
		start := time.Now()
		if err := m.Write(b.Context(), vault.Edit{Put: puts}); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if err := raw.write(b.Context(), puts); err != nil {
			b.Fatal(err)
		}
		sealed += middle.Sub(start)
		bare += time.Since(middle)
		n += batch
	}
	b.ReportMetric(float64(n)/sealed.Seconds(), "sealed/s")
	b.ReportMetric(float64(n)/bare.Seconds(), "plain/s")
	b.ReportMetric(sealed.Seconds()/bare.Seconds(), "ratio")
}

func BenchmarkBulkWrite(b *testing.B)   { benchWrite(b, 100) }
func BenchmarkSingleWrite(b *testing.B) { benchWrite(b, 1) }

// BenchmarkOpen opens a vault of 100,000 messages and loads all their texts.
func BenchmarkOpen(b *testing.B) {
	const n = 100_000
	m := make1(b)
	raw := &plain{st: vaulttest.NewMemory(), id: vault.NewID()}
	for range n / 100 {
		puts := benchPuts(vault.NewID(), 100)
		if err := m.Write(b.Context(), vault.Edit{Put: puts}); err != nil {
			b.Fatal(err)
		}
		if err := raw.write(b.Context(), puts); err != nil {
			b.Fatal(err)
		}
	}
	head := m.Head()
	m.Close()
	var opening, loading, bare, busy time.Duration
	runs := 0
	for b.Loop() {
		used := processorTime(b)
		start := time.Now()
		v, err := m.reopen(b.Context(), m.st, head)
		if err != nil {
			b.Fatal(err)
		}
		opened := time.Now()
		var ids []vault.ID
		for _, r := range v.List(vault.KindTurn, vault.ID{}) {
			ids = append(ids, r.ID)
		}
		got := 0
		for c, err := range v.ReadMany(b.Context(), ids) {
			if err != nil || len(c.Payload) != benchText {
				b.Fatal(err)
			}
			got++
		}
		loaded := time.Now()
		busy += processorTime(b) - used
		for _, err := range raw.st.Rows(b.Context(), raw.id) {
			if err != nil {
				b.Fatal(err)
			}
			got--
		}
		if got != 0 {
			b.Fatal("not the same number of rows on both sides")
		}
		opening += opened.Sub(start)
		loading += loaded.Sub(opened)
		bare += time.Since(loaded)
		v.Close()
		runs++
	}
	b.ReportMetric(opening.Seconds()*1e3/float64(runs), "open-ms")
	b.ReportMetric(loading.Seconds()*1e3/float64(runs), "texts-ms")
	b.ReportMetric(busy.Seconds()*1e3/float64(runs), "cpu-ms") // of both; tells more where others use the machine
	b.ReportMetric(bare.Seconds()*1e3/float64(runs), "plain-ms")
	b.ReportMetric((opening+loading).Seconds()/bare.Seconds(), "ratio")
	v, err := m.reopen(b.Context(), m.st, vault.Head{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(heapOf(func() { v.Close() }))/n, "heapB/record")
	runtime.KeepAlive(m)
	runtime.KeepAlive(raw)
}

// heapOf is by how much the heap shrinks when something is let go.
func heapOf(let func()) uint64 {
	var before, after runtime.MemStats
	for range 3 { // pools are emptied by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&before)
	let()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return before.HeapAlloc - after.HeapAlloc
}

// processorTime is what this process has used, of all processors together.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
