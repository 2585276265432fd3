package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"abaton.local/vault"
)

func historyRename(ctx context.Context, p *program, d *desk, args []string, _ historyOptions) error {
	c, err := findHistory().at(ctx, d, args[0])
	if err != nil {
		return err
	}
	c, err = renameHistory().at(ctx, d, renameIn{c.ID, strings.Join(args[1:], " ")})
	if err == nil {
		p.screen.say(fmt.Sprintf("%s is called “%s” now.", short(c.ID), cleanLine(c.Title)))
	}
	return err
}

func historyDelete(ctx context.Context, p *program, d *desk, args []string, o historyOptions) error {
	var list []conversationJSON
	if o.all {
		all, err := listHistory().at(ctx, d, listIn{})
		if err != nil {
			return err
		}
		list = all.Conversations
	}
	for _, prefix := range args {
		c, err := findHistory().at(ctx, d, prefix)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(x conversationJSON) bool { return x.ID == c.ID }) {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		p.screen.say("There is no conversation to delete.")
		return nil
	}
	what := fmt.Sprintf("these %d conversations", len(list))
	if len(list) == 1 {
		what = "this conversation"
	}
	if !o.yes {
		for _, c := range list[:min(len(list), 20)] {
			p.screen.say(fmt.Sprintf("  %s  %s  %s", short(c.ID), moment(c.Updated), titleOf(c)))
		}
		if more := len(list) - 20; more > 0 {
			p.screen.say(fmt.Sprintf("  and %d more", more))
		}
		ok, err := p.confirm(ctx, fmt.Sprintf("Delete %s for good?", what))
		if err != nil {
			return err
		}
		if !ok {
			return told{errors.New("nothing was deleted"), failed}
		}
	}
	for i, c := range list {
		if _, err := deleteHistory().at(ctx, d, c.ID); err != nil {
			if i > 0 {
				p.screen.say(fmt.Sprintf("%d of %d were deleted.", i, len(list)))
			}
			return err
		}
	}
	p.screen.say(fmt.Sprintf("Deleted: %d. Their keys are destroyed.", len(list)))
	return nil
}

func historyExport(ctx context.Context, p *program, d *desk, args []string, o historyOptions) error {
	in := exportIn{Format: o.format}
	for _, prefix := range args {
		c, err := findHistory().at(ctx, d, prefix)
		if err != nil {
			return err
		}
		in.IDs = append(in.IDs, c.ID)
	}
	if o.output == "" {
		return exportHistory().at(ctx, d, in, p.screen.safeOut())
	}
	f, err := os.OpenFile(o.output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return tell(fmt.Errorf("%s exists, and is not replaced: give another name", o.output))
	}
	if err != nil {
		return tell(err)
	}
	err = exportHistory().at(ctx, d, in, f)
	if _, damaged := errors.AsType[*vault.Damage](err); damaged {
		err = errors.Join(err, f.Sync(), f.Close()) // all that can be read is there
		p.screen.say("Written without what cannot be read: " + cleanLine(o.output))
		return err
	}
	if err == nil {
		err = tell(f.Sync())
	}
	if err = errors.Join(err, tell(f.Close())); err != nil {
		return errors.Join(err, tell(os.Remove(o.output)))
	}
	p.screen.say(fmt.Sprintf("Written to %s, in the clear: whoever can read that file can read it all.", cleanLine(o.output)))
	return nil
}

// safeOut is standard output, with what a terminal would obey taken out where
// it is one.
func (s *screen) safeOut() io.Writer {
	if !s.outTTY {
		return s.out
	}
	return &cleanWriter{out: s.out}
}

type cleanWriter struct {
	out   io.Writer
	clean cleaner
}

func (w *cleanWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(w.out, w.clean.clean(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}
