//go:build long

package clients

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// ollamaSuite is the module whose own tests are run, in the version of go.mod.
const ollamaSuite = "github.com/ollama/ollama/integration"

// ollamaNames are the models that these tests ask for, and those that answer.
var ollamaNames = map[string]string{"llama3.2:1b": model, "llama3.2": model, "qwen3:0.6b": model, "all-minilm": embedder}

// outcome of a test of other people.
type outcome struct{ test, result, why string }

// ollamaOutcomes are all tests of that suite, with its tags integration and fast. What
// is left out needs models of many gigabytes; each says so.
var ollamaOutcomes = []outcome{
	{"TestAPIGenerate", failed, "wants `load_duration` and `context`, which are not told: how long a load took tells what had been asked before; and `/api/ps` has the model's own name"},
	{"TestAPIChat", failed, "wants `load_duration`, as above"},
	{"TestAPIListModels", pass, ""},
	{"TestAPIShowModel", failed, "wants the template and parameters of a Modelfile: there is none"},
	{"TestAPIGenerateLogprobs", pass, ""},
	{"TestAPIChatLogprobs", pass, ""},
	{"TestBlueSky", pass, ""},
	{"TestNumPredict", pass, ""},
	{"TestConcurrentChat", pass, ""},
	{"TestLongInputContext", left, "wants `num_ctx` to end an answer: here it is the least that a model looks at, and a very small model talks for minutes"},
	{"TestContextExhaustion", left, "as above"},
	{"TestGenerateWithHistory", left, "asks anew until its time is over: minutes"},
	{"TestChatWithHistory", left, "as above"},
	{"TestEmbedCosineDistanceCorrelation/all-minilm", pass, ""},
	{"TestAllMiniLMEmbeddings", pass, ""},
	{"TestAllMiniLMEmbed", pass, ""},
	{"TestAllMiniLMBatchEmbed", pass, ""},
	{"TestAllMiniLMEmbedTruncate", failed, "`num_ctx` does not shorten what an embedding model looks at: a text is cut at the model's own length"},
	{"TestEmbedTruncation/all-minilm", failed, "as above"},
	{"TestEmbedLargeInput/all-minilm", pass, ""},
	{"TestEmbedStatusCode/all-minilm", failed, "as above"},
	{"TestUnicode", left, "its model has 16 thousand million parameters"},
	{"TestExtendedUnicodeOutput", left, "asks gemma2 for emoticons"},
	{"TestUnicodeModelDir", left, "for Windows only, and for a server that it starts"},
	{"TestMultiModelStress", left, "loads models of its list until memory is full"},
	{"TestParallelGenerateWithHistory", left, "its model has 20 thousand million parameters"},
	{"TestParallelChatWithHistory", left, "its model has 20 thousand million parameters"},
	{"TestImageGeneration", left, "pictures are not made here"},
	{"TestVisionModels", left, "its models have thousands of millions of parameters"},
	{"TestIntegrationSplitBatch", left, "its model sees, and has 4 thousand million parameters"},
	{"TestMaxQueue", left, "skips itself"},
	{"TestAPIToolCalling/llama3.2", pass, ""},
}

// TestOllamasOwnTests runs Ollama's integration tests against a server that exists, at
// the door without a key, for they send none and look for it at the bare address.
func TestOllamasOwnTests(t *testing.T) {
	aliased(t, ollamaNames)
	suite := filepath.Join(t.TempDir(), "suite")
	build := exec.Command("go", "test", "-c", "-tags", "integration,fast", "-o", suite, ollamaSuite)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []outcome
	for _, want := range ollamaOutcomes {
		if want.result == left {
			got = append(got, want)
			continue
		}
		var parts []string
		for part := range strings.SplitSeq(want.test, "/") {
			parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
		}
		out := suiteRun(t, suite, strings.Join(parts, "/"))
		for range 4 { // it draws its questions, and a very small model does not know every answer
			if want.result != pass || ended(out, want.test) != failed || !bytes.Contains(out, []byte("] found in ")) {
				break
			}
			out = suiteRun(t, suite, strings.Join(parts, "/"))
		}
		if dir := os.Getenv("SUITE_OUT"); dir != "" {
			_ = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(want.test, "/", "_")), out, 0o644)
		}
		result := ended(out, want.test)
		if result != want.result {
			t.Errorf("%s: %s, and %s was expected\n%s", want.test, result, want.result, tail(string(out)))
		}
		got = append(got, outcome{want.test, result, want.why})
	}
	published(t, "ollama-suite", got)
}

// suiteRun runs one test of the suite and gives what it said.
func suiteRun(t *testing.T, suite, test string) []byte {
	r := closed(t, 5*time.Minute, t.TempDir(), []string{"OLLAMA_TEST_EXISTING=1", "OLLAMA_HOST=" + keylessAddress, "OLLAMA_TEST_DEFAULT_MODEL=llama3.2:1b", "OLLAMA_NUM_PARALLEL=1"},
		suite, "-test.v", "-test.run", test, "-test.timeout", "4m")
	return []byte(r.out + r.errs)
}

// ended reads how a test of Go ended.
func ended(out []byte, name string) string {
	for result, word := range map[string]string{pass: "PASS", failed: "FAIL", skipped: "SKIP"} {
		if bytes.Contains(out, []byte("--- "+word+": "+name+" (")) {
			return result
		}
	}
	return "did not end"
}

// Results besides pass and refused.
const (
	failed  = "fails"
	skipped = "skips itself"
	left    = "left out"
)

// aliased gives models further names, until the test ends.
func aliased(t *testing.T, names map[string]string) {
	t.Helper()
	path := filepath.Join(served.work, "config", "abaton.toml")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	conf := string(before)
	for name, is := range names {
		conf += fmt.Sprintf("[models.%q]\nis = %q\n", name, is)
	}
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0o644); err != nil {
			t.Error(err)
		}
		if err := anew(); err != nil {
			t.Error(err)
		}
	})
	if err := anew(); err != nil {
		t.Fatal(err)
	}
}

// published puts outcomes into their section of the page.
func published(t *testing.T, section string, list []outcome) {
	t.Helper()
	if t.Failed() {
		return
	}
	var b strings.Builder
	b.WriteString("| test | outcome | why |\n|---|---|---|\n")
	for _, o := range list {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.test, o.result, o.why)
	}
	b.WriteString("\n")
	page(t, section, b.String())
}
