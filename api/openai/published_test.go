package openai

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is OpenAI's published OpenAPI document. A nil one takes everything.
type document struct {
	compiler *jsonschema.Compiler
	schemas  map[string]any
	events   map[string]string // the schema of each event of a response
}

// openAPI reads the document below DATA. Where DATA is not given it says what is
// left out; where it is given, the document must be there.
func openAPI(t *testing.T) *document {
	t.Helper()
	data := os.Getenv("DATA")
	if data == "" {
		t.Log("left out for want of DATA: what is sent is not held against OpenAI's published document")
		return nil
	}
	d, err := published()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// published is read once for all tests.
var published = sync.OnceValues(func() (*document, error) {
	f, err := os.Open(filepath.Join(os.Getenv("DATA"), "openai", "openapi.json.gz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(z)
	if err != nil {
		return nil, err
	}
	root := nullable(doc).(map[string]any)
	schemas := root["components"].(map[string]any)["schemas"].(map[string]any)
	d := &document{compiler: jsonschema.NewCompiler(), schemas: schemas, events: map[string]string{}}
	if err := d.compiler.AddResource("openapi.json", root); err != nil {
		return nil, err
	}
	for name, s := range schemas {
		if kind := eventType(s); kind != "" && !strings.HasPrefix(name, "Beta") && !strings.HasPrefix(name, "Realtime") {
			d.events[kind] = name
		}
	}
	if len(schemas) < 500 || len(d.events) < 40 {
		return nil, fmt.Errorf("the document is not whole: %d schemas, %d events", len(schemas), len(d.events))
	}
	return d, nil
})

// eventType is the one value of a schema's "type", where it looks like an event's.
func eventType(schema any) string {
	s, _ := schema.(map[string]any)
	props, _ := s["properties"].(map[string]any)
	_, counted := props["sequence_number"]
	typ, _ := props["type"].(map[string]any)
	values, _ := typ["enum"].([]any)
	if !counted || len(values) != 1 {
		return ""
	}
	kind, _ := values[0].(string)
	return kind
}

// nullable turns the older word of OpenAPI 3.0, which the document still uses,
// into one of JSON Schema.
func nullable(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = nullable(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = nullable(v[name])
		}
		// Filters of file search, which we have not, refer to themselves in a way
		// that JSON Schema has given up.
		delete(v, "$recursiveAnchor")
		delete(v, "$recursiveRef")
		if v["nullable"] == true {
			delete(v, "nullable")
			return map[string]any{"anyOf": []any{map[string]any{"type": "null"}, v}}
		}
	}
	return v
}

// bodies names the schema of each endpoint's answer.
var bodies = map[string]string{
	"chat": "CreateChatCompletionResponse", "completions": "CreateCompletionResponse", "responses": "Response", "items": "ResponseItemList",
	"embeddings": "CreateEmbeddingResponse", "error": "ErrorResponse", "models": "ListModelsResponse", "model": "Model",
}

func (d *document) body(t testing.TB, endpoint string, body []byte) {
	t.Helper()
	if d != nil {
		d.valid(t, bodies[endpoint], body)
	}
}

// stream holds each frame of a stream against the document.
func (d *document) stream(t testing.TB, endpoint string, stream []byte) {
	t.Helper()
	if d == nil {
		return
	}
	for frame := range bytes.SplitSeq(stream, []byte("\n\n")) {
		_, data, ok := bytes.Cut(frame, []byte("data: "))
		if !ok || string(data) == "[DONE]" {
			continue
		}
		var head struct {
			Type  string
			Error json.RawMessage
		}
		if err := json.Unmarshal(data, &head); err != nil {
			t.Fatal(err)
		}
		switch {
		case endpoint == "responses":
			if d.events[head.Type] == "" {
				t.Fatalf("no event %q is published", head.Type)
			}
			d.valid(t, d.events[head.Type], data)
		case head.Error != nil:
			d.valid(t, "ErrorResponse", data)
		case endpoint == "completions":
			d.valid(t, "CreateCompletionResponse", finished(data))
		default:
			d.valid(t, "CreateChatCompletionStreamResponse", unsaid(data))
		}
	}
}

// unsaid takes the nulls out of a chunk that OpenAI's own server sends, too, and
// that its document forgets: it describes them in words only.
func unsaid(data []byte) []byte {
	data = bytes.ReplaceAll(data, []byte(`,"usage":null`), nil)
	return bytes.ReplaceAll(data, []byte(`,"logprobs":null`), nil)
}

// finished gives a reason to a piece that has none yet: the document knows no
// pieces of completions.
func finished(data []byte) []byte {
	return bytes.ReplaceAll(data, []byte(`"finish_reason":null`), []byte(`"finish_reason":"stop"`))
}

func (d *document) valid(t testing.TB, name string, body []byte) {
	t.Helper()
	schema, err := d.compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("not as published in %s: %v\n%s", name, err, body)
	}
}

// TestPublishedDocumentIsStrict proves that what is not as published is seen.
func TestPublishedDocumentIsStrict(t *testing.T) {
	d := openAPI(t)
	if d == nil {
		return
	}
	for name, body := range map[string]string{
		"CreateChatCompletionResponse": `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"user","content":"","refusal":null},"logprobs":null,"finish_reason":"stop"}]}`,
		"Response":                     `{"id":"x","object":"response"}`,
		"ResponseTextDeltaEvent":       `{"type":"response.output_text.delta","delta":"x"}`,
		"ResponseCompletedEvent":       `{"type":"response.completed","sequence_number":1,"response":{"id":"x"}}`,
		"ErrorResponse":                `{"error":"x"}`,
	} {
		schema, err := d.compiler.Compile("openapi.json#/components/schemas/" + name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(v) == nil {
			t.Errorf("%s takes what is not as published", name)
		}
	}
}
