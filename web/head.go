package web

import "net/http"

// policy is what a page may do: load its own scripts and styles, talk to its own
// server, send its own forms, and nothing else. No script can make HTML of text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"frame-src 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// abilities of browsers that no page of ours has.
const abilities = "accelerometer=(), ambient-light-sensor=(), autoplay=(), bluetooth=(), browsing-topics=(), camera=(), display-capture=(), encrypted-media=(), " +
	"fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), " +
	"payment=(), picture-in-picture=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), web-share=(), xr-spatial-tracking=()"

// harden sets what every page carries, beside what the door has set. A form of a
// page that sends no referrer at all has the origin "null", which the door
// refuses; so it is sent to ourselves, and to nobody else.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Permissions-Policy", abilities)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-DNS-Prefetch-Control", "off")
	h.Set("Origin-Agent-Cluster", "?1")
}
