package egress

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPostHandsInOnceAndFollowsNobody(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(b))
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/taken", http.StatusTemporaryRedirect)
		case "/refused":
			http.Error(w, strings.Repeat("no", 1<<20), http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer s.Close()
	d := NewDoor(DoorConfig{})
	header := http.Header{"Authorization": {"Bearer x"}}
	if err := d.Post(t.Context(), s.URL+"/taken", header, []byte("a note")); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/moved", "/refused"} {
		e, ok := errors.AsType[*HTTPError](d.Post(t.Context(), s.URL+path, header, []byte("b")))
		if !ok {
			t.Errorf("%s: no error of HTTP", path)
		} else if path == "/refused" && (len(e.Answer) != 4<<10 || strings.Contains(e.Error(), "nono")) {
			t.Errorf("%s: %d bytes of a reason, and %q", path, len(e.Answer), e)
		}
	}
	if len(got) != 3 || got[0] != "POST /taken Bearer x a note" {
		t.Errorf("handed in: %q", got)
	}
	if err := d.Post(t.Context(), "http://192.0.2.1/", nil, nil); err == nil {
		t.Error("plain http left this machine")
	}
}
