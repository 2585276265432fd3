// Package anthropic translates between bytes of the Anthropic messages dialect
// and package chat, and does nothing else: no sockets, no clocks, no state.
// Shapes follow Anthropic's published reference and the types of its client
// libraries; how streams and failures are told follows what those read.
package anthropic

import (
	"net/url"

	"abaton.local/api/wire"
)

// Answer is what the frames of one answer carry.
type Answer struct {
	ID        string // "msg_…"
	RequestID string // told in failures; may be empty
}

// version is the dialect's only living one.
const version = "2023-06-01"

// CheckVersion looks at the header anthropic-version. Command lines leave it
// out; another version has other streams. The header anthropic-beta needs no
// look: what a beta changes is asked for by fields, and those are taken or
// refused one by one.
func CheckVersion(header string) error {
	if header == "" || header == version {
		return nil
	}
	return &wire.BadRequest{Param: "anthropic-version", Code: wire.Unsupported,
		Message: "The header anthropic-version names a version that Abaton does not speak. Send " + version + "."}
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
