package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"abaton.local/vault"
)

// Claim is the file of the claim that makes the first owner, where nobody looks
// at a terminal when it is drawn. It lies beside the device secret, and ends
// with the server.
func (f folders) Claim() string { return filepath.Join(filepath.Dir(f.Device()), "claim") }

// showClaim tells a terminal the claim, or a file that only this account reads:
// what a service prints is kept by others, and longer. A terminal is also told the
// address of the page where it is good. hide takes the file away.
func showClaim(p *program, claim vault.Once, page string, opened bool) (hide func() error, err error) {
	path := p.cfg.Folders.Claim()
	hide = func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return tell(err)
		}
		return nil
	}
	if err := hide(); err != nil { // of a server that was killed
		return hide, err
	}
	text := claim.Reveal()
	if len(text) == 0 {
		return hide, nil
	}
	const makes = "            makes the owner, whose conversations are kept. Once, and until this server ends.\n"
	if p.screen.errTTY {
		if page != "" {
			by := "open this in a browser on this machine"
			if opened {
				by = "your browser opens it, or you do"
			}
			if _, err := fmt.Fprintf(p.screen.errs, "  begin     %s/page/join?ticket=%s\n            %s\n", page, text, by); err != nil {
				return hide, tell(err)
			}
		}
		_, err := fmt.Fprintf(p.screen.errs, "  claim     abaton setup --invitation %s\n%s", text, makes)
		return hide, tell(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o400)
	if err != nil {
		return hide, tell(fmt.Errorf("cannot write the claim: %w", err))
	}
	_, err = fmt.Fprintf(f, "%s\n", text)
	if err = errors.Join(err, f.Close()); err != nil {
		return hide, tell(errors.Join(err, hide()))
	}
	_, err = fmt.Fprintf(p.screen.errs, "  claim     abaton setup --invitation \"$(cat '%s')\"\n%s", path, makes)
	return hide, tell(err)
}
