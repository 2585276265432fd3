package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"abaton.local/api"
	"abaton.local/audit"
	"abaton.local/chat"
	"abaton.local/gateway"
	"abaton.local/vault"
)

func serveVerb() verb {
	return verb{
		name: "serve", short: "answer browsers and programs: a page, and the interfaces of OpenAI, Ollama and Anthropic",
		about: "Serves a page to browsers on this machine, and answers programs in the dialects of OpenAI, Ollama and Anthropic, on a loopback address with an " +
			"access token, and on a Unix socket for this account's own programs; `abaton connect` has the lines to paste into them. With --lan-address other machines come in too, by " +
			"TLS and with an account. The claim makes the first owner: a terminal shows it once as a link, which a desktop's browser opens by itself, else it lies in a file of this account, until the server ends. " +
			"Before it reads a question it gives up every way to make an Internet connection. SIGTERM or Ctrl-C ends it once " +
			"running answers had time to end; a second one ends it at once.",
		examples: []string{
			"abaton serve",
			"abaton serve --address 127.0.0.1:9000 --keep-alive 1h",
			"abaton serve --lan-address 192.168.1.9:8443 --lan-names box.local --invite-address 192.168.1.9:8227",
			"abaton serve --lan-address 192.168.1.9:8443 --lan-shape sealed",
			`curl http://127.0.0.1:8226/v1/models -H "Authorization: Bearer abt_…"`,
		},
		settings: append([]string{"address", "names", "lan_address", "lan_names", "invite_address", "certificate", "certificate_key", "keyless_key", "keyless_account", "keyless_address", "witnesses",
			"shape", "lan_shape", "shape_window", "padded_uploads", "max_requests", "response_space", "without_page"}, roomSettings...),
		codes: []int{failed, unprotected},
		bind: func(fs *flag.FlagSet) action {
			noBrowser := fs.Bool("no-browser", false, "open no browser at the first start, where this is a desktop")
			noToken := fs.Bool("no-token", false, "make no access token where there is none: only the socket lets anybody in")
			return func(ctx context.Context, p *program, args []string) error {
				if err := wantNothing("serve", args); err != nil {
					return err
				}
				return serve(ctx, p, !*noToken, !*noBrowser)
			}
		},
	}
}

// serve opens the rooms in order: what needs rights first, then the lock-down,
// then whatever listens to people.
func serve(ctx context.Context, p *program, wantToken, wantBrowser bool) (closed error) {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	context.AfterFunc(ctx, release) // a second signal ends it at once
	open := openRoomsBeside
	if !p.screen.inTTY || !p.screen.errTTY { // nobody sees what would be fetched
		open = func(ctx context.Context, p *program) (*rooms, error) { return openRooms(ctx, p, false) }
	}
	r, err := open(ctx, p)
	if err != nil {
		return stoppedOr(ctx, err)
	}
	defer r.close()
	h, err := openHome(ctx, p, homeOptions{make: true, serving: true, rooms: r, jail: r.jail})
	if older, ok := errors.AsType[*vault.RolledBack](err); ok {
		return told{fmt.Errorf("%w. An owner accepts it, as this account: abaton people --accept-older", older), found}
	}
	if err != nil {
		return err
	}
	defer func() { closed = errors.Join(closed, h.close()) }()
	without, err := p.keyless(h)
	if err != nil {
		return err
	}
	shapes, err := p.cfg.shaping(h.people.Known)
	if err != nil {
		return err
	}
	h.own = shapes.People
	program, err := ownDigest()
	if err != nil {
		return tell(err)
	}
	most := p.cfg.MaxRequests
	if err := enoughFiles(most); err != nil {
		return err
	}
	pages := &atDoor{}
	var forBrowsers gateway.Pages
	if !p.cfg.WithoutPage {
		forBrowsers = pages
	}
	door, err := gateway.Listen(gateway.Config{
		Address: p.cfg.Address, Socket: p.cfg.Folders.Socket(), Names: p.cfg.Names, MaxRequests: most, MaxPerSource: most / 2, MaxPerPerson: most / 8, MaxConnections: connections(most),
		Pages: forBrowsers,
		TLS:   p.lan(h.people.AnyInvited), Keyless: without, Words: inWords, People: gateway.Directory(h.people), Log: p.log,
	})
	if err != nil {
		return tell(err)
	}
	tokens, err := vault.OpenTokens(p.cfg.Folders.Tokens())
	if err != nil {
		return errors.Join(tell(err), door.Close())
	}
	r.keeper = h.resume
	forged := newForgeries(h.audit.RecordDaily)
	r.notEmptied = forged.notEmptied
	defer r.hurry(ctx)()
	link := ""
	if forBrowsers != nil {
		link = pageLink(door)
	}
	opened := false
	if wantBrowser && wantToken && link != "" && h.people.Unclaimed() && p.atDesktop() {
		opened = openBrowser(link + door.Opening())
	}
	now := p.cfg.shapes()
	now.Address, now.Tier, now.Version = door.Addr().String(), tierWords(r.jail.Tier()), ownVersion()
	near := nearby() // locked down, this process cannot ask the kernel
	if err := r.lockDown(p, door.Exposed()...); err != nil {
		return errors.Join(err, door.Close())
	}
	if err := h.began(r.jail.Tier(), p.cfg.Isolation, opens(opened, door)...); err != nil {
		return errors.Join(tell(err), door.Close())
	}
	// After everything that can fail, for tokens and claims are shown once.
	var entry entrance
	if err := entry.open(h, tokens, wantToken); err != nil {
		return errors.Join(tell(err), door.Close())
	}
	announce(p, r, now, door)
	for _, line := range p.cfg.ownShapes(p.cfg.nobodysKeys(h.keyGood)) {
		fmt.Fprintf(p.screen.out, "            %s\n", line)
	}
	door.LayOut(entry.claim.Reveal())
	hide, err := showClaim(p, entry.claim, link, opened)
	entry.claim.Clear()
	defer func() { closed = errors.Join(closed, hide()) }()
	if err != nil {
		return errors.Join(err, door.Close())
	}
	entry.announce(p)
	routes, err := newCounter(h, p, r, door)
	if err != nil {
		return errors.Join(tell(err), door.Close())
	}
	defer func() { closed = errors.Join(closed, tell(forged.write())) }() // before the home closes
	named := nameplates{r.shelf, p.cfg.Models, cmp.Or(r.model.Name, p.cfg.meant(p.cfg.Model))}
	if pages.Pages, err = newPages(p, h, r, now, named, shapes, door, near); err != nil {
		return errors.Join(tell(err), door.Close())
	}
	h.pages.Store(pages.Pages)
	running, ctx := errgroup.WithContext(ctx)
	locked, lock := context.WithCancel(context.WithoutCancel(ctx))
	running.Go(func() error { return r.engine.Run(locked) }) // until everybody is locked: what engines had read is sealed by it
	running.Go(func() error { defer lock(); return h.run(ctx) })
	running.Go(func() error { return forged.run(ctx) })
	running.Go(func() error {
		defer pages.Close() // before everybody is locked: what was answered is kept
		return door.Serve(ctx, tokens, watched{
			next: api.New(api.Config{
				Chat: chat.New(r.engine, named).WithDefaults(named.defaults), Shelf: named, Meaning: r.engine, Workers: r.engine,
				Responses: keptResponses{h, int64(p.cfg.ResponseSpace) << 20}, Documents: h.libraries, Forged: forged.note, Lowered: forged.lowered, Shape: shapes, System: func() [32]byte { return systemDigest(program, r.engine.Files()) }, Log: p.log,
			}),
			desks:    routes,
			standing: door.Standing,
			status:   now,
			look:     func(ctx context.Context) (postureJSON, error) { return r.look(ctx, door) },
		})
	})
	if err := running.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return tell(err)
	}
	return nil
}

// connections is how many each listener bears where so many requests are at work
// at one time: a quarter of it from one other machine, which is all that it may ask.
func connections(requests int) int { return max(1024, 2*requests) }

// enoughFiles refuses more connections than this process may hold open. The
// runtime has raised the limit as far as it may.
func enoughFiles(requests int) error {
	const others = 512
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return tell(fmt.Errorf("max_requests: how many files may be open here cannot be learned: %w", err))
	}
	if need := uint64(connections(requests) + others); l.Cur < need {
		return configError{fmt.Sprintf("max_requests: %d requests need %d open files, and this process may have %d: raise the limit (`ulimit -n`, LimitNOFILE of systemd) or set fewer",
			requests, need, l.Cur)}
	}
	return nil
}

// opens is what the audit log is told of a start that opened more than usual.
func opens(browser bool, door *gateway.Gateway) (events []audit.Event) {
	if browser {
		events = append(events, audit.Event{What: audit.BrowserOpened})
	}
	if door.LeafletAddr() != nil {
		events = append(events, audit.Event{What: audit.LeafletOpened})
	}
	return events
}

// lan says how other machines may come in; nil: not at all.
func (p *program) lan(invited func() bool) *gateway.TLS {
	if p.cfg.LAN == "" {
		return nil
	}
	return &gateway.TLS{
		Address: p.cfg.LAN, Names: p.cfg.LANNames, Dir: filepath.Join(p.cfg.Folders.State, "tls"),
		CertFile: p.cfg.Certificate, KeyFile: p.cfg.CertificateKey, Words: vault.DigestWords,
		Leaflet: p.cfg.Invite, Invited: invited,
	}
}

// entrance is how somebody gets in for the first time: before anybody is set
// up by a token that opens nothing, and by the claim that makes the owner.
type entrance struct {
	token vault.Token
	made  bool
	claim vault.Once
	empty bool // nobody is set up
}

func (e *entrance) open(h *home, tokens *vault.Tokens, want bool) (err error) {
	if e.empty = h.people.Unclaimed(); !e.empty || !want {
		return nil
	}
	if e.claim, err = h.people.Claim(); err != nil {
		return err
	}
	e.token, e.made, err = tokens.First()
	return err
}

// announce says where it serves, and behind which walls.
func announce(p *program, r *rooms, s status, door *gateway.Gateway) {
	out := p.screen.out
	fmt.Fprintf(out, "abaton %s serves %s\n", s.Version, cmp.Or(cleanLine(r.model.Name), "a model once it is fetched"))
	fmt.Fprintf(out, "  address   http://%s/v1\n", s.Address)
	if link := pageLink(door); link != "" && !p.cfg.WithoutPage {
		fmt.Fprintf(out, "  page      %s (for browsers on this machine)\n", link)
	}
	fmt.Fprintf(out, "  socket    %s (for this account, without a token)\n", p.cfg.Folders.Socket())
	fmt.Fprintf(out, "  sandbox   %s; locked down: no Internet connection can be made from here\n", s.Tier)
	if at := door.KeylessAddr(); at != nil {
		fmt.Fprintf(out, "  keyless   http://%s (programs that can send no key: models only, nothing kept)\n", at)
	} else if p.cfg.KeylessKey != "" {
		fmt.Fprintf(out, "  keyless   not served: another program, perhaps Ollama itself, has %s\n", p.cfg.KeylessAddress)
	}
	if at := door.TLSAddr(); at != nil {
		fmt.Fprintf(out, "  others    https://%s/abaton/certificate (TLS and an account)\n", at)
		if own := door.Fingerprint(); own != "" { // else the operator's certificate
			fmt.Fprintf(out, "            authority %s\n            SHA-256   %s\n", own, door.FingerprintDigits())
		}
	}
	if at := door.LeafletAddr(); at != nil {
		fmt.Fprintf(out, "  invited   http://%s (how to trust the certificate; without TLS, and only while an invitation is open)\n", at)
	}
	fmt.Fprintf(out, "  shape     %s\n", shapeWords(s))
	if words := p.cfg.sharing(); words != "" {
		fmt.Fprintf(out, "  people    %s\n", words)
	}
}

// announce says the token if it is new. It comes last: programs wait for it.
func (e *entrance) announce(p *program) {
	out := p.screen.out
	switch {
	case !e.empty:
		fmt.Fprintf(out, "%s     your own: `abaton keys create NAME` makes one\n", readyWord)
	case e.made:
		fmt.Fprintf(out, "%s     %s\n            It is shown this once; only its digest is kept. It asks and keeps nothing, until somebody is set up.\n", readyWord, e.token.Reveal())
	default:
		fmt.Fprintf(out, "%s     not shown again: to get a new one, remove %s and start anew\n", readyWord, filepath.Join(p.cfg.Folders.Tokens(), "token.json"))
	}
}

// readyWord begins the last thing that serve says at its start.
const readyWord = "  token"
