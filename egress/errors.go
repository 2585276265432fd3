package egress

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// ErrNoSpace is in every *SpaceError.
var ErrNoSpace = errors.New("no space")

// ErrStalled says that a connection stood still too long.
var ErrStalled = errors.New("the connection stood still")

// SpaceError says that a file does not fit where it should go.
type SpaceError struct {
	Need int64 // bytes still to be written, as far as known
	Free int64 // bytes that could be written
	What string
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("no space: %d bytes are needed and %d are free (%s); make room, then try again: what was fetched is kept", e.Need, e.Free, e.What)
}

// Is makes errors.Is(err, ErrNoSpace) true.
func (e *SpaceError) Is(target error) bool { return target == ErrNoSpace }

// DigestError says that a file is not the one that was asked for. Nothing of
// it is kept.
type DigestError struct {
	Host      string
	Want, Got [32]byte // SHA-256
	Size      int64    // bytes received
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%s sent another file: its SHA-256 is %s…, expected %s… (%d bytes); nothing of it was kept",
		e.Host, hex.EncodeToString(e.Got[:6]), hex.EncodeToString(e.Want[:6]), e.Size)
}

// SizeError says that a server offers a file of another size than expected.
type SizeError struct {
	Host      string
	Want, Got int64 // bytes; Got is at least that when the server did not say
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s offers a file of %d bytes, expected %d; it is not the same file", e.Host, e.Got, e.Want)
}

// HTTPError is an answer that is not the document asked for.
type HTTPError struct {
	Host   string
	Status int
	After  time.Duration // how long the server asked us to wait; 0 when it did not
	Answer []byte        // the first part of what the server said, only where something was handed in; hostile
}

func (e *HTTPError) Error() string {
	hint := ""
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		hint = "; it wants an account or a licence to be accepted there"
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone:
		hint = "; the file is not there (any more)"
	case e.Status == http.StatusTooManyRequests, e.Status >= 500:
		hint = "; try again later"
	}
	return fmt.Sprintf("%s answered %d %s%s", e.Host, e.Status, http.StatusText(e.Status), hint)
}

// RefusedError is a connection that our own rules forbid.
type RefusedError struct {
	Host   string
	Reason string
}

func (e *RefusedError) Error() string {
	if e.Host == "" {
		return "refused: " + e.Reason
	}
	return fmt.Sprintf("refused to speak to %s: %s", e.Host, e.Reason)
}

// clean makes an error of net/http fit for logs and eyes: it takes off the
// address, which may hold a query string.
func clean(host string, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*RefusedError](err); ok {
		return &RefusedError{Host: host, Reason: e.Reason}
	}
	err = plainError{err}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("%s cannot be reached: %w", host, err)
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w: no byte came for too long", host, ErrStalled)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%s cut the connection: %w", host, io.ErrUnexpectedEOF)
	}
	if isCertificate(err) {
		return fmt.Errorf("%s cannot prove who it is: %w; where a firm inspects traffic, give its authorities as a PEM file", host, err)
	}
	return fmt.Errorf("%s: %w", host, err)
}

// plainError is an error whose text a terminal shows and never obeys: proxies,
// name servers and certificates that nobody checked yet put words into it.
type plainError struct{ error }

func (e plainError) Error() string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, e.error.Error())
}

func (e plainError) Unwrap() error { return e.error }

func isCertificate(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return unknown || name || invalid
}

// temporary reports whether the same request may succeed in a moment, and how
// many attempts without progress are worth it.
func temporary(err error) (attempts int) {
	if h, ok := errors.AsType[*HTTPError](err); ok {
		if h.Status == http.StatusRequestTimeout || h.Status == http.StatusTooManyRequests || h.Status >= 500 {
			return 4
		}
		return 0
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return 0
	case isDNS && dns.IsNotFound, isCertificate(err):
		return 0
	case errors.Is(err, ErrStalled), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, errAgain):
		return 4
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" || isDNS {
		return 1 // another mirror may be nearer than this one's return
	}
	return 0
}

// errAgain says that a reply to a range request was of no use.
var errAgain = errors.New("the server's reply did not fit what was fetched so far")

// outcome is a word for the log.
func outcome(err error) string {
	_, refused := errors.AsType[*RefusedError](err)
	_, dns := errors.AsType[*net.DNSError](err)
	switch {
	case err == nil:
		return "done"
	case refused:
		return "refused by our rules"
	case dns:
		return "name not resolved"
	case isCertificate(err):
		return "certificate refused"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "stopped"
	case errors.Is(err, ErrStalled):
		return "stalled"
	case errors.Is(err, ErrSlow):
		return "too slow"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "cut"
	}
	return "failed"
}
