package api

import (
	"context"
	"iter"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/engine"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// taken are all ways to take from Bob what a key of his that only asks may do, or what
// he may do that is in without his vault's keys.
func (r *readers) taken(what string) (s vault.Session, take func()) {
	r.t.Helper()
	token, info, err := r.people.MakeToken(r.t.Context(), r.bob, "a program", vault.ScopeAsk, time.Now().Add(time.Hour))
	if err == nil {
		s, err = r.people.UnlockToken(r.t.Context(), token.Reveal())
	}
	if err != nil {
		r.t.Fatal(err)
	}
	ways := map[string]func() error{
		"the key is revoked":   func() error { return r.people.RevokeToken(context.Background(), r.bob, info.ID) },
		"the person is out":    func() error { return r.people.SetDisabled(context.Background(), r.ada, r.bob.Person, true) },
		"out, and in again":    func() error { return out(r, r.bob.Person) },
		"the person is gone":   func() error { return r.people.Remove(context.Background(), r.ada, r.bob.Person) },
		"the session is ended": func() error { r.bob.End(); return nil },
		"the vault is left":    func() error { r.people.LockAll(r.bob); return nil },
	}
	switch what {
	case "without a key": // as by the address of a key
		return s.Known(), func() { r.must(ways["the key is revoked"]()) }
	case "the session is ended", "the vault is left":
		r.bob.Lock() // known, and nothing more
		s = r.bob
	}
	return s, func() { r.must(ways[what]()) }
}

func out(r *readers, p vault.PersonID) error {
	if err := r.people.SetDisabled(context.Background(), r.ada, p, true); err != nil {
		return err
	}
	return r.people.SetDisabled(context.Background(), r.ada, p, false)
}

func (r *readers) must(err error) {
	if err != nil {
		r.t.Error(err)
	}
}

// Who may no more ask hears nothing more of what they asked, streamed or whole, paced or
// not: though no vault of theirs was open.
func TestTakenBackHearNoMore(t *testing.T) {
	for _, what := range []string{"the key is revoked", "without a key", "the person is out", "out, and in again", "the person is gone", "the session is ended", "the vault is left"} {
		for _, w := range ways {
			if what != "the key is revoked" && w.path != chatPath {
				continue // it is one answer for all
			}
			for how, field := range map[string]string{"streamed": w.streams, "whole": w.whole} {
				for _, mode := range []shaper.Mode{shaper.Off, shaper.Sealed} {
					t.Run(what+" "+strings.ReplaceAll(w.path[1:], "/", ".")+" "+how+" "+mode.String(), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							r := newReaders(t, twoModels[0], counted(60, 1, 20*time.Millisecond))
							r.Shape = shaper.Policy{Local: mode, Window: 30 * shaper.Tick}
							s, take := r.taken(what)
							b := newBell()
							defer time.AfterFunc(555*time.Millisecond, func() {
								take()
								b.rings()
							}).Stop()
							off := r.hears(t.Context(), b, s, w.path, "{"+w.ask+field+"}")
							before, after := b.took()
							says := "was taken back"
							if s == r.bob {
								says = "session has ended"
							}
							if word.MatchString(after) || off || !strings.Contains(after, says) || how == "streamed" && !word.MatchString(before) {
								t.Errorf("broken off %v: %.300q then %.900q", off, before, strings.ReplaceAll(after, "  ", ""))
							}
							if mode == shaper.Sealed && len(before+after)%(30*shaper.FrameBytes) != 0 {
								t.Errorf("%d bytes", len(before+after))
							}
						})
					})
				}
			}
		}
	}
}

// The engine is not asked for what nobody may hear, and others of the same person go on.
func TestTakenBackStopsTheEngine(t *testing.T) {
	said := 0
	var take func()
	r := newReaders(t, twoModels[0], func(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			for range 9 {
				if said++; said == 3 {
					take()
				}
				if !yield(engine.Delta{Text: "word"}, nil) {
					return
				}
			}
			yield(engine.Delta{Finish: engine.Stopped}, nil)
		}
	})
	s, revoke := r.taken("the key is revoked")
	other, _ := r.taken("the key is revoked")
	take = revoke
	if _, body := r.ask(s, chatPath, "{"+hi+`,"stream":true}`); said != 3 || strings.Count(body, `"word"`) != 2 || !strings.Contains(body, "was taken back") {
		t.Errorf("%d pieces were asked for: %s", said, body)
	}
	if code, body := r.ask(other, chatPath, "{"+hi+"}"); code != http.StatusOK {
		t.Errorf("another key: %s", body)
	}
}
