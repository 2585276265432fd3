package engine

import (
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
)

// A model whose slots cannot be seen to be empty is not shared: not asked, not
// loaded, no process started. One's own engine has it all the same.
func TestAModelThatCannotBeSeenToForgetIsNotShared(t *testing.T) {
	window := func(f *ggufgen.File) { f.Set("llama.attention.sliding_window", uint32(64)) }
	for name, c := range map[string]struct {
		edit func(*ggufgen.File)
		why  string
	}{
		"window":  {window, "sliding window"},
		"state":   {func(f *ggufgen.File) { f.Set("llama.ssm.state_size", uint32(16)) }, "keeps a state"},
		"unknown": {func(f *ggufgen.File) { renamed(f, "gemma2") }, "none that was looked at"},
	} {
		t.Run(name, func(t *testing.T) {
			e, ask := startTiny(t, c.edit, func(c *Config) { c.Slots = 2 })
			_, _, err := collect(t.Context(), e, ask("bado", 2))
			if f := faultOf(t, err, Unshared); !strings.Contains(f.What, c.why) || !strings.Contains(f.Do, "own-engine") {
				t.Error(f)
			}
			p := ask("", 0)
			faultOf(t, e.Warm(t.Context(), p.Person, p.Model), Unshared)
			if len(e.Workers()) != 0 {
				t.Error("a process was started")
			}
		})
	}
	own, ask := startTiny(t, window, nil)
	if _, _, err := collect(t.Context(), own, ask("bado", 2)); err != nil {
		t.Errorf("control: with an engine of one's own: %v", err)
	}
	shared, ask := startTiny(t, nil, func(c *Config) { c.Slots = 2 })
	if _, _, err := collect(t.Context(), shared, ask("bado", 2)); err != nil {
		t.Errorf("control: a model that keeps all it reads: %v", err)
	}
}

// renamed gives a model another architecture.
func renamed(f *ggufgen.File, architecture string) {
	for i, p := range f.Pairs {
		f.Pairs[i].Key = strings.Replace(p.Key, "llama.", architecture+".", 1)
	}
	f.Set("general.architecture", architecture)
}
