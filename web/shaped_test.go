package web

import (
	"net/http/httptest"
	"testing"
	"time"

	"abaton.local/shaper"
	"abaton.local/vault"
)

// following is a page that does something when the first frame has come.
type following struct {
	patient
	first func()
}

func (f *following) Write(b []byte) (int, error) {
	if f.first != nil {
		f.first()
		f.first = nil
	}
	return f.patient.Write(b)
}

// An answer that is stopped, or that breaks, ends where any other does: at the end of
// its window.
func TestStopsAreShaped(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*house, vault.ID)
		want string
	}{
		"stopped": {func(h *house, id vault.ID) { h.post(h.ada, "stop/"+id.String()) }, finishStopped},
		"broken":  {func(h *house, id vault.ID) { h.pieces <- "!" }, finishFailed},
		"whole":   {func(h *house, id vault.ID) { h.finish(h.ada, id) }, "stop"},
	} {
		t.Run(name, func(t *testing.T) {
			h := settle(t, shaper.Policy{LAN: shaper.Sealed, Window: time.Second})
			id := h.begun(h.ada, "Say it")
			h.pieces <- "one"
			w := httptest.NewRecorder()
			h.ServeSession(&following{patient{w}, func() { go c.end(h, id) }}, httptest.NewRequest("GET", "https://box.local/page/live/"+id.String(), nil), h.ada)
			list := lines(t, w.Body.Bytes())
			if n := w.Body.Len(); n == 0 || n%(10*shaper.FrameBytes) != 0 || text(list) != "one" || list[len(list)-1].End.Finish != c.want {
				t.Errorf("%d bytes, %d lines, %q, %+v", n, len(list), text(list), list[len(list)-1].End)
			}
		})
	}
}
