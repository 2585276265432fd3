package wire

// BadRequest says which parameter of a request is wrong, and what to do. It
// holds no value that was sent.
type BadRequest struct {
	Param   string // "messages[2].content"; empty for the whole body
	Message string
	Code    Code
}

func (e *BadRequest) Error() string { return e.Message }

// Problem tells of a request that could not be decoded.
func (e *BadRequest) Problem() Problem {
	return Problem{Status: 400, Code: string(e.Code), Param: e.Param, Message: e.Message}
}

// Code is a word for what is wrong with a parameter.
type Code string

// The codes.
const (
	Invalid     Code = "invalid_value"
	Unsupported Code = "unsupported_parameter"
	Unknown     Code = "unknown_parameter"
	Missing     Code = "missing_required_parameter"
	InvalidJSON Code = "invalid_json"
)

// Problem is a failure in no dialect's words. Its status decides which exception
// a client library raises.
type Problem struct {
	Status  int    // HTTP
	Code    string // "model_not_found"; may be empty
	Param   string // may be empty
	Message string
	Retry   bool // the same request may succeed later
	After   int  // seconds until then, where that is known; 0 for soon
	Mute    bool // what was said of the answer is not said again with it
}
