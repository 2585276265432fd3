package openai

import "abaton.local/api/wire"

// Body gives the error object of a failure. The type in it follows from the
// status, as client libraries look at both.
func Body(p wire.Problem) []byte {
	return wire.Encode(struct {
		Error problem `json:"error"`
	}{problemOf(p)})
}

type problem struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func problemOf(p wire.Problem) problem {
	kind := "invalid_request_error"
	switch {
	case p.Status == 401:
		kind = "authentication_error"
	case p.Status == 403:
		kind = "permission_error"
	case p.Status == 404:
		kind = "not_found_error"
	case p.Status == 429:
		kind = "rate_limit_error"
	case p.Status >= 500:
		kind = "server_error"
	}
	return problem{p.Message, kind, orNull(p.Param), orNull(p.Code)}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
