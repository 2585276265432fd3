package web

import (
	"net/http/httptest"
	"strings"
	"testing"

	"abaton.local/shaper"
	"abaton.local/vault"
)

// entered is the page where somebody comes in.
func (h *house) entered(at Doorway) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.Entrance(w, httptest.NewRequest("GET", "/page/join", nil), at)
	return w
}

// A link that was used is told so at once, and not after somebody has chosen a
// passphrase.
func TestAUsedLinkSaysSo(t *testing.T) {
	h := settle(t, shaper.Policy{})
	ticket, made, err := h.people.Invite(t.Context(), h.ada, vault.RoleMember)
	must(t, err)
	text := string(ticket.Reveal())
	at := Doorway{Join: true, Ticket: text, Status: 200}
	if w := h.entered(at); w.Code != 200 || !strings.Contains(w.Body.String(), `id="passphrase"`) || !strings.Contains(w.Body.String(), text) {
		t.Errorf("a good link: %d\n%s", w.Code, w.Body)
	}
	if !h.people.AnyInvited() {
		t.Error("no invitation is open")
	}
	must(t, h.people.Withdraw(t.Context(), h.ada, made.ID))
	if h.people.AnyInvited() {
		t.Error("an invitation is open")
	}
	for name, at := range map[string]Doorway{
		"withdrawn": at, "a claim of before": {Join: true, Claim: true, Ticket: "abc_x", Status: 200}, "cut short": {Join: true, Ticket: text[:20], Status: 422, Message: "no"},
	} {
		w := h.entered(at)
		if body := w.Body.String(); w.Code != 410 || strings.Contains(body, `id="passphrase"`) || !strings.Contains(body, "good no more") || strings.Contains(body, at.Ticket) {
			t.Errorf("%s: %d\n%s", name, w.Code, body)
		}
	}
	if w := h.entered(Doorway{Join: true, Status: 200}); w.Code != 200 || !strings.Contains(w.Body.String(), `id="ticket"`) {
		t.Errorf("without a link: %d", w.Code)
	}
}
