package web

import (
	"strings"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/shaper"
	"abaton.local/vault"
)

const tenYears = 10 * 365 * 24 * time.Hour

// Where the machine's clock is ten years off, every page is there all the same, and
// what was said on another day is listed as such.
func TestPagesByAClockTenYearsOff(t *testing.T) {
	for off, want := range map[time.Duration]string{-tenYears: "After today", 0: "Today", tenYears: "Earlier"} {
		h := settle(t, shaper.Policy{})
		id := h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "an answer", Model: "m"})
		h.Now = func() time.Time { return time.Now().Add(off) }
		for _, path := range []string{"", "all", "c/" + id.String(), "keys", "models", "people", "security", "acts", "settings"} {
			if w := h.get(h.ada, path); w.Code != 200 {
				t.Errorf("%v off: %s: %d", off, path, w.Code)
			}
		}
		if body := h.get(h.ada, "").Body.String(); !strings.Contains(body, "<h2>"+want+"</h2>") {
			t.Errorf("%v off: not listed under %q:\n%s", off, want, body)
		}
	}
}

// By a clock ten years ahead no invitation and no key is good any more, and the link
// says so; nobody is let in for it.
func TestInvitationsByAClockTenYearsAhead(t *testing.T) {
	h := settle(t, shaper.Policy{})
	ticket, _, err := h.people.Invite(t.Context(), h.ada, vault.RoleMember)
	must(t, err)
	link := Doorway{Join: true, Ticket: string(ticket.Reveal()), Status: 200}
	if body := h.entered(link).Body.String(); strings.Contains(body, "good no more") {
		t.Fatal(body)
	}
	h.ahead.Store(int64(tenYears))
	w := h.entered(link)
	if w.Code != 410 || !strings.Contains(w.Body.String(), "has run out") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// The page of people says when what devices trust ends, and warns in time.
func TestCertificatesEndIsTold(t *testing.T) {
	h := settle(t, shaper.Policy{})
	if body := h.get(h.ada, "people").Body.String(); strings.Contains(body, "ends on") {
		t.Error("without TLS a certificate ends")
	}
	h.Machine.Joining = Joining{Base: "https://box.local:8443"}
	for days, c := range map[int]struct {
		own, warns bool
	}{1000: {true, false}, 100: {true, true}, 101: {false, false}, 20: {false, true}, -5: {false, true}} {
		ends := time.Now().AddDate(0, 0, days)
		h.CertificateEnds = func() time.Time { return ends }
		if h.Machine.Joining.Words = ""; c.own {
			h.Machine.Joining.Words = "larch otter quartz"
		}
		body := h.get(h.ada, "people").Body.String()
		if !strings.Contains(body, "ends on "+ends.Local().Format("2 Jan 2006")) || strings.Contains(body, "browsers warn") != c.warns || strings.Contains(body, "within a minute") == c.own {
			t.Errorf("%d days before, own authority %v:\n%s", days, c.own, body)
		}
	}
}
