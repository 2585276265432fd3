// Package anthropic translates between bytes of the Anthropic messages dialect
// and package chat, and does nothing else: no sockets, no clocks, no state.
// Shapes follow Anthropic's published reference and the types of its client
// libraries; how streams and failures are told follows what those read.
package anthropic

import (
	"net/url"
	"slices"
	"strings"

	"abaton.local/api/wire"
)

// Answer is what the frames of one answer carry.
type Answer struct {
	ID        string // "msg_…"
	RequestID string // told in failures; may be empty
}

// versions are what client libraries send. The newer one takes less in a
// request (no temperature, for one) and answers the same, so both are served
// alike, and as far as the older one goes.
var versions = []string{"2023-06-01", "2026-10-21"}

// CheckVersion looks at the header anthropic-version. Command lines leave it
// out; another version has other answers. The header anthropic-beta needs no
// look: what a beta changes is asked for by fields, and those are taken or
// refused one by one.
func CheckVersion(header string) error {
	if header == "" || slices.Contains(versions, header) {
		return nil
	}
	return &wire.BadRequest{Param: "anthropic-version", Code: wire.Unsupported,
		Message: "The header anthropic-version names a version that Abaton does not speak. Send " + strings.Join(versions, " or ") + "."}
}

// Page is the part of a list that is asked for.
type Page struct {
	Limit         int    // 0 for all
	After, Before string // names of models
}

// DecodePage reads the query of GET /v1/models. Its errors are *wire.BadRequest.
func DecodePage(query url.Values) (Page, error) {
	var p Page
	var d decoder
	for name, values := range query {
		value := wire.Value{Kind: wire.String, Text: values[0]}
		switch {
		case len(values) > 1:
			d.Fail(wire.Printable(name), wire.Invalid, "%s stands more than once in the address; send it once.", wire.Shown(name))
		case name == "limit":
			value.Kind = wire.Number
			p.Limit = int(d.Int(value, name, 1, 1000))
		case name == "after_id":
			p.After = d.Name(value, name)
		case name == "before_id":
			p.Before = d.Name(value, name)
		case name == "beta": // client libraries mark beta calls with it
		case name == "lifecycle": // every model of ours is active
		default:
			d.Fail(wire.Printable(name), wire.Unknown, "Unknown parameter %s in the address. Leave it out.", wire.Shown(name))
		}
	}
	if p.After != "" && p.Before != "" {
		d.Fail("before_id", wire.Invalid, "after_id and before_id exclude each other; send one of them.")
	}
	if d.Err != nil {
		return Page{}, d.Err
	}
	return p, nil
}
