package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"abaton.local/shaper"
	"abaton.local/vault"
)

// The page about security lists one's own passkeys, with what is needed to tell
// them apart, and removes them: one's own alone.
func TestPasskeysAreListed(t *testing.T) {
	h := settle(t, shaper.Policy{})
	k := vault.Passkey{Credential: []byte("c"), Key: []byte("k"), Handle: []byte("h"), Place: "box.<local>", Synced: true}
	must(t, h.people.AddPasskey(t.Context(), h.ada, k, make([]byte, 32)))
	page := h.get(h.ada, "security").Body.String()
	for _, want := range []string{"box.&lt;local&gt;", "may be on several devices", "none noted", `data-passkey="add" hidden`, "passkey.js", "Whoever has a passkey of yours"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	uses, err := h.people.PasskeyUses(t.Context(), h.ada)
	must(t, err)
	if w := h.post(h.bob, "passkeys/remove", "id", uses[0].Way.String()); w.Code != http.StatusNotFound {
		t.Errorf("somebody else removes it: %d", w.Code)
	}
	if w := h.post(h.ada, "passkeys/remove", "id", uses[0].Way.String()); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if strings.Contains(h.get(h.ada, "security").Body.String(), "several devices") {
		t.Error("it is still there")
	}
	ways, err := h.people.Ways(t.Context(), h.ada)
	must(t, err)
	if w := h.post(h.ada, "passkeys/remove", "id", ways[0].ID.String()); w.Code != http.StatusNotFound {
		t.Errorf("the passphrase is removed as a passkey: %d", w.Code)
	}
	h.NoPasskeys = func(*http.Request) string { return "because <of> this" }
	if page := h.get(h.ada, "security").Body.String(); !strings.Contains(page, "because &lt;of&gt; this") || strings.Contains(page, "Add a passkey") {
		t.Error("where there can be none, the page does not say why")
	}
}

// A script that joined is told where the recovery code is, which is shown once.
func TestWelcomeByPasskey(t *testing.T) {
	h := settle(t, shaper.Policy{})
	r := httptest.NewRequest("POST", "/page/passkey/join", nil)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	h.Welcome(w, r, h.ada, []byte("ABCDE-FGHIJ"))
	var said struct{ To string }
	must(t, json.Unmarshal(w.Body.Bytes(), &said))
	if bytes.Contains(w.Body.Bytes(), []byte("ABCDE")) || !strings.HasPrefix(said.To, "/page/recovery/") {
		t.Fatalf("%s", w.Body)
	}
	path := strings.TrimPrefix(said.To, "/page/")
	if strings.Contains(h.get(h.bob, path).Body.String(), "ABCDE") {
		t.Error("somebody else is shown the code")
	}
	if !strings.Contains(h.get(h.ada, path).Body.String(), "ABCDE-FGHIJ") {
		t.Error("the code is not shown")
	}
	if strings.Contains(h.get(h.ada, path).Body.String(), "ABCDE") {
		t.Error("it is shown twice")
	}
}
