package web

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// Pages of the first minutes show what is still on its way, also without scripts,
// and nothing of it once all is here or to who is not in.
func TestWhatIsOnItsWay(t *testing.T) {
	h := settle(t, shaper.Policy{})
	far := func() (a arrival) {
		must(t, json.Unmarshal(h.get(h.bob, "ready").Body.Bytes(), &a))
		return a
	}
	if a := far(); !a.Ready || strings.Contains(h.get(h.ada, "").Body.String(), "data-ready") {
		t.Errorf("all is here, and it says %+v", a)
	}
	here, fetching := false, true
	var pulls []models.Pull
	h.Ready = func(context.Context) bool { return here }
	h.Fetching = func() bool { return fetching }
	h.Pulls = func() ([]models.Pull, error) { return pulls, nil }
	claim := Doorway{Join: true, Claim: true, Status: 200}
	pages := func() map[string]string {
		return map[string]string{"set-up": h.entered(claim).Body.String(), "new": h.get(h.ada, "").Body.String()}
	}
	for name, body := range pages() {
		if !strings.Contains(body, "on its way to this machine") || strings.Contains(body, "<progress") {
			t.Errorf("%s, an engine:\n%s", name, body)
		}
	}
	pulls = []models.Pull{{Name: "<b>small", Done: 30e6, Total: 100e6}}
	for name, body := range pages() {
		if !strings.Contains(body, "&lt;b&gt;small is being fetched: 30 MB of 100 MB") || !strings.Contains(body, `<progress value="30000000" max="100000000">`) {
			t.Errorf("%s, a model:\n%s", name, body)
		}
	}
	if a := far(); a.Ready || a.Done != 30e6 || a.Total != 100e6 {
		t.Errorf("it says %+v", a)
	}
	pulls[0].Total = -1
	if a := far(); a.Total != 0 || strings.Contains(a.Words, " of ") {
		t.Errorf("of unknown size: %+v", a)
	}
	if body := h.entered(Doorway{Join: true, Status: 200}).Body.String(); strings.Contains(body, "small") {
		t.Error("who is invited is told what the machine fetches")
	}
	pulls = nil
	built := Building{Stage: "building", Done: 30e6, Total: 210e6}
	at := true
	h.Building = func() (Building, bool) { return built, at }
	for name, body := range pages() {
		if !strings.Contains(body, "step 30000000 of 210000000") || !strings.Contains(body, `<progress value="30000000" max="210000000">`) {
			t.Errorf("%s, an engine that is built:\n%s", name, body)
		}
	}
	for stage, want := range map[string]string{"fetching": "fetched: 30 MB of 210 MB", "unpacking": "unpacked", "preparing": "about to be built", "checking": "looked at"} {
		built.Stage = stage
		if !strings.Contains(far().Words, want) {
			t.Errorf("%s: %s", stage, far().Words)
		}
	}
	at, fetching = false, false
	if a := far(); !strings.Contains(a.Words, "abaton pull") {
		t.Errorf("nothing is on its way: %+v", a)
	}
	here = true
	if a := far(); !a.Ready {
		t.Errorf("all is here, and it says %+v", a)
	}
}

// Who has typed the recovery code back will ask next.
func TestTheEngineIsWarmedForWhoWillAsk(t *testing.T) {
	h := settle(t, shaper.Policy{})
	var warmed []vault.PersonID
	h.Warm = func(s vault.Session) { warmed = append(warmed, s.Person) }
	code, err := h.people.NewRecovery(h.ada)
	must(t, err)
	if w := h.post(h.ada, "recovery", "code", "wrong"); w.Header().Get("Location") != "/page/recovery" || len(warmed) > 0 {
		t.Errorf("a wrong code: %v", warmed)
	}
	if w := h.post(h.ada, "recovery", "code", string(code.Reveal())); w.Header().Get("Location") != "/page/" || len(warmed) != 1 || warmed[0] != h.ada.Person {
		t.Errorf("the right code: %d %v", w.Code, warmed)
	}
}

// A page that waits for the engine asks by itself: it keeps no vault open that nobody
// uses.
func TestWaitingForTheEngineIsNoUse(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.Ready = func(context.Context) bool { return false }
	for range 16 {
		h.ahead.Add(int64(time.Minute))
		h.get(h.ada, "ready")
	}
	if h.ada.Unlocked() {
		t.Error("16 minutes later the vault is open")
	}
}
