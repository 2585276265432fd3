package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authenticator is one in memory, with one passkey; browsers and people are what a
// test makes of them.
type authenticator struct {
	t      testing.TB
	id     []byte
	key    *ecdsa.PrivateKey
	handle []byte
	flags  byte // user present and verified
	origin string
	rpID   string
	secret string // what a page's script derives
	maker  bool   // vouches for it with a certificate, which nobody asked for
}

const present, verified, attested = 0x01, 0x04, 0x40

func newAuthenticator(t testing.TB, origin, rpID string) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authenticator{t: t, id: make([]byte, 32), key: key, flags: present | verified, origin: origin, rpID: rpID}
	rand.Read(a.id)
	prf := make([]byte, 32)
	rand.Read(prf)
	secret, err := hkdf.Key(sha256.New, prf, nil, "abaton.local/vault/passkey-prf/v1", 32)
	if err != nil {
		t.Fatal(err)
	}
	a.secret = b64(secret)
	return a
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// asked is what a page's script is told to ask for.
type asked struct {
	PublicKey struct {
		Challenge        string
		RPID             string `json:"rpId"`
		RP               struct{ ID, Name string }
		User             struct{ ID, Name string }
		UserVerification string
		Timeout          int
		AllowCredentials []any
		Exclude          []struct{ ID string }                          `json:"excludeCredentials"`
		Selection        struct{ ResidentKey, UserVerification string } `json:"authenticatorSelection"`
		Extensions       struct {
			PRF struct{ Eval struct{ First string } }
		}
	}
}

func (a *authenticator) client(kind, challenge string) []byte {
	return fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q,"crossOrigin":false}`, kind, challenge, a.origin)
}

func (a *authenticator) data(flags byte) []byte {
	rp := sha256.Sum256([]byte(a.rpID))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), 0)
}

// create answers a registration.
func (a *authenticator) create(q asked) string {
	a.t.Helper()
	handle, err := base64.RawURLEncoding.DecodeString(q.PublicKey.User.ID)
	if err != nil {
		a.t.Fatal(err)
	}
	a.handle = handle
	public, err := a.key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]})
	if err != nil {
		a.t.Fatal(err)
	}
	data := append(a.data(a.flags|attested), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), cose...)
	client := a.client("webauthn.create", q.PublicKey.Challenge)
	said := map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data}
	if a.maker {
		said["fmt"], said["attStmt"] = "packed", map[string]any{"alg": -7, "sig": a.sign(client, data), "x5c": []any{a.certificate()}}
	}
	object, err := webauthncbor.Marshal(said)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.json(map[string]string{"clientDataJSON": b64(client), "attestationObject": b64(object)})
}

func (a *authenticator) sign(client, data []byte) []byte {
	a.t.Helper()
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(data[:len(data):len(data)], hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return signature
}

// certificate is one as makers of authenticators have it.
func (a *authenticator) certificate() []byte {
	a.t.Helper()
	maker := pkix.Name{Country: []string{"DE"}, Organization: []string{"A Maker"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "One"}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: maker, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true}
	b, err := x509.CreateCertificate(rand.Reader, c, c, a.key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// get answers an authentication.
func (a *authenticator) get(q asked) string {
	a.t.Helper()
	client, data := a.client("webauthn.get", q.PublicKey.Challenge), a.data(a.flags)
	return a.json(map[string]string{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(a.sign(client, data)), "userHandle": b64(a.handle)})
}

func (a *authenticator) json(response map[string]string) string {
	b, err := json.Marshal(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response})
	if err != nil {
		a.t.Fatal(err)
	}
	return string(b)
}

// page is one of a browser's, with its cookies.
type openPage struct {
	browser
	t       testing.TB
	cookies map[string]string
	send    func(request string) answer
	from    string // header
}

func (b browser) page(t testing.TB) *openPage {
	return &openPage{b, t, map[string]string{}, func(r string) answer { return raw(t, "tcp", b.address, r) }, b.origin()}
}

// secretPage is one by TLS.
func (w *town) secretPage(t testing.TB, name string) *openPage {
	_, port, _ := net.SplitHostPort(w.TLSAddr().String())
	host := name + ":" + port
	return &openPage{browser{host: host}, t, map[string]string{}, func(r string) answer { return w.secretly(t, r) }, "Origin: https://" + host}
}

// tell sends what a page's script sends.
func (p *openPage) tell(path string, body map[string]string) answer {
	p.t.Helper()
	if body == nil {
		body = map[string]string{}
	}
	b, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	var worn []string
	for name, value := range p.cookies {
		worn = append(worn, name+"="+value)
	}
	a := p.send(posted(path, p.host, string(b), p.from, "Accept: application/json", "Cookie: "+strings.Join(worn, "; ")))
	p.keep(a)
	return a
}

func (p *openPage) keep(a answer) {
	for _, c := range a.Cookies() {
		if p.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(p.cookies, c.Name)
		}
	}
}

// read gets a page as the browser does.
func (p *openPage) read(path string) answer {
	p.t.Helper()
	var worn []string
	for name, value := range p.cookies {
		worn = append(worn, name+"="+value)
	}
	a := p.send(request("GET", path, p.host, "Cookie: "+strings.Join(worn, "; "), "Sec-Fetch-Mode: navigate"))
	p.keep(a)
	return a
}

func (p *openPage) begin(path string, body map[string]string) asked {
	p.t.Helper()
	a := p.tell(path+begins, body)
	if a.StatusCode != 200 {
		p.t.Fatalf("%s: %s %s", path, a.Status, a.body)
	}
	return decode[asked](p.t, a)
}
