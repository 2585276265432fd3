package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"abaton.local/chat/history"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// The page about security says what is kept and where, who can open it, what is open
// now and until when, what shuts models in, what is hidden on the network, and when it
// was opened last: of its own person alone.
func TestSecurityPage(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.Machine = Machine{Version: "1.2.3", Walls: "Walls of tier <A>", Store: "/var/lib/store.db", Device: "/etc/device"}
	h.begunWith(h.ada, history.Turn{Role: history.Assistant, Text: "an answer"})
	h.begunWith(h.bob)
	h.begunWith(h.bob)
	says := func(s vault.Session, want ...string) string {
		t.Helper()
		body := h.get(s, "security").Body.String()
		for _, x := range want {
			if !strings.Contains(body, x) {
				t.Errorf("it does not say %q:\n%s", x, body)
			}
		}
		return body
	}
	ada := says(h.ada, "One conversation of yours", "/var/lib/store.db", "/etc/device", "Whoever knows your passphrase", "Nobody else: not the owner", "in this session alone", "15 minutes without use",
		"at "+h.ada.Until().Local().Format("2 Jan 2006, 15:04"), "Walls of tier &lt;A&gt;", "You are on this machine", "Lock now", "1.2.3", "Whoever is root on this machine")
	if strings.Contains(ada, "holds one of your keys") || strings.Contains(ada, "You came by TLS") {
		t.Errorf("it says what is not so:\n%s", ada)
	}
	says(h.bob, "2 conversations of yours")

	// A key that may do all opens the vault, and another session keeps it open.
	if _, _, err := h.people.MakeToken(t.Context(), h.ada, "all", vault.ScopeAll, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for i := range mostUnlocks + 2 {
		h.ahead.Add(int64(time.Minute))
		s, err := h.people.Unlock(t.Context(), vault.Attempt{Name: "Ada", Way: vault.SlotPassphrase, Secret: []byte("the passphrase of Ada")})
		must(t, err)
		if i > 0 {
			s.Lock()
		}
	}
	ada = says(h.ada, "holds one of your keys that may do all", "in 2 sessions")
	_, opened, _ := strings.Cut(ada, "When it was opened")
	opened, _, _ = strings.Cut(opened, "All your acts")
	if n := strings.Count(opened, "<li><time"); n != mostUnlocks || strings.Count(opened, "unlocked, by passphrase") != n {
		t.Errorf("the last unlockings are\n%s", opened)
	}
	newest := h.now().UTC().Format("2006-01-02T15:04")
	if first, _, _ := strings.Cut(opened, "</li>"); !strings.Contains(first, newest) {
		t.Errorf("the newest, of %s, is not the first:\n%s", newest, opened)
	}
	acts := h.get(h.ada, "acts").Body.String()
	if strings.Count(acts, "<td>unlocked") < mostUnlocks+2 || !strings.Contains(acts, "token made") {
		t.Errorf("the acts are\n%s", acts)
	}
	if strings.Contains(h.get(h.bob, "acts").Body.String(), "token made") {
		t.Error("her acts are listed among his")
	}
	w := h.ask(h.ada, httptest.NewRequest("GET", "https://box.local/page/security", nil))
	if body := w.Body.String(); !strings.Contains(body, "You came by TLS") || !strings.Contains(body, "<strong>paced</strong>") {
		t.Errorf("by TLS:\n%s", body)
	}
}

// A key that was made stands in lines for each dialect, at the address at which its
// person came in.
func TestLinesForPrograms(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.Machine.Address = "127.0.0.1:8226"
	for base, at := range map[string]string{"http://127.0.0.1:8226": "", "https://box.local": "https://box.local/page/"} {
		to := strings.TrimPrefix(h.post(h.ada, "keys", "name", "editor", "scope", "ask", "days", "9").Header().Get("Location"), "/page/")
		r := httptest.NewRequest("GET", "/page/"+to, nil)
		if at != "" {
			r = httptest.NewRequest("GET", at+to, nil)
		}
		body := h.ask(h.ada, r).Body.String()
		_, key, _ := strings.Cut(body, `<pre class="plain copies">`)
		key, _, _ = strings.Cut(key, "<")
		if !strings.HasPrefix(key, "abt_") {
			t.Fatalf("the key is %q", key)
		}
		for _, lines := range []string{"OPENAI_BASE_URL=" + base + "/v1\nOPENAI_API_KEY=" + key, "ANTHROPIC_BASE_URL=" + base + "\nANTHROPIC_API_KEY=" + key, "OLLAMA_HOST=" + base + "\nOLLAMA_API_KEY=" + key} {
			if !strings.Contains(body, `<pre class="plain copies">`+lines+"</pre>") {
				t.Errorf("no %q in\n%s", lines, body)
			}
		}
	}
}

// An owner sees how the machine is, and by nothing of it whether anybody works: the
// page is the same, to the byte, before somebody asks, while they are answered, and
// after. Nothing that another person says is on any page of theirs.
func TestOwnersSeeNobodyWork(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.Machine.Walls = "Walls"
	h.Pages.Budget = 4e9
	before := h.get(h.ada, "people").Body.String()
	if !strings.Contains(before, "4.0 GB that engines may take") || !strings.Contains(before, "<dt>Models</dt><dd>1") || !strings.Contains(before, "counts from its next start on") {
		t.Errorf("the machine's state:\n%s", before)
	}
	const canary = "bobs-canary"
	id := h.begun(h.bob, canary)
	h.pieces <- canary
	h.post(h.bob, "keys", "name", canary, "scope", "ask", "days", "9")
	if while := h.get(h.ada, "people").Body.String(); while != before {
		t.Errorf("while somebody works the page is\n%s\nand was\n%s", while, before)
	}
	h.finish(h.bob, id, " and more")
	if after := h.get(h.ada, "people").Body.String(); after != before {
		t.Error("afterwards the page is another one")
	}
	for _, path := range []string{"", "all", "people", "models", "keys", "security", "acts", "settings", "documents"} {
		if strings.Contains(h.get(h.ada, path).Body.String(), canary) {
			t.Errorf("%s shows what is Bob's", path)
		}
	}
	if !strings.Contains(h.get(h.bob, "").Body.String(), canary) {
		t.Error("control: nothing of it is on his own page")
	}
}
