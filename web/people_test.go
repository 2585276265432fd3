package web

import (
	"regexp"
	"strings"
	"testing"

	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// An owner invites, withdraws, changes roles and shuts people out; an invitation is
// shown once.
func TestPeople(t *testing.T) {
	h := settle(t, shaper.Policy{})
	body := h.get(h.ada, "people").Body.String()
	if !strings.Contains(body, "Ada (you)") || !strings.Contains(body, "Bob") {
		t.Errorf("the page:\n%s", body)
	}
	to := strings.TrimPrefix(h.post(h.ada, "invite", "role", "auditor").Header().Get("Location"), "/page/")
	if strings.Contains(to, "abi_") {
		t.Errorf("an invitation is in an address: %s", to)
	}
	link := regexp.MustCompile(`/page/join\?ticket=(abi_[\w-]+)`).FindStringSubmatch(h.get(h.ada, to).Body.String())
	if link == nil {
		t.Fatal("no invitation is shown")
	}
	if body := h.get(h.ada, to).Body.String(); strings.Contains(body, "abi_") {
		t.Error("it is shown twice")
	}
	carol, err := h.people.Join(t.Context(), vault.Newcomer{Ticket: []byte(link[1]), Name: "Carol", Passphrase: []byte("the passphrase of Carol")})
	must(t, err)
	if role, ok := h.people.RoleOf(carol); !ok || role != vault.RoleAuditor {
		t.Errorf("she is %v", role)
	}
	h.post(h.ada, "invite", "role", "member")
	open, err := h.people.Invitations(h.ada)
	must(t, err)
	if len(open) != 1 {
		t.Fatalf("%d invitations", len(open))
	}
	if w := h.post(h.ada, "withdraw", "id", open[0].ID.String()); w.Code != 303 {
		t.Errorf("withdrawn: %d %s", w.Code, w.Body)
	}
	if open, _ := h.people.Invitations(h.ada); len(open) != 0 {
		t.Error("it is still open")
	}
	if w := h.post(h.ada, "person", "id", string(carol.Person), "what", "role", "role", "member"); w.Code != 303 {
		t.Errorf("another role: %d %s", w.Code, w.Body)
	}
	if role, _ := h.people.RoleOf(carol); role != vault.RoleMember {
		t.Errorf("she is %v", role)
	}
	if w := h.post(h.ada, "person", "id", string(carol.Person), "what", "shut out"); w.Code != 303 || carol.Unlocked() {
		t.Errorf("shut out: %d", w.Code)
	}
	if body := h.get(h.ada, "people").Body.String(); !strings.Contains(body, "Let in again") {
		t.Error("the page does not say so")
	}
	h.post(h.ada, "person", "id", string(carol.Person), "what", "let in")
	if body := h.get(h.ada, "people").Body.String(); strings.Contains(body, "Let in again") {
		t.Error("she is still shut out")
	}
	for name, code := range map[string]int{
		"no role":         h.post(h.ada, "invite", "role", "king").Code,
		"no invitation":   h.post(h.ada, "withdraw", "id", "00").Code,
		"nobody":          h.post(h.ada, "person", "id", "x", "what", "shut out").Code,
		"nothing":         h.post(h.ada, "person", "id", string(carol.Person)).Code,
		"oneself":         h.post(h.ada, "person", "id", string(h.ada.Person), "what", "shut out").Code,
		"the last owner":  h.post(h.ada, "person", "id", string(h.ada.Person), "what", "role", "role", "member").Code,
		"role of no kind": h.post(h.ada, "person", "id", string(carol.Person), "what", "role", "role", "").Code,
	} {
		if code < 400 || code >= 500 {
			t.Errorf("%s: %d", name, code)
		}
	}
}

// Who is no owner sees nothing of others and changes nothing.
func TestPeopleIsForOwners(t *testing.T) {
	h := settle(t, shaper.Policy{})
	if body := h.get(h.bob, "").Body.String(); strings.Contains(body, "/page/people") {
		t.Error("a member is led there")
	}
	for name, w := range map[string]string{
		"the page": h.get(h.bob, "people").Body.String(),
		"invite":   h.post(h.bob, "invite", "role", "owner").Body.String(),
		"withdraw": h.post(h.bob, "withdraw", "id", vault.NewID().String()).Body.String(),
		"role":     h.post(h.bob, "person", "id", string(h.bob.Person), "what", "role", "role", "owner").Body.String(),
	} {
		if !strings.Contains(w, "Only an owner") || strings.Contains(w, "Ada") {
			t.Errorf("%s: %s", name, w)
		}
	}
	if role, _ := h.people.RoleOf(h.bob); role != vault.RoleMember {
		t.Errorf("he is %v", role)
	}
	if open, _ := h.people.Invitations(h.ada); len(open) != 0 {
		t.Error("he has invited somebody")
	}
}

func TestModels(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.Pages.Budget = 4e9
	h.Pages.Pulls = func() ([]models.Pull, error) {
		return []models.Pull{{Name: "<b>large", Done: 1e9, Total: 4e9}}, nil
	}
	for fits, want := range map[bool]string{true: "Fits this machine: 130 MB for each person, 90 MB that they share, for conversations of 8192 tokens", false: "Too large for this machine"} {
		h.Pages.Weigh = func(models.Passport) (Weight, error) {
			return Weight{Need: models.Need{Weights: 90e6, Cache: 100e6, Rest: 30e6}, Context: 8192, Fits: fits}, nil
		}
		body := h.get(h.bob, "models").Body.String()
		for _, want := range []string{want, "may take 4.0 GB", "abaton pull NAME", passport.Digest.String(), "&lt;b&gt;large", "1.0 GB of 4.0 GB", "apache-2.0",
			"<code>qwen3-4b</code></td><td>chat</td><td>apache-2.0</td><td>2.5 GB</td><td>fits", "<code>qwen3-8b</code></td><td>chat</td><td>apache-2.0</td><td>4.9 GB</td><td>too large"} {
			if !strings.Contains(body, want) {
				t.Errorf("the page does not say %q:\n%.3000s", want, body)
			}
		}
	}
}
