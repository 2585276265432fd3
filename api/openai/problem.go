package openai

import "abaton.local/api/wire"

// Body gives the error object of a failure. The type in it follows from the
// status, as client libraries look at both.
func Body(p wire.Problem) []byte {
	null := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	kind := "invalid_request_error"
	switch {
	case p.Status == 401:
		kind = "authentication_error"
	case p.Status == 429:
		kind = "rate_limit_error"
	case p.Status >= 500:
		kind = "server_error"
	}
	type object struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return wire.Encode(struct {
		Error object `json:"error"`
	}{object{p.Message, kind, null(p.Param), null(p.Code)}})
}
