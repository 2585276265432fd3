package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
)

// Another account takes the other address that abaton.localhost leads to. A browser
// would try that one first: it would be this very site, and be told passphrases.
func TestNobodyElseIsCalledByOurName(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "::1"} {
		first, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue // nobody can have it here
		}
		must(t, err)
		at, _ := twinOf(first.Addr())
		g, err := Listen(Config{Address: at.String()})
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EADDRNOTAVAIL) && !errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Errorf("beside %s: %v", first.Addr(), err)
			_ = g.Close()
		}
		first.Close()

		g, err = Listen(Config{Address: net.JoinHostPort(address, "0")})
		must(t, err)
		at, _ = twinOf(g.Addr())
		squat, err := net.Listen("tcp", at.String())
		if err == nil {
			t.Errorf("another program listens at %s, beside %s", squat.Addr(), g.Addr())
			squat.Close()
		}
		must(t, g.Close())
		for _, free := range []string{g.Addr().String(), at.String()} {
			l, err := net.Listen("tcp", free)
			if errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("%s was not given back", free)
			} else if err == nil {
				l.Close()
			}
		}
	}
}

// Where a name leads to neither address of ours it is anybody's: no cookie there,
// and no page.
func TestNoNameNoCookie(t *testing.T) {
	for address, named := range map[string]bool{"127.0.0.1:0": true, "127.0.0.5:0": false} {
		g, err := Listen(Config{Address: address, Names: []string{"declared.example"}})
		must(t, err)
		d := desk{Gateway: g}
		for host, want := range map[string]bool{ownName: named, ownName + ":1": named, "declared.example": true, "localhost": false, "127.0.0.1": false} {
			if got := d.ours(host); got != want {
				t.Errorf("at %s, %s is ours: %v", address, host, got)
			}
		}
		must(t, g.Close())
	}
}

// The look at the listeners knows the twin, and takes nothing else for it.
func TestTheLookKnowsTheTwin(t *testing.T) {
	l := Live{Address: "127.0.0.1:8226"}
	for address, want := range map[string]bool{"[::1]:8226": true, "[::1]:8227": false, "0.0.0.0:8226": false, "127.0.0.2:8226": false} {
		if l.twin(address) != want {
			t.Errorf("%s", address)
		}
	}
	if (Live{Address: "127.0.0.5:8226"}).twin("[::1]:8226") {
		t.Error("an address without names has a twin")
	}
	if at, ok := twinOf(net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[::1]:9"))); !ok || fmt.Sprint(at) != "127.0.0.1:9" {
		t.Errorf("%v %v", at, ok)
	}
}

// Where this program alone may not have the twin, another one can: no start then.
func TestWhoMayNotIsNotNobody(t *testing.T) {
	for _, x := range []struct {
		err           error
		six, speaking bool
		nobody        bool
	}{
		{syscall.EADDRNOTAVAIL, true, true, true}, {syscall.EAFNOSUPPORT, true, false, true}, {syscall.EAFNOSUPPORT, true, true, false},
		{syscall.EPERM, true, false, false}, {syscall.EADDRINUSE, true, true, false},
	} {
		if got := nobodyHas(fmt.Errorf("listening: %w", x.err), x.six, x.speaking); got != x.nobody {
			t.Errorf("%+v: %v", x, got)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
