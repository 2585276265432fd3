package gateway

import (
	"net/http"
	"strings"
	"testing"

	"abaton.local/vault"
)

func TestOnlyTheTokenOpensTheTCPDoor(t *testing.T) {
	h := open(t, Config{}, handlerFunc(func(http.ResponseWriter, *http.Request, vault.Session) { t.Error("the handler was reached") }))
	for name, header := range map[string][]string{
		"nothing":             nil,
		"empty":               {"Authorization:"},
		"no token":            {"Authorization: Bearer"},
		"wrong token":         {bearer("abt_" + strings.Repeat("A", 43))},
		"cut token":           {bearer(h.token[:len(h.token)-1])},
		"longer token":        {bearer(h.token + "A")},
		"without prefix":      {bearer(strings.TrimPrefix(h.token, "abt_"))},
		"no scheme":           {"Authorization: " + h.token},
		"another scheme":      {"Authorization: Basic " + h.token},
		"two headers":         {bearer(h.token), bearer("abt_x")},
		"twice the same":      {bearer(h.token), bearer(h.token)},
		"as a cookie":         {"Cookie: token=" + h.token},
		"as another header":   {"X-Auth-Token: " + h.token},
		"two different keys":  {"X-Api-Key: " + h.token, bearer("abt_x")},
		"two keys":            {"X-Api-Key: " + h.token, "X-Api-Key: " + h.token},
		"no key":              {"X-Api-Key:"},
		"claims a session":    {"X-Person: owner", "X-Forwarded-User: owner"},
		"claims the loopback": {"X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1"},
	} {
		a := h.get(t, "/v1/models?token="+h.token, header...)
		if a.StatusCode != 401 {
			t.Errorf("%s: %s", name, a.Status)
			continue
		}
		for _, want := range []string{"abaton serve", "delete token.json", "invalid_api_key", `"param":null`} {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s: no %q in %s", name, want, a.body)
			}
		}
		if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: WWW-Authenticate is %q", name, a.Header.Get("WWW-Authenticate"))
		}
	}
}

func TestSchemeIsAnyCase(t *testing.T) {
	h := open(t, Config{}, hello)
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER  "} {
		if a := h.get(t, "/", "Authorization: "+scheme+h.token); a.StatusCode != 200 {
			t.Errorf("%q: %s", scheme, a.Status)
		}
	}
}

// Guessing is slowed, and the owner is never locked out by it.
func TestWrongTokensAreLimitedWithoutLockOut(t *testing.T) {
	h := open(t, Config{}, hello)
	count := map[int]int{}
	for range 60 {
		a := h.get(t, "/", bearer("abt_wrong"))
		count[a.StatusCode]++
		if a.StatusCode == 429 && a.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if count[401] < 20 || count[429] < 20 || count[401]+count[429] != 60 {
		t.Errorf("answers: %v", count)
	}
	if a := h.get(t, "/", bearer(h.token)); a.StatusCode != 200 {
		t.Errorf("the right token: %s", a.Status)
	}
	if a := h.get(t, "/"); a.StatusCode != 401 {
		t.Errorf("no token at all: %s", a.Status)
	}
	if a := raw(t, "unix", h.socket, request("GET", "/", "localhost", bearer("abt_wrong"))); a.StatusCode != 200 {
		t.Errorf("by the socket, where no token counts: %s", a.Status)
	}
	if lines := strings.Count(h.log.String(), "refused"); lines > 15 {
		t.Errorf("%d lines in the log", lines)
	}
}

func TestRefusalsAreLoggedWithoutWhatWasSent(t *testing.T) {
	h := open(t, Config{}, hello)
	const canary = "canary-7f3a"
	h.get(t, "/"+canary+"?q="+canary, bearer(canary), "X-"+canary+": "+canary)
	raw(t, "tcp", h.address, request("GET", "/"+canary, canary+".example", bearer(h.token)))
	h.get(t, "/"+canary, "Origin: https://"+canary+".example", bearer(h.token))
	raw(t, "tcp", h.address, "GET /"+canary+"\r\n\r\n")
	log := h.log.String()
	if strings.Count(log, "refused a request") != 3 || !strings.Contains(log, "misdirected_request") {
		t.Errorf("log: %s", log)
	}
	if strings.Contains(log, canary) || strings.Contains(log, h.token[4:]) {
		t.Errorf("the log repeats what was sent: %s", log)
	}
}
