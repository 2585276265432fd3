package web

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"rsc.io/qr"

	"abaton.local/shaper"
)

// The picture has each dark unit of the code, and no other.
func TestTheCodeIsDrawnWhole(t *testing.T) {
	const link = "https://box.local:8443/page/join?ticket=abi_0123456789-_abcdefghijklmnopqrstuvwxyzABCDEFG"
	code, err := qr.Encode(link, qr.M)
	must(t, err)
	drawn := squareOf(link)
	if drawn == nil || drawn.Side != code.Size+8 || !regexp.MustCompile(`^(M\d+ \d+h\d+v1h-\d+z)+$`).MatchString(drawn.Path) {
		t.Fatalf("drawn as %+v", drawn)
	}
	dark := map[[2]int]bool{}
	for part := range strings.SplitSeq(strings.TrimSuffix(drawn.Path, "z"), "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(part, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || n != back {
			t.Fatalf("%q: %v", part, err)
		}
		for i := range n {
			dark[[2]int{x + i - margin, y - margin}] = true
		}
	}
	for y := range code.Size {
		for x := range code.Size {
			if dark[[2]int{x, y}] != code.Black(x, y) {
				t.Errorf("%d, %d is wrong", x, y)
			}
			delete(dark, [2]int{x, y})
		}
	}
	if len(dark) > 0 {
		t.Errorf("beside the code: %v", dark)
	}
	if squareOf(strings.Repeat("x", 5000)) != nil {
		t.Error("drawn though it is too long")
	}
}

// An invitation for other machines has their address, the words to compare and a
// code; where no other machine comes in, the page says how one would.
func TestAnInvitationForAnotherMachine(t *testing.T) {
	h := settle(t, shaper.Policy{})
	made := func() string {
		to := strings.TrimPrefix(h.post(h.ada, "invite", "role", "member").Header().Get("Location"), "/page/")
		return h.get(h.ada, to).Body.String()
	}
	if body := made(); !strings.Contains(body, "http://example.com/page/join?ticket=abi_") || strings.Contains(body, `class="square"`) || !strings.Contains(body, "lan_address") || !strings.Contains(body, "next start") {
		t.Errorf("without a door for others:\n%s", body)
	}
	h.Machine.Joining = Joining{Base: "https://box.local:8443", Words: "larch otter quartz", Digits: "AA:BB"}
	if body := made(); !strings.Contains(body, "invite_address") || !strings.Contains(body, "larch otter quartz") || !strings.Contains(body, "next start") {
		t.Errorf("without a page to trust by:\n%s", body)
	}
	h.Machine.Joining.Leaflet = "http://box.local:8227/"
	body := made()
	for _, want := range []string{"https://box.local:8443/page/join?ticket=abi_", "http://box.local:8227/", "larch otter quartz", "AA:BB", `class="square"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if strings.Contains(body, "abaton setup --invitation") {
		t.Error("a command of this machine is told to somebody elsewhere")
	}
	h.Machine.Joining = Joining{Base: "https://box.local:8443"} // with an operator's certificate
	if body := made(); strings.Contains(body, "Their device learns") || !strings.Contains(body, `class="square"`) {
		t.Errorf("with an operator's certificate:\n%s", body)
	}
}

// TestLinesForANetwork: where nobody has let other machines in, an owner is shown the
// lines for it, with this machine's own address and name.
func TestLinesForANetwork(t *testing.T) {
	h := settle(t, shaper.Policy{})
	h.shows(h.ada, "people", `lan_address = "192.168.1.9:8443"`, `lan_names = ["box.local"]`)
	h.Machine.Nearby = Nearby{Address: "10.0.0.7", Name: "mill.local"}
	h.shows(h.ada, "people", `lan_address = "10.0.0.7:8443"`, `lan_names = ["mill.local"]`, `invite_address = "10.0.0.7:8227"`, "ping mill.local")
}
