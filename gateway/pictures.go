package gateway

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// Pictures of how a certificate is installed, drawn here: what a person sees on their
// screen, with nothing on it but what counts, and the place to press in colour. What
// systems call things changes a little with each version; the order hardly does.

// picture is one step.
type picture struct {
	phone  bool   // else a window
	title  string // at its top
	rows   []string
	hit    int    // the row to press, from 1 on; 0: the button
	button string // at its foot; empty: there is none
	says   string // beneath it
}

// system is where a certificate is installed, step by step.
type system struct {
	name  string
	steps []picture
	also  string // what else is to know
}

var systems = []system{
	{"Android", []picture{
		{true, "Security and privacy", []string{"Screen lock", "Privacy", "More security"}, 3, "", "Settings, Security and privacy, and at the end of it More security and privacy. (Older ones: Settings, Security, Advanced.)"},
		{true, "Credentials", []string{"Encrypt phone", "Trusted credentials", "Install a certificate"}, 3, "", "Encryption and credentials, then Install a certificate."},
		{true, "Install a certificate", []string{"CA certificate", "VPN and app user", "Wi-Fi certificate"}, 1, "", "CA certificate, and Install anyway: the warning is of certificates whose words nobody compared."},
		{true, "Downloads", []string{"authority.crt"}, 1, "", "Choose the file that you loaded."},
	}, "Firefox on Android: Settings, About Firefox, press the logo five times; then Settings, Secret settings, Use third party CA certificates."},
	{"iPhone, iPad", []picture{
		{true, "Safari", []string{"This website wants", "to load a profile"}, 0, "Allow", "Load the certificate in Safari, and allow the profile."},
		{true, "Settings", []string{"Profile Downloaded", "Wi-Fi", "Bluetooth"}, 1, "", "Settings: Profile Downloaded stands at the top. Press Install."},
		{true, "About", []string{"Name", "Model", "Certificate Trust"}, 3, "", "Settings, General, About, and at the end of it Certificate Trust Settings."},
		{true, "Certificate Trust", []string{"Abaton at …  [on]"}, 1, "", "Switch full trust on for Abaton. Without this step the browser still warns."},
	}, ""},
	{"Windows", []picture{
		{false, "authority.crt", []string{"Issued to: Abaton at …", "Issued by: Abaton at …"}, 0, "Install Certificate…", "Open the file, and press Install Certificate. Current User is enough."},
		{false, "Certificate Import Wizard", []string{"( ) Select automatically", "(•) Place in this store"}, 2, "Browse…", "Place all certificates in the following store, then Browse. By itself Windows chooses the wrong one."},
		{false, "Select Certificate Store", []string{"Personal", "Trusted Root Certification …", "Enterprise Trust"}, 2, "OK", "Trusted Root Certification Authorities, OK, Next, Finish, and Yes."},
	}, "That is for Edge and Chrome. Firefox is further down."},
	{"macOS", []picture{
		{false, "Add Certificates", []string{"Keychain: login"}, 0, "Add", "Open the file, and add it to the login keychain."},
		{false, "Keychain Access", []string{"login", "Abaton at …"}, 2, "", "Find it in the keychain login under Certificates, and open it."},
		{false, "Abaton at …", []string{"▾ Trust", "SSL: Always Trust ⌄"}, 2, "", "Open Trust, and set Secure Sockets Layer (SSL) to Always Trust. Close the window; macOS asks for your password."},
	}, "That is for Safari, Chrome and Edge. Firefox is further down."},
	{"Firefox, on every computer", []picture{
		{false, "Settings", []string{"Privacy and Security", "Certificates"}, 0, "View Certificates…", "Settings, Privacy and Security, far down: View Certificates."},
		{false, "Certificate Manager", []string{"Your Certificates", "Authorities", "Servers"}, 2, "Import…", "Authorities, then Import, and choose the file."},
		{false, "Downloading Certificate", []string{"[✓] identify websites", "[  ] identify email users"}, 1, "OK", "Trust this CA to identify websites. Nothing else."},
	}, ""},
	{"Debian, Ubuntu and other Linux", []picture{
		{false, "chrome://certificate-manager", []string{"Local certificates", "Installed by you"}, 2, "", "Chromium and Chrome: Settings, Privacy and security, Security, Manage certificates, Local certificates, Installed by you."},
		{false, "Installed by you", []string{"Trusted Certificates"}, 0, "Import", "At Trusted Certificates press Import, and choose the file."},
		{false, "Terminal", []string{"$ sudo cp authority.crt …", "$ sudo update-ca-…"}, 0, "", "For other programs, such as curl, the line below."},
	}, "sudo cp authority.crt /usr/local/share/ca-certificates/abaton.crt && sudo update-ca-certificates"},
}

// pictures is all of them as HTML, each system folded together until it is opened.
func pictures() template.HTML {
	var b strings.Builder
	for _, s := range systems {
		class := "steps"
		if s.steps[0].phone {
			class += " slim"
		}
		fmt.Fprintf(&b, "<details><summary>%s</summary><ol class=%q>\n", html.EscapeString(s.name), class)
		for _, p := range s.steps {
			b.WriteString("<li>")
			p.draw(&b)
			fmt.Fprintf(&b, "<p>%s</p></li>\n", html.EscapeString(p.says))
		}
		b.WriteString("</ol>")
		switch {
		case strings.HasPrefix(s.also, "sudo"):
			fmt.Fprintf(&b, "<p><code>%s</code></p>", html.EscapeString(s.also))
		case s.also != "":
			fmt.Fprintf(&b, "<p>%s</p>", html.EscapeString(s.also))
		}
		b.WriteString("</details>\n")
	}
	return template.HTML(b.String()) // made of the words above alone
}

// draw is a picture as SVG: its colours are in the style of the page.
func (p picture) draw(b *strings.Builder) {
	wide, high, top, corner := 216, 156, 24, 5
	if p.phone {
		wide, high, top, corner = 164, 196, 36, 16
	}
	fmt.Fprintf(b, `<svg viewBox="0 0 %d %d" width="%d" height="%d" aria-hidden="true"><rect class="f" x="1" y="1" width="%d" height="%d" rx="%d"/>`, wide, high, wide, high, wide-2, high-2, corner)
	if p.phone {
		fmt.Fprintf(b, `<path class="l" d="M%d 10h24"/><text class="t" x="12" y="32">%s</text>`, wide/2-12, html.EscapeString(p.title))
	} else {
		fmt.Fprintf(b, `<path class="l" d="M1 %dh%d"/><text class="t" x="10" y="17">%s</text>`, top, wide-2, html.EscapeString(p.title))
	}
	y := top + 10
	for i, row := range p.rows {
		class := "r"
		if i+1 == p.hit {
			class = "h"
		}
		fmt.Fprintf(b, `<rect class="%s" x="8" y="%d" width="%d" height="24" rx="4"/><text class="%st" x="14" y="%d">%s</text>`, class, y, wide-16, class, y+16, html.EscapeString(row))
		y += 28
	}
	if p.button != "" {
		class, w := "r", min(wide-16, 16+7*len([]rune(p.button)))
		if p.hit == 0 {
			class = "h"
		}
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%d" height="24" rx="12"/><text class="%st" x="%d" y="%d" text-anchor="middle">%s</text>`,
			class, wide-8-w, high-33, w, class, wide-8-w/2, high-17, html.EscapeString(p.button))
	}
	b.WriteString("</svg>")
}
