package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"abaton.local/web/markup"
)

// arrival is what is still on its way to this machine, for the pages of the first
// minutes. It is read from the shelf, to which a pull writes that began before this
// process was locked down: here nothing can be fetched.
type arrival struct {
	Words string `json:"words"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0: how much there is to come is not known
	Ready bool   `json:"ready"`
}

// Building is how far an install of the engine is.
type Building struct {
	Stage       string // fetching: Done and Total are bytes; building: steps; else another word for what is done
	Done, Total int64  // Total 0 or less: not known
}

// words says it.
func (b Building) words() string {
	switch {
	case b.Stage == "fetching" && b.Total > 0:
		return "The engine is being fetched: " + bytesOf(b.Done) + " of " + bytesOf(b.Total) + "."
	case b.Stage == "fetching":
		return "The engine is being fetched: " + bytesOf(b.Done) + "."
	case b.Stage == "building" && b.Total > 0:
		return fmt.Sprintf("The engine is being built from its source: step %d of %d. That takes minutes, once.", b.Done, b.Total)
	case b.Stage == "building", b.Stage == "preparing":
		return "The engine is about to be built from its source. That takes minutes, once."
	case b.Stage == "unpacking":
		return "The engine was fetched and is being unpacked."
	}
	return "The engine is being looked at."
}

// Words of what is under way.
const (
	arriving = "The engine is on its way to this machine: fetched, or built from its source, which takes minutes. The terminal in which Abaton was started shows how far it is. You can go on meanwhile."
	stuck    = "Engine or model is missing, and nothing is on its way. Who runs this machine types in a terminal: abaton pull"
	arrived  = "Engine and model are here. You can ask."
)

// arrival says what is missing; nil where all is here.
func (p *Pages) arrival(ctx context.Context) *arrival {
	if p.Ready == nil || p.Ready(ctx) {
		return nil
	}
	if p.Pulls != nil {
		if pulls, err := p.Pulls(); err == nil && len(pulls) > 0 {
			x := pulls[0]
			a := &arrival{Words: markup.Clean(x.Name) + " is being fetched: " + bytesOf(x.Done)}
			if x.Total > 0 {
				a.Words += " of " + bytesOf(x.Total)
				a.Done, a.Total = min(x.Done, x.Total), x.Total
			}
			a.Words += ". You can go on meanwhile."
			return a
		}
	}
	if p.Building != nil {
		if b, at := p.Building(); at {
			a := &arrival{Words: b.words() + " You can go on meanwhile."}
			if b.Total > 0 {
				a.Done, a.Total = min(b.Done, b.Total), b.Total
			}
			return a
		}
	}
	if p.Fetching != nil && p.Fetching() {
		return &arrival{Words: arriving}
	}
	return &arrival{Words: stuck}
}

// tellReady tells a page's script how far it is.
func (p *Pages) tellReady(v visit) {
	a := p.arrival(v.r.Context())
	if a == nil {
		a = &arrival{Words: arrived, Ready: true}
	}
	harden(v.w.Header())
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(v.w).Encode(a) // an error is the client's hanging up
}
