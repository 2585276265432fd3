package egress_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"abaton.local/egress"
)

// TestWatch: every byte of the connection is seen as it came, none of it in
// clear; what is no success says so, and nothing is followed.
func TestWatch(t *testing.T) {
	answer := data(3, 20_000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/elsewhere":
			http.Redirect(w, r, "/answer", http.StatusTemporaryRedirect)
		case err != nil || r.Method != http.MethodPost || string(body) != "a question" || r.Header.Get("X-Own") != "yes":
			w.WriteHeader(http.StatusTeapot)
		default:
			w.Write(answer)
		}
	})
	var seen []byte
	look := func(b []byte) { seen = append(seen, b...) }
	header := http.Header{"X-Own": {"yes"}}
	got, told, err := s.door.Watch(t.Context(), s.URL+"/answer", header, []byte("a question"), look)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(got)
	if err := errors.Join(err, got.Close()); err != nil || !bytes.Equal(text, answer) || told.Get("Content-Type") == "" {
		t.Errorf("%d bytes came, %v", len(text), err)
	}
	if len(seen) < len(answer) || bytes.Contains(seen, answer[:64]) {
		t.Errorf("%d bytes were seen of an answer of %d", len(seen), len(answer))
	}
	for path, want := range map[string]int{"/elsewhere": http.StatusTemporaryRedirect, "/answer": http.StatusTeapot} {
		_, _, err := s.door.Watch(t.Context(), s.URL+path, nil, []byte("another"), look)
		if e, is := errors.AsType[*egress.HTTPError](err); !is || e.Status != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, _, err := s.door.Watch(t.Context(), "http://192.0.2.1/", nil, nil, look); err == nil {
		t.Error("plain http went outside")
	}
}
