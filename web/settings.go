package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"abaton.local/shaper"
	"abaton.local/vault"
)

// settings is how one person wants the page. They lie sealed in their vault
// (docs/formats/settings.md), so they are the same on every device.
type settings struct {
	Schema int    `json:"schema"`
	Theme  string `json:"theme,omitempty"` // light or dark; empty: as the device has it
	Model  string `json:"model,omitempty"` // of new conversations; empty: that of the installation
	Shape  string `json:"shape,omitempty"` // paced, sealed or channel; empty: as the installation has it
}

var (
	themes = []string{"", "light", "dark"}
	shapes = []string{"", shaper.Paced.String(), shaper.Sealed.String(), shaper.Channel.String()}
)

// errSettings says that what is kept makes no sense.
var errSettings = errors.New("your settings cannot be read: a later version of Abaton may have written them. Save them anew")

// place of the settings in a vault: a small number, which no random identifier is.
var settingsID = vault.ID{15: 7}

const (
	settingsSchema = 1
	mostModelName  = 1000 // bytes
)

func (s settings) valid() bool {
	return s.Schema == settingsSchema && slices.Contains(themes, s.Theme) && slices.Contains(shapes, s.Shape) && len(s.Model) <= mostModelName
}

// parseSettings reads strictly.
func parseSettings(b []byte) (s settings, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&s) != nil || !s.valid() {
		return settings{}, errSettings
	}
	if _, err := d.Token(); err != io.EOF {
		return settings{}, errSettings
	}
	return s, nil
}

// settingsOf are those of a session's person; where there are none, the zero ones.
func settingsOf(ctx context.Context, s vault.Session) (settings, error) {
	v, err := s.Vault()
	if err != nil {
		return settings{}, err
	}
	b, err := v.Read(ctx, settingsID)
	if errors.Is(err, vault.ErrNoRecord) {
		return settings{Schema: settingsSchema}, nil
	}
	if err != nil {
		return settings{}, fmt.Errorf("your settings: %w", err)
	}
	return parseSettings(b)
}

func keepSettings(ctx context.Context, s vault.Session, to settings) error {
	v, err := s.Vault()
	if err != nil {
		return err
	}
	b, err := json.Marshal(to)
	if err != nil {
		panic("web: " + err.Error()) // texts and a number
	}
	return v.Write(ctx, vault.Edit{Put: []vault.Put{{ID: settingsID, Container: settingsID, Kind: vault.KindSetting, Payload: b}}})
}

// shape is how much a person wants hidden, beyond what the installation does. Where
// that cannot be read, it is the most that there is.
func (v visit) shape() shaper.Mode {
	switch {
	case v.unread, v.own.Shape == shaper.Channel.String():
		return shaper.Channel
	case v.own.Shape == shaper.Sealed.String():
		return shaper.Sealed
	case v.own.Shape == shaper.Paced.String():
		return shaper.Paced
	}
	return shaper.Off
}

// hides is how much is hidden of what is sent to a visit.
func (p *Pages) hides(v visit) shaper.Mode { return max(p.mode(v.r, v.s.Person), v.shape()) }

// shows tells of a question that came by a way which shows on the network that there
// was one, where its person wants that nothing does.
func (p *Pages) shows(v visit) bool { return p.hides(v) == shaper.Channel && !v.channel }

// choosing is what the page of settings shows.
type choosing struct {
	settings
	Models  []string
	Gone    bool   // the chosen model is not here
	Default string // of the installation
	Least   string // shape
	Unread  bool
}

// settings shows them.
func (p *Pages) settings(v visit) {
	x, err := p.framed(v, "settings")
	if err != nil {
		p.fail(v, err)
		return
	}
	var c conversation
	p.choices(&c, "")
	s := choosing{settings: v.own, Models: c.Models, Default: c.Model, Least: p.mode(v.r, v.s.Person).String(), Unread: v.unread}
	s.Gone = s.Model != "" && !slices.Contains(s.Models, s.Model)
	x.Content = s
	p.render(v.w, v.r, http.StatusOK, "settings", x)
}

// settingsSaid keeps them.
func (p *Pages) settingsSaid(v visit) {
	to := settings{settingsSchema, field(v.r, "theme"), field(v.r, "model"), field(v.r, "shape")}
	if !to.valid() {
		p.problem(v, http.StatusUnprocessableEntity, "There are no such settings. Go back, and choose from what the page shows.")
		return
	}
	if err := keepSettings(v.r.Context(), v.s, to); err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/settings")
}

// keyboard lists what keys do.
func (p *Pages) keyboard(v visit) {
	x, err := p.framed(v, "keyboard")
	if err != nil {
		p.fail(v, err)
		return
	}
	p.render(v.w, v.r, http.StatusOK, "keyboard", x)
}
