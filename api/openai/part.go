package openai

import (
	"encoding/base64"
	"strings"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const maxPictures = 32 // in one request; their size is bounded with the body's

// content joins text parts by newlines, as other servers of this dialect do, and
// keeps the pictures of a person's message beside them.
func (d *decoder) content(v wire.Value, at string, role engine.Role) (text string, pictures [][]byte) {
	if v.Kind == wire.String {
		return v.Text, nil
	}
	if v.Kind != wire.List || len(v.List) == 0 {
		d.Fail(at, wire.Invalid, "%s is %s; send a string or a list of parts.", at, v.Kind)
		return "", nil
	}
	var texts []string
	for i, part := range v.List {
		where := index(at, i)
		switch kind(part) {
		case "text":
			texts = append(texts, d.textPart(part, where, "text"))
		case "refusal": // what the assistant said instead
			texts = append(texts, d.textPart(part, where, "refusal"))
		case "image_url":
			if role != engine.User {
				d.Fail(where, wire.Unsupported, "%s is a picture; only messages of the role user can hold one.", where)
			}
			pictures = append(pictures, d.imagePart(part, where))
		default:
			d.notPart(part, where)
		}
	}
	return strings.Join(texts, "\n"), pictures
}

// notPart tells why a part is none that can be read.
func (d *decoder) notPart(part wire.Value, at string) {
	switch what := kind(part); {
	case part.Kind != wire.Object:
		d.Want(part, at, wire.Object)
	case what == "":
		d.Fail(at+".type", wire.Missing, `%s is no part we know; send {"type":"text","text":"…"}.`, at)
	default:
		d.Fail(at+".type", wire.Unsupported, "%s is neither text nor a picture: audio, video and files are not part of Abaton. Send text and pictures only.", at)
	}
}

// textPart reads a part whose text stands in the field named key.
func (d *decoder) textPart(v wire.Value, at, key string) (text string) {
	have := d.object(v, at, table{
		"type": d.is(wire.String), key: d.text(&text),
		"prompt_cache_breakpoint": func(wire.Value, string) {},                  // a caching hint
		"annotations":             d.is(wire.List), "logprobs": d.is(wire.List), // of an answer that is sent back
	})
	if !have[key] {
		d.Fail(at, wire.Missing, "%s has no %s; send it as a string.", at, key)
	}
	return text
}

// imagePart reads a picture of chat completions.
func (d *decoder) imagePart(v wire.Value, at string) (raw []byte) {
	have := d.object(v, at, table{
		"type":                    d.is(wire.String),
		"prompt_cache_breakpoint": func(wire.Value, string) {},
		"image_url": func(v wire.Value, at string) {
			have := d.object(v, at, table{
				"url":    func(v wire.Value, at string) { raw = d.dataURL(v, at) },
				"detail": d.is(wire.String), // a picture is always shown as large as the model takes it
			})
			if !have["url"] {
				d.Fail(at+".url", wire.Missing, "%s.url is missing: send the picture as a data: URL.", at)
			}
		},
	})
	if !have["image_url"] {
		d.Fail(at+".image_url", wire.Missing, `%s.image_url is missing: send {"url":"data:image/png;base64,…"}.`, at)
	}
	return raw
}

// dataURL reads the bytes of a picture. Nothing is fetched, ever: an address
// would tell its owner who looks, and when.
func (d *decoder) dataURL(v wire.Value, at string) []byte {
	if !d.Want(v, at, wire.String) {
		return nil
	}
	rest, ok := strings.CutPrefix(v.Text, "data:")
	if !ok {
		d.Fail(at, wire.Unsupported, "%s is an address, and Abaton fetches nothing. Send the picture itself, as a data: URL.", at)
		return nil
	}
	head, data, ok := strings.Cut(rest, ",")
	media, coded := strings.CutSuffix(head, ";base64")
	if !ok || !coded || !strings.HasPrefix(media, "image/") {
		d.Fail(at, wire.Invalid, "%s is no picture in base64; it must begin with data:image/…;base64,", at)
		return nil
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(data)
	if err != nil || len(raw) == 0 || strings.ContainsAny(data, "\r\n") {
		d.Fail(at, wire.Invalid, "%s does not hold valid base64. Encode the picture anew.", at)
		return nil
	}
	return raw
}

// picture keeps one.
func (d *decoder) picture(p wire.Picture, at string) {
	if len(d.pictures) == maxPictures {
		d.Fail(at, wire.Invalid, "The request holds more than %d pictures. Send fewer.", maxPictures)
		return
	}
	d.pictures = append(d.pictures, p)
}
