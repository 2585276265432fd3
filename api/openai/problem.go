package openai

// Problem is a failure in the dialect's words. Its status decides which
// exception a client library raises.
type Problem struct {
	Status  int    // HTTP
	Type    string // "invalid_request_error"
	Code    string // "model_not_found"; empty is null
	Param   string // empty is null
	Message string
	Retry   bool // the same request may succeed later
}

// Types of problems, as the dialect names them.
const (
	InvalidRequest = "invalid_request_error"
	RateLimit      = "rate_limit_error"
	ServerError    = "server_error"
)

// Problem tells of a request that could not be decoded.
func (e *BadRequest) Problem() Problem {
	return Problem{Status: 400, Type: InvalidRequest, Code: e.Code, Param: e.Param, Message: e.Message}
}

// Body gives the error object.
func (p Problem) Body() []byte {
	null := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	type object struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return encode(struct {
		Error object `json:"error"`
	}{object{p.Message, p.Type, null(p.Param), null(p.Code)}})
}
