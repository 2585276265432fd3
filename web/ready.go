package web

import (
	"context"
	"encoding/json"
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
