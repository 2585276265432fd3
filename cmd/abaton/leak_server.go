package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"abaton.local/api"
	"abaton.local/chat"
	"abaton.local/gateway"
	"abaton.local/leak"
	"abaton.local/models"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// stage is a server of our own that an observer may look at: the door, the
// dialects and the shaper of `abaton serve` with its TLS, for nobody but the
// harness. Its one token and its certificate lie in a folder that goes with it.
type stage struct {
	dir    string
	door   *gateway.Gateway
	second net.Listener // HTTP/2, which the door does not offer: the same handler behind Go's own server
	token  vault.Token
	client *tls.Config
	cert   tls.Certificate // for HTTP/2
	api    *api.API
	tokens *vault.Tokens
}

// replayHeader says which recorded answer is meant. All have one length.
const replayHeader = "X-Abaton-Replay"

// replayed puts what the header says where the replay finds it.
type replayed struct{ next gateway.Handler }

func (h replayed) ServeSession(w http.ResponseWriter, r *http.Request, s vault.Session) {
	h.next.ServeSession(w, r.WithContext(leak.Asking(r.Context(), r.Header.Get(replayHeader))), s)
}

// oneModel is a shelf with the model that was recorded.
type oneModel struct{ models.Passport }

func (o oneModel) List() ([]models.Passport, error)            { return []models.Passport{o.Passport}, nil }
func (o oneModel) Find(string) (models.Passport, error)        { return o.Passport, nil }
func (o oneModel) Default() (models.Passport, error)           { return o.Passport, nil }
func (o oneModel) Shape(models.Passport) (models.Shape, error) { return models.Shape{}, nil }

// openStage makes a server for so many answers at once.
func openStage(p *program, g chat.Generator, shelf api.Shelf, found chat.Shelf, window time.Duration, atOnce int) (_ *stage, err error) {
	s := &stage{}
	if s.dir, err = os.MkdirTemp("", "abaton-leak-"); err != nil {
		return nil, tell(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for _, name := range []string{"tokens", "tls"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			return nil, tell(err)
		}
	}
	if s.tokens, err = vault.OpenTokens(filepath.Join(s.dir, "tokens")); err != nil {
		return nil, tell(err)
	}
	if s.token, _, err = s.tokens.First(); err != nil {
		return nil, tell(err)
	}
	limit := 2*atOnce + 64
	s.door, err = gateway.Listen(gateway.Config{
		TLS:         &gateway.TLS{Address: "127.0.0.1:0", Dir: filepath.Join(s.dir, "tls")},
		MaxRequests: limit, MaxPerSource: limit, MaxPerPerson: limit, MaxConnections: 4 * limit, // everybody here is one source and one person
		Words: inWords, Log: p.log,
	})
	if err != nil {
		return nil, tell(err)
	}
	s.api = api.New(api.Config{Chat: chat.New(g, found), Shelf: shelf, Shape: shaper.Policy{Window: window}, Log: p.log})
	if s.second, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, tell(err)
	}
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(s.dir, "tls", "authority.crt"))
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		return nil, errors.Join(err, errors.New("the certificate authority of the harness cannot be read"))
	}
	if s.cert, err = ownCertificate(); err != nil {
		return nil, err
	}
	pool.AddCert(s.cert.Leaf)
	s.client = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}
	return s, nil
}

// ownCertificate vouches for this machine's loopback address, as long as the
// longest run.
func ownCertificate() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return tls.Certificate{}, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, private)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, err
}

// serve answers until ctx ends.
func (s *stage) serve(ctx context.Context) error {
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return s.door.Serve(ctx, s.tokens, replayed{s.api}) })
	running.Go(func() error { return s.serveSecond(ctx) })
	return running.Wait()
}

func (s *stage) serveSecond(ctx context.Context) error {
	server := &http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true, SessionTicketsDisabled: true},
		Protocols: new(http.Protocols),
		ErrorLog:  log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", "req_AAAAAAAAAAAAAAAAAAAAAAAAAA")
			replayed{s.api}.ServeSession(w, r, vault.Session{Person: vault.Owner})
		}),
	}
	server.Protocols.SetHTTP2(true)
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.ServeTLS(s.second, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listening for HTTP/2: %w", err)
	}
	return nil
}

// close removes what was made.
func (s *stage) close() error {
	var errs []error
	if s.second != nil {
		if err := s.second.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if s.door != nil {
		errs = append(errs, s.door.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
