package models

import "testing"

// TestEstimate: files are about as large as their names say, where they say it.
func TestEstimate(t *testing.T) {
	for name, want := range map[string]float64{
		"smollm2-135m": 98_362_432, // as it is fetched
		"qwen3-8b":     5.03e9,     // as its publisher lists it
		"qwen3-0.6b":   397e6, "qwen3-30b-a3b-2507": 18.6e9, "granite-embedding-107m-multilingual": 214e6, "qwen3-embedding-0.6b": 639e6,
		"gemma-4-e2b": 0, "granite-4.0-micro": 0, // their names do not say it
	} {
		e, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := e.Estimate()
		if ok != (want > 0) || ok && (float64(got) < want/1.25 || float64(got) > want*1.25) {
			t.Errorf("%s: %d, %v; it has %.0f", name, got, ok, want)
		}
	}
}
