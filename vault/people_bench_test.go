package vault

import (
	"testing"
	"time"
)

// BenchmarkWrong compares a wrong passphrase of somebody with any passphrase of
// nobody: the times must not tell which names exist.
func BenchmarkWrong(b *testing.B) {
	p, d := benchPlace(b)
	sides := []string{"Olga", "Nobody"}
	var took [2]time.Duration
	n := 0
	for b.Loop() {
		for i := range sides {
			i = (i + n) % 2 // whoever comes first, comes second next time
			p.clock = p.clock.Add(2 * time.Minute)
			from := time.Now()
			if _, err := d.Unlock(b.Context(), pass(sides[i], "not the passphrase")); err != ErrWrong {
				b.Fatal(err)
			}
			took[i] += time.Since(from)
		}
		n++
	}
	known, unknown := float64(took[0].Nanoseconds())/float64(n), float64(took[1].Nanoseconds())/float64(n)
	b.ReportMetric(known/1e6, "ms/known")
	b.ReportMetric(unknown/1e6, "ms/unknown")
	b.ReportMetric(unknown/known, "unknown/known")
}

// BenchmarkUnlock opens an empty vault by its passphrase at the usual cost and
// locks it again; a token, which needs no stretching, beside it.
func BenchmarkUnlock(b *testing.B) {
	p, d := benchPlace(b)
	s := p.again(d, Session{Person: d.names["olga"].id}, p.root)
	token, _, err := d.MakeToken(b.Context(), s, "bench", ScopeAll, p.clock.AddDate(1, 0, 0))
	if err != nil {
		b.Fatal(err)
	}
	s.End()
	var byPassphrase, byToken time.Duration
	n := 0
	for b.Loop() {
		from := time.Now()
		s, err := d.Unlock(b.Context(), pass("Olga", ownerPass))
		if err != nil {
			b.Fatal(err)
		}
		byPassphrase += time.Since(from)
		s.End()
		from = time.Now()
		if s, err = d.UnlockToken(b.Context(), token.Reveal()); err != nil {
			b.Fatal(err)
		}
		byToken += time.Since(from)
		s.End()
		n++
	}
	b.ReportMetric(float64(byPassphrase.Nanoseconds())/float64(n)/1e6, "ms/passphrase")
	b.ReportMetric(float64(byToken.Nanoseconds())/float64(n)/1e6, "ms/token")
	b.ReportMetric(float64(byPassphrase)/float64(byToken), "passphrase/token")
}

func benchPlace(b *testing.B) (*place, *Directory) {
	p := newPlace(b)
	p.config.Cost = usualCost()
	p.config.Locked = nil
	d := p.open()
	b.Cleanup(func() { d.Close() })
	olga := p.owner(d)
	p.root = p.rootOf(d, olga)
	olga.End()
	return p, d
}
