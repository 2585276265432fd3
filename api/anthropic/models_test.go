package anthropic

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"abaton.local/api/wire"
)

func TestModels(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	one := string(Model{"tiny", when, 2048}.Encode())
	if want := `{"type":"model","id":"tiny","display_name":"tiny","created_at":"2026-01-02T02:04:05Z","lifecycle":"active","max_input_tokens":2048,"max_tokens":2048}`; one != want {
		t.Errorf("got  %s\nwant %s", one, want)
	}
	unknown := string(Model{"tiny", time.Time{}, 0}.Encode())
	if want := `{"type":"model","id":"tiny","display_name":"tiny","created_at":"1970-01-01T00:00:00Z","lifecycle":"active","max_input_tokens":null,"max_tokens":null}`; unknown != want {
		t.Errorf("got  %s\nwant %s", unknown, want)
	}
	none, err := EncodeModels(nil, Page{})
	if want := `{"data":[],"has_more":false,"first_id":null,"last_id":null}`; err != nil || string(none) != want {
		t.Errorf("got %s, %v", none, err)
	}
}

func TestPages(t *testing.T) {
	all := []Model{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	for query, want := range map[string]string{
		"":                              "abcd",
		"limit=4":                       "abcd",
		"limit=2":                       "ab+",
		"limit=2&after_id=b":            "cd",
		"after_id=d":                    "",
		"before_id=c":                   "ab",
		"limit=1&before_id=c&beta=true": "b+",
		"limit=0":                       "!limit",
		"limit=1001":                    "!limit",
		"limit=two":                     "!limit",
		"limit=":                        "!limit",
		"limit=1&limit=2":               "!limit",
		"after_id=x":                    "!after_id",
		"before_id=x":                   "!before_id",
		"after_id=a&before_id=c":        "!before_id",
		"after_id=" + "a%0Ab":           "!after_id",
		"order=up":                      "!order",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		p, err := DecodePage(values)
		var body []byte
		if err == nil {
			body, err = EncodeModels(all, p)
		}
		if bad, is := errors.AsType[*wire.BadRequest](err); is {
			if "!"+bad.Param != want {
				t.Errorf("%s: %+v, want %s", query, bad, want)
			}
			continue
		}
		var list struct {
			Data    []struct{ ID string }
			HasMore bool   `json:"has_more"`
			FirstID string `json:"first_id"`
			LastID  string `json:"last_id"`
		}
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, m := range list.Data {
			got += m.ID
		}
		if got != "" && (list.FirstID != got[:1] || list.LastID != got[len(got)-1:]) {
			t.Errorf("%s: edges of %s", query, body)
		}
		if list.HasMore {
			got += "+"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, ok := range []string{"", "2023-06-01", "2026-10-21"} {
		if err := CheckVersion(ok); err != nil {
			t.Error(err)
		}
	}
	for _, no := range []string{"2023-01-01", "2023-06-01 ", "2099-01-01", "latest", strings.Repeat("x", 1<<16)} {
		bad, is := errors.AsType[*wire.BadRequest](CheckVersion(no))
		if !is || len(bad.Message) > 200 || bad.Param != "anthropic-version" {
			t.Errorf("%.20s: %+v", no, bad)
		}
	}
}

func TestProblems(t *testing.T) {
	for status, want := range map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
		405: "invalid_request_error", 408: "timeout_error", 413: "request_too_large", 415: "invalid_request_error",
		429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "overloaded_error", 504: "timeout_error", 529: "overloaded_error",
	} {
		got := string(Body(wire.Problem{Status: status, Message: `a "b" <c>`}, "req_1"))
		if body := `{"type":"error","error":{"type":"` + want + `","message":"a \"b\" <c>"},"request_id":"req_1"}`; got != body {
			t.Errorf("%d: %s", status, got)
		}
	}
	long := string(Body(wire.Problem{Status: 400, Code: "context_length_exceeded", Message: "9 of 8 tokens."}, ""))
	if want := `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 of 8 tokens."},"request_id":null}`; long != want {
		t.Error(long)
	}
	if n := string(EncodeCount(42)); n != `{"input_tokens":42}` {
		t.Error(n)
	}
}
