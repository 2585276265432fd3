package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
)

const trustStyle = `body{font:1rem/1.5 sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem}code{font-family:monospace;overflow-wrap:anywhere}.words{font-size:1.25rem}`

// trustPage tells how to trust this server's own authority. It has no scripts,
// and nothing on it is a secret.
const trustPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Abaton: trust this server</title><style>{{.Style}}</style></head><body>
<h1>Trust this server, once for each device</h1>
<p>This server vouches for itself with its own certificate authority. It can vouch for <code>{{.Names}}</code> and for nothing else: even whoever stole it could not use it to pretend to be your bank.</p>
<ol>
<li>Compare. Whoever runs this server reads these words on its screen (<code>abaton serve</code> prints them). They must be the same, every one:<p class="words"><code>{{.Fingerprint}}</code></p>If they are not, somebody stands in between: stop, and tell them.</li>
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
<li>Open this page again. If the browser does not warn, it is done. Remove the certificate when you no longer use this server.</li>
</ol>
</body></html>
`

func (d *desk) certificatePage(w http.ResponseWriter) *refusal {
	if d.Fingerprint() == "" {
		return noAuthority()
	}
	page, err := template.New("trust").Parse(trustPage)
	var b bytes.Buffer
	if err == nil {
		err = page.Execute(&b, struct {
			Style                            template.CSS
			Names, Fingerprint, Digits, File string
		}{trustStyle, d.tls.certs.id.String(), d.tls.fingerprint, d.tls.digits, pathAuthority})
	}
	if err != nil {
		return d.broken(err)
	}
	sum := sha256.Sum256([]byte(trustStyle))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Write(b.Bytes())
	return nil
}

// authorityFile gives the authority's certificate, in the form that every
// system takes.
func (d *desk) authorityFile(w http.ResponseWriter) *refusal {
	if d.Fingerprint() == "" {
		return noAuthority()
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-x509-ca-cert")
	h.Set("Content-Disposition", `attachment; filename="authority.crt"`)
	b := d.tls.certs.authority.pem()
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
	return nil
}

func noAuthority() *refusal {
	return &refusal{status: http.StatusNotFound, kind: invalidRequest, code: "no_authority",
		message: "This server has no certificate authority of its own: it speaks no TLS, or with a certificate that its operator brought."}
}
