package history

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"abaton.local/vault"
)

// Many at once, for the race detector; afterwards the count is right.
func TestManyAtOnce(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "word begin")
	o.config.Now = nil
	if err := o.h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.open(t) // with a clock that several may ask
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for k := range 10 {
				if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: fmt.Sprint("word ", i, k)}); err != nil {
					t.Error(err)
				}
				own, err := o.h.New(t.Context(), Start{}, Turn{Role: User, Text: "word passing"})
				if err != nil {
					t.Error(err)
				}
				if _, err := o.h.Rename(t.Context(), own.ID, fmt.Sprint("word ", i, k)); err != nil {
					t.Error(err)
				}
				if err := o.h.Delete(t.Context(), own.ID); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 20 {
				found, err := o.h.Search(t.Context(), "word", 50)
				if err != nil || len(found) == 0 {
					t.Errorf("%d found, %v", len(found), err)
				}
				if _, err := o.h.List(); err != nil {
					t.Error(err)
				}
				if _, _, err := o.h.Show(t.Context(), c.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := o.finds(t, "word"); len(got) != 41 {
		t.Errorf("%d texts are found, want 41", len(got))
	}
	all.Go(func() { o.h.Close(t.Context()) })
	for range 20 {
		if _, err := o.h.Search(t.Context(), "word", 5); err != nil && !errors.Is(err, vault.ErrLocked) {
			t.Error(err)
		}
	}
	all.Wait()
}
