package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"abaton.local/vault"
)

// door is People with a fault in it: logins wait until they are let go, or end
// in an error.
type door struct {
	People
	in      chan struct{}
	release chan struct{}
	err     error
}

func (d *door) Enter(ctx context.Context, e Entry) (Entered, error) {
	if d.in != nil {
		d.in <- struct{}{}
		select {
		case <-d.release:
		case <-ctx.Done():
			return Entered{}, ctx.Err()
		}
	}
	if d.err != nil {
		return Entered{}, d.err
	}
	return d.People.Enter(ctx, e)
}

// A thousand wrong logins at one time, from the TCP door: a handful is tried,
// all are answered, and meanwhile and afterwards the person comes in by the
// socket, and so does another person by the very door that is hammered at.
func TestAThousandWrongLoginsLockNobodyOut(t *testing.T) {
	w := settle(t, Config{MaxConnections: 2048, MaxPerSource: 2048, MaxRequests: 4096}, hello)
	var mu sync.Mutex
	count := map[int]int{}
	var wg sync.WaitGroup
	body := fmt.Sprintf(`{"name":%q,"passphrase":"not the secret words"}`, mia)
	for range 1000 {
		wg.Go(func() {
			a, err := exchange("tcp", w.address, posted(pathLogin, w.address, body))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			count[a.StatusCode]++
			if n, err := strconv.Atoi(a.Header.Get("Retry-After")); a.StatusCode == 429 && (err != nil || n < 1 || n > 300) {
				t.Errorf("Retry-After: %q", a.Header.Get("Retry-After"))
			}
		})
	}
	wg.Wait()
	if count[401] == 0 || count[401] > 3 || count[401]+count[429] != 1000 {
		t.Errorf("answers: %v", count)
	}
	if a := raw(t, "tcp", w.address, posted(pathLogin, w.address, w.credentials(olga))); a.StatusCode != 200 {
		t.Errorf("another person, same door: %s %s", a.Status, a.body)
	}
	if a := raw(t, "tcp", w.address, posted(pathLogin, w.address, w.credentials(mia))); a.StatusCode != 429 {
		t.Errorf("the same name at the same door: %s", a.Status)
	}
	if a := w.post(t, pathLogin, w.credentials(mia)); a.StatusCode != 200 {
		t.Errorf("the person by the socket: %s %s", a.Status, a.body)
	}
}

// Only so many secrets are tried at one time, and no one source takes all.
func TestTheQueueOfLoginsIsBounded(t *testing.T) {
	w := settle(t, Config{}, hello)
	d := &door{People: w.config.People, in: make(chan struct{}, 16), release: make(chan struct{})}
	h := open(t, Config{People: d, MaxLogins: 8}, hello)
	var wg sync.WaitGroup
	codes := make(chan int, 2)
	for i := range 2 {
		wg.Go(func() {
			a, err := exchange("tcp", h.address, posted(pathLogin, h.address, fmt.Sprintf(`{"name":"Somebody %d","passphrase":"x"}`, i)))
			if err != nil {
				t.Error(err)
			}
			codes <- a.StatusCode
		})
		<-d.in
	}
	a := raw(t, "tcp", h.address, posted(pathLogin, h.address, `{"name":"One More","passphrase":"x"}`))
	if a.StatusCode != 429 || a.Header.Get("Retry-After") != "2" {
		t.Errorf("a third from one source: %s", a.Status)
	}
	if a := h.get(t, "/health"); a.StatusCode != 200 {
		t.Errorf("everything else: %s", a.Status)
	}
	close(d.release)
	wg.Wait()
	for range 2 {
		if code := <-codes; code != 401 {
			t.Errorf("who waited: %d", code)
		}
	}
	full := crowd{most: 2, mostEach: 1}
	if full.enter("a") != nil || full.enter("b") != nil {
		t.Fatal("two may")
	}
	if no := full.enter("c"); no == nil || no.status != 503 {
		t.Errorf("a third source: %+v", no)
	}
}

// What the vault says is told as what it is, and counts as what it is.
func TestHowLoginsFail(t *testing.T) {
	w := settle(t, Config{}, hello)
	d := &door{People: w.config.People}
	h := open(t, Config{People: d, Now: w.clock.now}, hello)
	const canary = "Canary-77aa"
	for name, c := range map[string]struct {
		err   error
		want  int
		retry string
	}{
		"too soon":    {&vault.TooSoon{Wait: 1500e6}, 429, "2"},
		"rolled back": {mistaken(fmt.Errorf("the vault: %w", &vault.RolledBack{Have: 7, Remembered: 9})), 422, ""},
		"disabled":    {mistaken(vault.ErrDisabled), 422, ""},
		"broken":      {errors.New("reading " + canary), 500, ""},
		"hung up":     {context.Canceled, 503, "1"},
	} {
		d.err = c.err
		for range 3 {
			a := h.post(t, pathLogin, `{"name":"`+name+`","passphrase":"x"}`)
			if a.StatusCode != c.want || a.Header.Get("Retry-After") != c.retry {
				t.Fatalf("%s: %s %s", name, a.Status, a.body)
			}
			if name == "rolled back" && decode[refused](t, a).Error.Accept != (&vault.RolledBack{Have: 7, Remembered: 9}).Text() {
				t.Errorf("%s: %s", name, a.body)
			}
		}
		d.err = vault.ErrWrong
		left := 0
		for h.post(t, pathLogin, `{"name":"`+name+`","passphrase":"x"}`).StatusCode == 401 {
			left++
		}
		// Who hangs up has had their tries.
		if want := map[bool]int{true: 0, false: 3}[name == "hung up"]; left != want {
			t.Errorf("%s: %d tries are left, want %d", name, left, want)
		}
	}
	if log := h.log.String(); strings.Contains(log, canary) {
		t.Errorf("log: %s", log)
	}
	said := vault.RolledBack{Have: 7, Head: [32]byte{3}, Remembered: 9, Stale: true}
	if got, err := parseAccept(said.Text()); err != nil || *got != said {
		t.Errorf("%+v %v", got, err)
	}
	for _, s := range []string{said.Text() + " ", said.Text() + "x", "7 9 false", "7 03 9 false true"} {
		if _, err := parseAccept(s); err == nil {
			t.Errorf("accepted: %q", s)
		}
	}
}

// Wrong tries of one source, spread over time, do not make another source wait
// that has not been wrong itself: who knows the secret comes in at the first try.
func TestWrongTriesElsewhereKeepNobodyWaiting(t *testing.T) {
	w := settle(t, Config{}, hello)
	body := fmt.Sprintf(`{"name":%q,"passphrase":"not the secret words"}`, mia)
	for tries := 0; tries < 8; {
		a := raw(t, "tcp", w.address, posted(pathLogin, w.address, body))
		switch a.StatusCode {
		case 401:
			tries++
		case 429:
			n, err := strconv.Atoi(a.Header.Get("Retry-After"))
			if err != nil {
				t.Fatal(err)
			}
			w.clock.advance(time.Duration(n) * time.Second)
		default:
			t.Fatal(a.Status)
		}
	}
	if a := w.post(t, pathLogin, w.credentials(mia)); a.StatusCode != 200 {
		t.Errorf("the person by the socket: %s %s", a.Status, a.body)
	}
}

// Programs hold tokens: those of an owner do not own the house.
func TestNoTokenHasItsOwnersRole(t *testing.T) {
	w := settle(t, Config{}, hello)
	for _, scope := range []vault.Scope{vault.ScopeAsk, vault.ScopeAll} {
		a := raw(t, "tcp", w.address, request("GET", pathSession, w.address, bearer(w.token(t, olga, scope))))
		if a.StatusCode != 200 || !strings.Contains(a.body, `"role":"member"`) {
			t.Errorf("%s: %s %s", scope, a.Status, a.body)
		}
	}
	a := raw(t, "tcp", w.address, request("GET", pathSession, w.address, bearer(w.login(t, olga))))
	if !strings.Contains(a.body, `"role":"owner"`) {
		t.Errorf("the control, the owner herself: %s", a.body)
	}
}
