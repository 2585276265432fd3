package web

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// twoModels is a shelf of two.
type twoModels struct{ shelf }

func (twoModels) List() ([]models.Passport, error) {
	other := passport
	other.Name = "other"
	return []models.Passport{passport, other}, nil
}

// Settings are kept for their person, hold on the next page, and those that there
// are not are refused.
func TestSettings(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.Pages.Shelf = twoModels{}
	if body := h.get(h.ada, "settings").Body.String(); !strings.Contains(body, "now off") || !strings.Contains(body, "Opening another page is still seen") || strings.Contains(body, "data-theme") {
		t.Errorf("at first:\n%s", body)
	}
	if w := h.post(h.ada, "settings", "theme", "dark", "model", "other", "shape", "sealed"); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	body := h.get(h.ada, "").Body.String()
	if !strings.Contains(body, `<html lang="en" data-theme="dark">`) || !strings.Contains(body, "<option selected>other") || !strings.Contains(body, "ends of answers are hidden") {
		t.Errorf("the next page:\n%s", body)
	}
	if !shaper.Padded(len(body)) {
		t.Errorf("a page of somebody who wants sizes hidden has %d bytes", len(body))
	}
	if body := h.get(h.bob, "").Body.String(); strings.Contains(body, "data-theme") || strings.Contains(body, "are hidden") {
		t.Error("another person has them")
	}
	for _, bad := range [][]string{{"theme", "pink"}, {"shape", "off"}, {"shape", "Channel"}, {"model", strings.Repeat("x", 1001)}} {
		if w := h.post(h.ada, "settings", bad...); w.Code != 422 {
			t.Errorf("%.40q: %d", bad, w.Code)
		}
	}
	h.Pages.Shelf = shelf{}
	if body := h.get(h.ada, "settings").Body.String(); !strings.Contains(body, "other (not here now)") {
		t.Errorf("a model that is gone:\n%s", body)
	}
}

// Who asks for more to be hidden gets it on the stream, too; less than is set there
// is not to be had; and where the settings cannot be read, it is the most.
func TestShapeOfOnesOwn(t *testing.T) {
	h := settle(t, shaper.Policy{Jitter: func() time.Duration { return 0 }})
	h.post(h.ada, "settings", "shape", "paced")
	tls := httptest.NewRequest("GET", "https://box.local/page/", nil)
	for _, c := range []struct {
		own   settings
		tls   bool
		wrong bool
		want  shaper.Mode
	}{
		{want: shaper.Off}, {tls: true, want: shaper.Paced}, {own: settings{Shape: "paced"}, want: shaper.Paced}, {own: settings{Shape: "sealed"}, want: shaper.Sealed},
		{own: settings{Shape: "sealed"}, tls: true, want: shaper.Sealed}, {own: settings{Shape: "channel"}, want: shaper.Channel}, {wrong: true, want: shaper.Channel},
	} {
		v := visit{r: httptest.NewRequest("GET", "/page/", nil), s: h.ada, own: c.own, unread: c.wrong}
		if c.tls {
			v.r = tls
		}
		if got := h.hides(v); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	id := h.begun(h.ada, "Say it")
	go func() { h.finish(h.ada, id, "one ", "two") }()
	if w := h.get(h.ada, "live/"+id.String()); w.Body.Len()%shaper.FrameBytes != 0 || text(lines(t, w.Body.Bytes())) != "one two" {
		t.Errorf("%d bytes", w.Body.Len())
	}
	v, err := h.bob.Vault()
	must(t, err)
	must(t, v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: settingsID, Container: settingsID, Kind: vault.KindSetting, Payload: []byte(`{"schema":2}`)}}}))
	if body := h.get(h.bob, "settings").Body.String(); !strings.Contains(body, "cannot be read") || !shaper.Padded(len(body)) {
		t.Errorf("what cannot be read:\n%s", body)
	}
	if h.post(h.bob, "settings", "theme", "light"); !strings.Contains(h.get(h.bob, "settings").Body.String(), `data-theme="light"`) {
		t.Error("they cannot be saved anew")
	}
}

// With a channel, each page says so from which something is done beside it.
func TestWhatGoesBesideAChannel(t *testing.T) {
	h, _ := settleWithDocuments(t, shaper.Policy{})
	id := h.begunWith(h.ada)
	h.verdict(h.put(h.ada, "l", "x.txt", "words", 1000))
	for _, shape := range []string{"sealed", "channel"} {
		h.post(h.ada, "settings", "shape", shape)
		library := regexp.MustCompile(`library/[0-9a-f]{32}`).FindString(h.get(h.ada, "documents").Body.String())
		found := strings.TrimPrefix(h.post(h.ada, "search", "words", "q").Header().Get("Location"), "/page/")
		for _, path := range []string{"c/" + id.String(), "edit/" + id.String() + "/" + h.turns(h.ada, id)[0].ID.String(), "manner/" + id.String(), "all", found, "documents", library} {
			w := h.get(h.ada, path)
			if w.Code != 200 || strings.Contains(w.Body.String(), "goes beside the channel") != (shape == "channel") {
				t.Errorf("%s, %s: %d\n%s", shape, path, w.Code, w.Body)
			}
		}
	}
}

func TestSettingsForm(t *testing.T) {
	b, err := os.ReadFile("testdata/settings1.json")
	must(t, err)
	if got, err := parseSettings(b); err != nil || got != (settings{1, "dark", "smollm2-135m", "sealed"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "{}", `{"schema":2}`, `{"schema":1,"mood":"x"}`, `{"schema":1}{}`, `{"schema":1,"theme":"pink"}`, `{"schema":1,"shape":"Channel"}`} {
		if got, err := parseSettings([]byte(bad)); err == nil {
			t.Errorf("%s is %+v", bad, got)
		}
	}
}
