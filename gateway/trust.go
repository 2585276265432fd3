package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

const trustStyle = `body{font:1rem/1.5 sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem}code{font-family:monospace;overflow-wrap:anywhere}.words{font-size:1.25rem}`

// trustHTML tells how to trust this server's own authority. It has no scripts,
// and nothing on it is a secret.
const trustHTML = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Abaton: trust this server</title><style>{{.Style}}</style></head><body>
<h1>Trust this server, once for each device</h1>
<p>This server vouches for itself with its own certificate authority. It can vouch for <code>{{.Names}}</code> and for nothing else: even whoever stole it could not use it to pretend to be your bank.</p>
{{if .Enter}}<p><strong>This page came without TLS</strong>: whoever is on this network could have changed it. Nothing on it is to be believed before the words below are compared with somebody whom you know. Type no passphrase here: nothing here asks for one.</p>{{end}}
<ol>
<li>Compare. Whoever runs this server reads these words on its screen (<code>abaton serve</code> prints them, and its page of people shows them beside your invitation). They must be the same, every one:<p class="words"><code>{{.Fingerprint}}</code></p>If they are not, somebody stands in between: stop, and tell them.</li>
<li>Load the <a href="{{.File}}">authority's certificate</a>.</li>
<li>Compare once more, for whoever stands in between could show you the right words and give you another file. Open the file and look at its fingerprint, SHA-256, or ask <code>openssl x509 -in authority.crt -noout -fingerprint -sha256</code>. It must be what the screen of the server says below the words:<p><code>{{.Digits}}</code></p></li>
<li>Install it:
<ul>
<li>Windows: open the file, Install Certificate, Local Machine, Trusted Root Certification Authorities.</li>
<li>macOS: open the file, add it to the login keychain, then set it to Always Trust for SSL.</li>
<li>iPhone, iPad: open the file, install the profile in Settings, then Settings, General, About, Certificate Trust Settings.</li>
<li>Android: Settings, Security, Encryption and credentials, Install a certificate, CA certificate.</li>
<li>Debian, Ubuntu: copy it to <code>/usr/local/share/ca-certificates/abaton.crt</code>, then <code>sudo update-ca-certificates</code>.</li>
<li>Firefox, everywhere: Settings, Privacy and Security, View Certificates, Authorities, Import, for web sites.</li>
<li>Programs: <code>curl --cacert authority.crt</code>, <code>SSL_CERT_FILE=authority.crt</code>.</li>
</ul></li>
{{if .Enter}}<li>Open the link of your invitation, or <a href="{{.Enter}}">this server by TLS</a>. If the browser does not warn, it is done.{{else}}<li>Open this page again. If the browser does not warn, it is done.{{end}} Remove the certificate when you no longer use this server.</li>
</ol>
</body></html>
`

func (d *desk) certificatePage(w http.ResponseWriter) *refusal {
	if d.Fingerprint() == "" {
		return noAuthority()
	}
	page, err := trustPage(d.tls, pathAuthority, "")
	if err != nil {
		return d.broken(err)
	}
	w.Header().Set("Content-Security-Policy", trustPolicy())
	sendWhole(w, "text/html; charset=utf-8", page)
	return nil
}

// trustPage is the page about the authority of a TLS door, whose certificate is at
// the path file. Enter is where to come in afterwards, on the page that came without
// TLS; empty on the other one.
func trustPage(s *secure, file, enter string) ([]byte, error) {
	page, err := template.New("trust").Parse(trustHTML)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, struct {
		Style                                   template.CSS
		Names, Fingerprint, Digits, File, Enter string
	}{trustStyle, s.certs.id.String(), s.fingerprint, s.digits, file, enter})
	return b.Bytes(), err
}

func trustPolicy() string {
	sum := sha256.Sum256([]byte(trustStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// authorityFile gives the authority's certificate, in the form that every
// system takes.
func (d *desk) authorityFile(w http.ResponseWriter) *refusal {
	if d.Fingerprint() == "" {
		return noAuthority()
	}
	sendAuthority(w, d.tls.certs.authority.pem())
	return nil
}

func sendAuthority(w http.ResponseWriter, pem []byte) {
	w.Header().Set("Content-Disposition", `attachment; filename="authority.crt"`)
	sendWhole(w, "application/x-x509-ca-cert", pem)
}

func noAuthority() *refusal {
	return &refusal{status: http.StatusNotFound, kind: invalidRequest, code: "no_authority",
		message: "This server has no certificate authority of its own: it speaks no TLS, or with a certificate that its operator brought."}
}
