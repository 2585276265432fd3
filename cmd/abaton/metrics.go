package main

import (
	"fmt"
	"net/http"

	"abaton.local/gateway"
	"abaton.local/vault"
)

const metricsPath = "/metrics"

// metrics is what an owner may watch, in the text format of Prometheus. Nothing
// in it moves when somebody works: not requests, tokens or workers, of whose
// curve an owner who knows their people could read who was there and when.
func metrics(r *rooms, version string) gateway.Route {
	return gateway.Route{Method: http.MethodGet, Path: metricsPath, Policy: gateway.Owner,
		Serve: func(w http.ResponseWriter, _ *http.Request, _ vault.Session) {
			shelf, err := r.shelf.List()
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			gauge := func(name, help, labels string, value any) {
				fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s gauge\n%s%s %v\n", name, help, name, name, labels, value)
			}
			gauge("abaton_info", "The program that serves.", fmt.Sprintf("{version=%q,tier=%q}", version, r.jail.Tier()), 1)
			gauge("abaton_models", "Models on the shelf.", "", len(shelf))
			damaged := 0
			if err != nil {
				damaged = 1
			}
			gauge("abaton_shelf_damaged", "1 where a model's passport cannot be read: abaton models says which.", "", damaged)
			gauge("abaton_engine_memory_budget_bytes", "Memory that all engines together may need.", "", r.engine.Budget())
		}}
}
