package shaper

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestModes(t *testing.T) {
	for m := Off; m <= Channel; m++ {
		got, err := ParseMode(m.String())
		if err != nil || got != m {
			t.Errorf("%s is read as %s (%v)", m, got, err)
		}
		for asked := Off; asked <= Channel; asked++ {
			got, err := Raise(m, asked)
			_, lowered := errors.AsType[*LoweredError](err)
			if lowered != (asked < m) || got < m || err == nil && got != asked {
				t.Errorf("where %s is set, asking for %s gives %s (%v)", m, asked, got, err)
			}
		}
	}
	for _, word := range []string{"", "OFF", "pad ", "sealed,off", "loud", "Mode(9)"} {
		if m, err := ParseMode(word); !errors.Is(err, ErrUnknown) || m != Off {
			t.Errorf("%q is read as %s (%v)", word, m, err)
		}
	}
}

// The strictest of what is set holds.
func TestFloor(t *testing.T) {
	p := Policy{Local: Off, LAN: Pad, People: map[string]Mode{"ada": Paced}, Keys: map[string]Mode{"robot": Sealed, "old": Off}}
	sealed := Policy{Local: Sealed, LAN: Sealed}
	if got := sealed.Floor(Socket, "bob", ""); got != Off {
		t.Errorf("where no network is in between: %s", got)
	}
	for _, c := range []struct {
		at          Listener
		person, key string
		want        Mode
	}{
		{Local, "bob", "", Off}, {LAN, "bob", "", Pad}, {Local, "ada", "", Paced}, {LAN, "ada", "old", Paced}, {LAN, "ada", "robot", Sealed}, {Local, "", "robot", Sealed},
		{Socket, "bob", "", Off}, {Socket, "ada", "", Paced},
	} {
		if got := p.Floor(c.at, c.person, c.key); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestWindows(t *testing.T) {
	paced, sealed := Policy{}.Plan(Paced), Policy{Window: 3 * time.Second}.Plan(Sealed)
	for _, c := range []struct {
		plan    Plan
		n, want int
	}{
		{paced, 1, 80}, {paced, 80, 80}, {paced, 81, 160}, {paced, 1280, 1280}, {paced, 1281, 2560},
		{sealed, 1, 30}, {sealed, 30, 30}, {sealed, 31, 60}, {sealed, 100_000, 100_020},
	} {
		if got := c.plan.end(c.n); got != c.want {
			t.Errorf("from frame %d on it may end at %d, not %d", c.n, got, c.want)
		}
	}
	for range 1000 {
		if j := paced.Jitter(); j < 0 || j >= mostJitter {
			t.Fatal(j)
		}
	}
}

func TestBuckets(t *testing.T) {
	for n, want := range map[int]int{0: 4096, 1: 4096, 4096: 4096, 4097: 16384, 1 << 20: 1 << 20, 1<<20 + 1: 2 << 20, 5<<20 - 1: 5 << 20} {
		if got := Bucket(n); got != want || !Padded(got) {
			t.Errorf("%d is padded to %d", n, got)
		}
	}
	asked := []byte(`{"messages":[{"role":"user","content":"hi"}]}`)
	padded := PadRequest(bytes.Clone(asked))
	var a, b any
	if err := errors.Join(json.Unmarshal(asked, &a), json.Unmarshal(padded, &b)); err != nil || len(padded) != 4096 || Padded(len(asked)) {
		t.Errorf("%d bytes, %v", len(padded), err)
	}
	if again := PadRequest(padded); len(again) != 4096 {
		t.Errorf("padded twice: %d", len(again))
	}
}

func TestPlacesForSpaces(t *testing.T) {
	for _, c := range []struct {
		events      string
		first, last int
	}{
		{"data: {}\n\n", 8, 8},
		{"event: ping\ndata: {\"type\":\"ping\"}\n\n", 33, 33},
		{"data: {}\n\ndata: {\"a\":1}\n\ndata: [DONE]\n\n", 8, 23},
		{"{\"done\":true}\n", 13, 13},
		{":\n", 1, 1},
		{"data: [DONE]\n\n", -1, -1},
		{"\n", -1, -1},
		{"", -1, -1},
		{"}\n\n", 1, 1},
		{"data: {\"half", -1, -1},
	} {
		if first, last := slack([]byte(c.events), 0), lastSlack([]byte(c.events)); first != c.first || last != c.last {
			t.Errorf("%q: %d and %d", c.events, first, last)
		}
	}
	for words := range 600 {
		event := []byte(`data: {"text":"` + string(bytes.Repeat([]byte{'x'}, words)) + "\"}\n\n")
		want := PadStep/2 + (words+PadStep-1)/PadStep*PadStep
		if got := PadEvents(event, words); len(got) != want || !bytes.HasSuffix(got, []byte("\n\n")) {
			t.Fatalf("%d letters: %d bytes, want %d", words, len(got), want)
		}
	}
	if got := PadEvents([]byte("data: {}\n\n"), 5000); len(got) != PadStep {
		t.Errorf("words that are left out: %d bytes", len(got))
	}
	if got := PadEvents([]byte("data: [DONE]\n\n"), 0); string(got) != "data: [DONE]\n\n" {
		t.Errorf("%q", got)
	}
}
