package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"abaton.local/vault"
)

// vaultStatus is who can open a vault, what is kept in it and where.
type vaultStatus struct {
	Person  vault.Person `json:"person"`
	Ways    []wayIn      `json:"ways"`
	Kept    []keptKind   `json:"kept"`
	Places  []place      `json:"places"`
	Device  deviceAt     `json:"device_secret"`
	Changes uint64       `json:"changes"`
	Head    string       `json:"head"` // hexadecimal
	Until   time.Time    `json:"session_ends,omitzero"`
	Network string       `json:"network"`
}

// wayIn is one way to open the vault.
type wayIn struct {
	vault.Way
	Since string `json:"since,omitempty"` // a day; empty: longer ago than the journal reaches
}

// keptKind is how much of one kind is kept.
type keptKind struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	Bytes int64  `json:"bytes"`
}

// place is a file or folder of this installation.
type place struct {
	What   string `json:"what"`
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	Sealed bool   `json:"sealed"`
}

// deviceAt is where the device secret lies.
type deviceAt struct {
	Path    string `json:"path"`
	Mode    string `json:"mode"`
	Outside bool   `json:"outside_of_data"`
}

// seeVault is the page about the session's own vault.
func seeVault() call[struct{}, vaultStatus] {
	return call[struct{}, vaultStatus]{"vault/status", func(ctx context.Context, h *home, s vault.Session, _ struct{}) (x vaultStatus, err error) {
		v, err := s.Vault()
		if err != nil {
			return x, err
		}
		if x.Person, err = h.people.Me(ctx, s); err != nil {
			return x, err
		}
		if x.Ways, err = h.waysIn(ctx, s, x.Person.Since); err != nil {
			return x, err
		}
		x.Kept = keptKinds(v)
		x.Places, x.Device = h.places.places()
		x.Network = shapeWords(h.shape)
		if own, set := h.own[string(s.Person)]; set {
			x.Network += "; yours, wherever you come from, at least " + own.String()
		}
		head := v.Head()
		x.Changes, x.Head, x.Until = head.Seq, hex.EncodeToString(head.Sum[:8]), s.Until()
		return x, nil
	}}
}

// waysIn adds to each way the day since when it opens the vault: the last time
// that the person's own journal tells of its kind, else the day of their joining.
func (h *home) waysIn(ctx context.Context, s vault.Session, joined string) ([]wayIn, error) {
	ways, err := h.people.Ways(ctx, s)
	if err != nil {
		return nil, err
	}
	deeds, err := h.people.Deeds(ctx, s)
	if err != nil {
		return nil, err
	}
	since := map[string]string{vault.SlotPassphrase.String(): joined}
	for _, d := range deeds {
		if d.What == vault.DeedSlotAdded || d.What == vault.DeedSlotChanged {
			since[d.Way] = d.At.Format(time.DateOnly)
		}
		if d.What == vault.DeedTokenMade {
			since[vault.SlotToken.String()] = d.At.Format(time.DateOnly)
		}
	}
	list := make([]wayIn, len(ways))
	for i, w := range ways {
		list[i] = wayIn{w, since[w.Kind.String()]}
	}
	return list, nil
}

func keptKinds(v *vault.Vault) (list []keptKind) {
	for _, k := range []struct {
		kind vault.Kind
		what string
	}{
		{vault.KindConversation, "conversations"}, {vault.KindTurn, "messages"}, {vault.KindDocument, "documents"},
		{vault.KindResponse, "responses kept for programs"}, {vault.KindResume, "parts of what models had read, to go on at once"},
		{vault.KindProfile, "notes about you"}, {vault.KindSetting, "settings"}, {vault.KindSegment, "parts of the search index"},
		{vault.KindToken, "names of access tokens"}, {vault.KindAct, "acts in your own journal"},
	} {
		x := keptKind{What: k.what}
		for _, r := range v.List(k.kind, vault.ID{}) {
			x.Count++
			x.Bytes += int64(r.Size)
		}
		if x.Count > 0 {
			list = append(list, x)
		}
	}
	return list
}

// places lists what lies where, and how large it is.
func (f folders) places() ([]place, deviceAt) {
	list := []place{
		{What: "everybody's vaults", Path: f.Store(), Sealed: true},
		{What: "how far each vault had got", Path: filepath.Join(f.State, "heads"), Sealed: true},
		{What: "audit log: acts and pseudonyms", Path: filepath.Join(f.State, "audit")},
		{What: "log of the program's own errors", Path: filepath.Join(f.State, "abaton.log")},
		{What: "models", Path: f.Models},
		{What: "engines", Path: f.Engines},
	}
	for i := range list {
		list[i].Bytes = bytesBelow(list[i].Path)
	}
	list[0].Bytes += bytesBelow(f.Store() + "-wal")
	d := deviceAt{Path: f.Device(), Mode: "not there"}
	if info, err := os.Lstat(d.Path); err == nil {
		d.Mode = fmt.Sprintf("%04o", info.Mode().Perm())
	}
	rel, err := filepath.Rel(f.Data, d.Path)
	d.Outside = err != nil || rel == ".." || strings.HasPrefix(rel, "../")
	return list, d
}

// bytesBelow is the size of a file, or of all files below a folder; what cannot
// be read counts nothing.
func bytesBelow(path string) (n int64) {
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

func showVault(ctx context.Context, p *program, d *desk, asJSON bool) error {
	x, err := seeVault().at(ctx, d, struct{}{})
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(p.screen.out, x)
	}
	page := pageOf{screen: p.screen}
	page.head(fmt.Sprintf("Who can open the vault of %s", cleanLine(x.Person.Name)))
	recovery, escrow := false, false
	for _, w := range x.Ways {
		recovery, escrow = recovery || w.Kind == vault.SlotRecovery, escrow || w.Kind == vault.SlotEscrow
		page.item(shortID(w.ID), wayWords(w))
	}
	page.text("Nothing else opens it: not a role (owner, member or auditor), not the administrator of this machine without one of the ways above, and not we.")
	if !escrow {
		page.text("No organisation holds a key to it.")
	}
	if !recovery {
		page.text("You have no recovery code: if you forget the passphrase, or the device secret is lost, all of this is lost. Make one: abaton vault recovery")
	}
	page.head("What is kept, sealed, for you alone")
	for _, k := range x.Kept {
		page.item(fmt.Sprint(k.Count), fmt.Sprintf("%s, %s", k.What, sizeOf(k.Bytes)))
	}
	if len(x.Kept) == 0 {
		page.text("Nothing yet.")
	}
	page.text(fmt.Sprintf("State: change %d, head %s.", x.Changes, x.Head))
	page.head("Where it lies")
	for _, w := range x.Places {
		if w.Bytes == 0 {
			continue
		}
		how := ""
		if w.Sealed {
			how = ", sealed"
		}
		page.item(sizeOf(w.Bytes), fmt.Sprintf("%s%s: %s", w.What, how, cleanLine(w.Path)))
	}
	page.text(deviceWords(x.Device))
	page.text("Backup: `abaton vault backup FILE` copies all vaults, sealed, without the device secret. Keep it on another disk, and a copy of the device secret " +
		"in another place than the backup.")
	page.head("What is promised")
	page.text("Encrypted at rest under keys only you can unlock. While you are signed in, the machine that answers you must see your words; " +
		"whoever controls that machine at that moment could too.")
	page.text("Whoever watches the network between you and this machine can read nothing, and may learn from sizes and times. Answers are shaped: " + x.Network + ". " +
		"When you ask, how often, and from where is seen in any case.")
	page.text("The process that holds your keys gave up every way to the Internet before you typed your secret; the model runs in a sandbox of its own (`abaton audit`). " +
		"Keys stay in memory that goes neither to swap nor into core images, until you lock, 15 minutes pass without use, or 12 hours in all.")
	return tell(page.err)
}

// wayWords says what a way to open a vault is.
func wayWords(w wayIn) string {
	what := ""
	switch w.Kind {
	case vault.SlotPassphrase:
		what = "your passphrase, together with the device secret of this machine"
	case vault.SlotRecovery:
		what = "your recovery code, on any machine"
	case vault.SlotToken:
		what = "an access token with the scope all, in the hands of a program of yours: abaton keys"
	case vault.SlotPasskey:
		what = "a passkey of yours, together with the device secret"
	case vault.SlotEscrow:
		what = "your organisation, with the secret key of " + w.Who + ": you let it; `abaton vault escrow remove` ends that"
	default:
		what = w.Kind.String()
	}
	if w.Since != "" {
		what += " (since " + w.Since + ")"
	}
	return what
}

func deviceWords(d deviceAt) string {
	where := "outside of the data folder, as it must be"
	if !d.Outside {
		where = "INSIDE the data folder, where every copy of that takes it along: move it"
	}
	return fmt.Sprintf("Device secret: %s (mode %s), %s. A stolen disk or backup without it cannot even be guessed at.", cleanLine(d.Path), d.Mode, where)
}

// pageOf writes a page that fits its reader's width.
type pageOf struct {
	screen *screen
	begun  bool
	err    error
}

func (w *pageOf) write(text string) {
	if w.err == nil {
		_, w.err = w.screen.out.WriteString(text)
	}
}

func (w *pageOf) head(text string) {
	if w.begun {
		w.write("\n")
	}
	w.begun = true
	w.write(w.screen.bold(text) + "\n")
}

func (w *pageOf) text(text string) { w.block("  ", "  ", text) }

// item writes a short thing and what it is.
func (w *pageOf) item(name, text string) {
	const column = 10
	if w.screen.width() < 60 {
		w.write("  " + name + "\n")
		w.block("    ", "    ", text)
		return
	}
	w.block(fmt.Sprintf("  %-*s  ", column, name), strings.Repeat(" ", column+4), text)
}

// block writes text in lines, the first of them after first, the others after indent.
func (w *pageOf) block(first, indent, text string) {
	lines := wrapped(text, max(min(w.screen.width(), 100)-len(indent), 16), "")
	w.write(first + strings.ReplaceAll(lines, "\n", "\n"+indent) + "\n")
}
