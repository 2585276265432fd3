package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
)

// doPath is where a running serve does the calls of desks.
const doPath = "/abaton/do/"

// A session at a running serve is kept in the runtime folder, which is memory on
// most systems and closed to other accounts; it is worth nothing once the server
// has ended or locked it.
const sessionFile = "session"

// keepSession keeps it whole or not at all. It follows no link: one that somebody
// put there would send the secret elsewhere.
func keepSession(dir string, secret []byte) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	const temp = sessionFile + ".new"
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // of a login that was cut short, usually
	}
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(secret)
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(temp, sessionFile)
	}
	if err != nil {
		root.Remove(temp)
	}
	return err
}

// keptSession is the session that `abaton login` left, "" for none.
func keptSession(dir string) (string, error) {
	f, err := os.OpenFile(filepath.Join(dir, sessionFile), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	strange := fmt.Errorf("%s is not as `abaton login` leaves it: remove it and log in again", filepath.Join(dir, sessionFile))
	if errors.Is(err, syscall.ELOOP) {
		return "", strange
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > longestSecret {
		return "", strange
	}
	b, err := io.ReadAll(io.LimitReader(f, longestSecret))
	return string(bytes.TrimSpace(b)), err
}

func dropSession(dir string) error {
	err := os.Remove(filepath.Join(dir, sessionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// remoteDesk is the desk of a running serve, for whoever is logged in there.
func remoteDesk(p *program) (*desk, error) {
	secret, err := keptSession(p.cfg.Folders.Runtime)
	if err != nil {
		return nil, tell(err)
	}
	if secret == "" {
		return nil, told{errors.New("you are not logged in at the running abaton serve: abaton login"), locked}
	}
	if err := closeWays(p); err != nil {
		return nil, err
	}
	c := newClient(socketName)
	c.credential = secret
	return &desk{remote: c, close: func() {}}, nil
}

// call has a running serve do a call of a desk.
func (c *client) call(ctx context.Context, name string, in, out any) error {
	return c.post(ctx, doPath+name, in, func(body io.Reader) error {
		if err := json.NewDecoder(body).Decode(out); err != nil {
			return tell(fmt.Errorf("the running abaton serve answered with what cannot be read (is it of another version?): %w", err))
		}
		return nil
	})
}

// post sends JSON and reads the reply; what serve refuses is an error with its
// words and its exit code.
func (c *client) post(ctx context.Context, path string, in any, read func(io.Reader) error) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	defer clear(b) // may hold a secret
	return c.postBody(ctx, path, b, read)
}

func (c *client) postBody(ctx context.Context, path string, b []byte, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	c.sign(req)
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return errStopped
		}
		return tell(fmt.Errorf("the running abaton serve cannot be reached: %w", err))
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return read(resp.Body)
	}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, largestError))
	return refusedThere(resp.StatusCode, raw)
}

// refusedThere puts a refusal of a running serve into an error with its words
// and its exit code.
func refusedThere(status int, raw []byte) error {
	var e struct {
		Error *struct {
			Message string `json:"message"`
			Code    string `json:"code"`
			Exit    int    `json:"exit"`
			Accept  string `json:"accept"`
		} `json:"error"`
	}
	if json.Unmarshal(raw, &e) != nil || e.Error == nil {
		return tell(fmt.Errorf("the running abaton serve answered with HTTP status %d and no reason", status))
	}
	message := cleanLine(e.Error.Message)
	switch {
	case e.Error.Exit != 0:
		return told{errors.New(message), e.Error.Exit}
	case e.Error.Accept != "":
		return &rolledBackThere{message, e.Error.Accept}
	case status == http.StatusUnauthorized:
		return told{errors.New(message), locked}
	}
	switch e.Error.Code {
	case "locked", "login_needed", "too_many_logins", "invalid_invitation", "invalid_recovery_code", "disabled":
		return told{errors.New(message), locked}
	}
	return tell(errors.New(message))
}

// sign says who asks.
func (c *client) sign(req *http.Request) {
	if c.credential != "" {
		req.Header.Set("Authorization", "Bearer "+c.credential)
	}
}
