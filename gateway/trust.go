package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

const trustStyle = `:root{color-scheme:light dark;--line:#8a8f98;--soft:#eef0f3;--hit:#1d4ed8;--on:#fff}
@media(prefers-color-scheme:dark){:root{--soft:#2a2d33;--hit:#93b4ff;--on:#10131a}}
body{font:1rem/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}
h1{line-height:1.2}body>ol>li{margin-block:1rem}code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}.words{font-size:1.25rem}
details{border:1px solid var(--line);border-radius:.5rem;margin-block:.5rem;padding:0 .8rem}summary{padding:.6rem 0;font-weight:600;cursor:pointer}
.steps{display:flex;flex-wrap:wrap;gap:1.2rem .8rem;padding:0;list-style:none;counter-reset:n}.steps li{width:13.5rem;counter-increment:n}.slim li{width:10.6rem}.steps p{margin:.4rem 0}.steps p::before{content:counter(n) ". ";font-weight:600}
svg{max-width:100%;height:auto}.f{fill:none;stroke:var(--line);stroke-width:1.5}.l{stroke:var(--line);stroke-width:1.5;fill:none}.r{fill:var(--soft)}.h{fill:var(--hit)}
text{font:11px system-ui,sans-serif;fill:currentColor}.t{font-weight:600}.ht{fill:var(--on);font-weight:600}`

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
<li>Install it. What is to be pressed is in colour:
{{.Pictures}}<p>Programs: <code>curl --cacert authority.crt</code>, <code>SSL_CERT_FILE=authority.crt</code>.</p></li>
{{if .Enter}}<li>Open the link of your invitation, or <a href="{{.Enter}}">this server by TLS</a>. If the browser does not warn, it is done.{{else}}<li>Open this page again. If the browser does not warn, it is done.{{end}} Where it says that the certificate is not good yet, or no more: is the clock of your device right? The authority is good from {{.From}} to {{.Until}}, and the certificates that it makes renew themselves. Remove the certificate when you no longer use this server.</li>
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
	const day = "2 January 2006"
	ours := s.certs.authority.cert
	err = page.Execute(&b, struct {
		Style                                   template.CSS
		Names, Fingerprint, Digits, File, Enter string
		From, Until                             string
		Pictures                                template.HTML
	}{trustStyle, s.certs.id.String(), s.fingerprint, s.digits, file, enter, ours.NotBefore.Format(day), ours.NotAfter.Format(day), pictures()})
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
