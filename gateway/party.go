package gateway

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"abaton.local/vault"
)

// NoPasskeys says why no passkey can be made or used at the address that a request
// came to; it is empty where they can. A passkey belongs to a name, never to a bare
// address, and browsers use them where nobody can have changed the page on its way.
func NoPasskeys(r *http.Request) string {
	name, ok := splitHost(r.Host)
	name = strings.ToLower(name)
	if _, err := netip.ParseAddr(name); !ok || err == nil {
		return "A passkey belongs to a name, and you came by a bare address: here only the passphrase and the recovery code work. Come by the name of this machine for a passkey."
	}
	if r.TLS == nil && name != "localhost" && !strings.HasSuffix(name, ".localhost") {
		return "Browsers use passkeys by TLS or on the machine itself, at http://" + ownName + ": here only the passphrase and the recovery code work."
	}
	if protocol.ValidateRPID(name) != nil || strings.HasSuffix(name, ".") {
		return "Browsers make no passkey for a name of this form: here only the passphrase and the recovery code work."
	}
	return ""
}

// party is who asks for a passkey: this server, at the name by which the browser
// called it. The guard has held that name against those that are ours.
func party(r *http.Request) (*webauthn.WebAuthn, string, *refusal) {
	if why := NoPasskeys(r); why != "" {
		return nil, "", &refusal{status: http.StatusConflict, kind: invalidRequest, code: "no_passkeys_here", message: why}
	}
	name, _ := splitHost(r.Host)
	origin := "http://" + strings.ToLower(r.Host)
	if r.TLS != nil {
		origin = "https://" + strings.ToLower(r.Host)
	}
	limit := webauthn.TimeoutConfig{Timeout: ceremonyLife, TimeoutUVD: ceremonyLife}
	p, err := webauthn.New(&webauthn.Config{
		RPID: strings.ToLower(name), RPDisplayName: "Abaton", RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit},
	})
	if err != nil {
		return nil, "", &refusal{status: http.StatusConflict, kind: invalidRequest, code: "no_passkeys_here", message: "No passkey can be made at this address. Use your passphrase."}
	}
	return p, origin, nil
}

// evaluated asks for the secret that a passkey keeps for us.
func evaluated(salt [32]byte) protocol.AuthenticationExtensions {
	return protocol.AuthenticationExtensions{PRF: &protocol.PRFInputs{Eval: protocol.PRFValues{First: salt[:]}}}
}

// bearerOf is somebody as package webauthn asks for them.
type bearerOf struct {
	handle []byte
	name   string
	keys   []webauthn.Credential
}

func (b bearerOf) WebAuthnID() []byte                         { return b.handle }
func (b bearerOf) WebAuthnName() string                       { return b.name }
func (b bearerOf) WebAuthnDisplayName() string                { return b.name }
func (b bearerOf) WebAuthnCredentials() []webauthn.Credential { return b.keys }

// record is a passkey as package webauthn keeps it. How often it was used is
// not kept: it would tell when somebody works, and passkeys that are copied between
// devices do not count.
func record(k vault.Passkey) webauthn.Credential {
	return webauthn.Credential{ID: k.Credential, PublicKey: k.Key, Flags: webauthn.CredentialFlags{BackupEligible: k.Synced}}
}

// PasskeyProof is an authenticator's answer.
type PasskeyProof struct {
	Credential []byte // its identifier
	// Holds says whether it was this passkey that answered.
	Holds func(vault.Passkey) bool
}

// asserts makes a proof of an authenticator's answer to a ceremony.
func (c *ceremony) asserts(p *webauthn.WebAuthn, a *protocol.ParsedCredentialAssertionData) *PasskeyProof {
	return &PasskeyProof{Credential: a.RawID, Holds: func(k vault.Passkey) bool {
		who := bearerOf{handle: k.Handle, keys: []webauthn.Credential{record(k)}}
		_, _, err := p.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return who, nil }, c.SessionData, a)
		return err == nil
	}}
}

// made checks what an authenticator has made for a ceremony.
func (c *ceremony) made(p *webauthn.WebAuthn, a *protocol.ParsedCredentialCreationData) (vault.Passkey, bool) {
	// We ask for no word about the maker. Where one comes all the same, its
	// certificates are not for us to read.
	said := a.Response.AttestationObject
	if _, certified := said.AttStatement["x5c"]; certified || said.Format != "none" && said.Format != "packed" {
		return vault.Passkey{}, false
	}
	k, err := p.CreateCredential(bearerOf{handle: c.handle, name: c.name}, c.SessionData, a)
	if err != nil {
		return vault.Passkey{}, false
	}
	return vault.Passkey{Credential: k.ID, Key: k.PublicKey, Handle: c.handle, Synced: k.Flags.BackupEligible, Place: p.Config.RPID}, true
}
