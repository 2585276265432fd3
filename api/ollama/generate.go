package ollama

import (
	"abaton.local/api/wire"
	"abaton.local/engine"
)

var generateFields = askedFields.with(map[string]askedField{
	"prompt": func(d *decoder, b *asked, v wire.Value, at string) { b.prompt = d.text(v, at) },
	"system": func(d *decoder, b *asked, v wire.Value, at string) { b.system = d.text(v, at) },
	"raw":    func(d *decoder, b *asked, v wire.Value, at string) { b.raw = d.Bool(v, at) },
	"images": func(d *decoder, b *asked, v wire.Value, _ string) { b.images = v },
})

// generate makes a conversation out of a prompt, or leaves it as it stands.
func (d *decoder) generate(b *asked) {
	b.Generate = true
	var images []engine.Image
	if b.images.Kind != "" {
		images = d.pictures(b.images, "images")
	}
	think := b.Ask.Options.Think
	switch {
	case b.raw && b.system != "":
		d.Fail("system", wire.Invalid, "system is not allowed where raw is true: write it into the prompt.")
	case b.raw && len(images) > 0:
		d.Fail("images", wire.Unsupported, "images are not supported where raw is true. Send them to /api/chat.")
	case b.raw && think != nil && *think:
		d.Fail("think", wire.Invalid, "think is not allowed where raw is true: no template puts it into words.")
	case b.prompt == "":
	case b.raw:
		b.Ask.Text = b.prompt
		b.Ask.Options.Think = nil
	default:
		if b.system != "" {
			b.Ask.Messages = append(b.Ask.Messages, engine.Message{Role: engine.System, Content: b.system})
		}
		b.Ask.Messages = append(b.Ask.Messages, engine.Message{Role: engine.User, Content: b.prompt, Images: images})
	}
}
