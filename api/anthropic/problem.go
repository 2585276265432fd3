package anthropic

import "abaton.local/api/wire"

// failure is the dialect's error object.
type failure struct {
	Type      string  `json:"type"`
	Error     reason  `json:"error"`
	RequestID *string `json:"request_id"`
}

type reason struct {
	Type    string   `json:"type"`
	Message string   `json:"message"`
	Details *details `json:"details,omitempty"`
}

// details are read by client libraries that would like the server to keep a
// conversation: told so, they send the whole one themselves.
type details struct {
	ErrorCode   string   `json:"error_code"`
	Unsupported []string `json:"unsupported"`
}

// Body gives the error object of a failure. The type in it follows from the
// status, as client libraries look at both.
func Body(p wire.Problem, requestID string) []byte {
	f := failure{Type: "error", Error: reason{Type: kindOf(p.Status), Message: p.Message}}
	if requestID != "" {
		f.RequestID = &requestID
	}
	if p.Param == "thread" && p.Code == string(wire.Unsupported) {
		f.Error.Details = &details{"thread_unsupported_request", []string{"thread"}}
	}
	if p.Code == "context_length_exceeded" {
		// Agents look for these words, and shorten the conversation by themselves.
		f.Error.Message = "prompt is too long: " + p.Message
	}
	return wire.Encode(f)
}

func kindOf(status int) string {
	switch status {
	case 401:
		return "authentication_error"
	case 403:
		return "permission_error"
	case 404:
		return "not_found_error"
	case 408, 504:
		return "timeout_error"
	case 413:
		return "request_too_large"
	case 429:
		return "rate_limit_error"
	case 503, 529:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}
