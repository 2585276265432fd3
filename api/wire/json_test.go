package wire

import (
	"strings"
	"testing"
)

// What two readers could understand in two ways is refused, and so is what costs much;
// no error quotes what it is about, but for keys.
func TestDocumentsThatAreRefused(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                   ``,
		"a list":                    `[1]`,
		"a key twice":               `{"a":1,"a":2}`,
		"a key twice, escaped":      `{"a":1,"\u0061":2}`,
		"a key twice, deep":         `{"x":[{"y":{"a":1,"b":2,"a":3}}]}`,
		"two documents":             `{} {}`,
		"a half after":              `{}x`,
		"65 deep":                   `{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
		"a million deep":            strings.Repeat(`{"a":`, 1_000_000),
		"too many values":           `{"a":[` + strings.Repeat("0,", maxValues) + `0]}`,
		"NUL":                       "{\"a\":\"\x00\"}",
		"NUL, escaped":              `{"a":"CANARY\u0000"}`,
		"half a pair":               `{"a":"CANARY\ud800"}`,
		"half a pair and another":   `{"a":"\ud800\ud800"}`,
		"an escape that is none":    `{"a":"\u00g0"}`,
		"an escape at the end":      `{"a":"\u00`,
		"a backslash at the end":    `{"a":"\`,
		"invalid UTF-8":             "{\"a\":\"CANARY\xff\"}",
		"invalid UTF-8 in a key":    "{\"\xff\":1}",
		"a byte order mark":         "\ufeff{}",
		"a number that is none":     `{"a":01}`,
		"a comment":                 `{"a":1/*CANARY*/}`,
		"single quotes":             `{'CANARY':1}`,
		"a comma at the end":        `{"a":1,}`,
		"not a number":              `{"a":NaN}`,
		"an object that stays open": `{"a":{"b":1}`,
	} {
		_, err := Parse([]byte(body))
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), "CANARY") || len(err.Error()) > 300 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, body := range []string{`{}`, `{"a":1,"A":2}`, `{"a":"\ud83d\ude00\"\\"}`, ` {"a":[[],{}]} `, `{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`} {
		if _, err := Parse([]byte(body)); err != nil {
			t.Errorf("%.40s: %v", body, err)
		}
	}
}

// A number is what its digits say or an error, never one near by.
func TestNumbersBeyondFloats(t *testing.T) {
	for digits, want := range map[string]int64{
		"9007199254740993": 9007199254740993, "-9007199254740993": -9007199254740993, "9223372036854775807": 9223372036854775807,
		"9223372036854775808": -1, "1e400": -1, "1e3": -1, "1.0": -1, "-0": 0, "123456789012345678901234567890": -1,
	} {
		root, err := Parse([]byte(`{"n":` + digits + `}`))
		if err != nil {
			t.Fatal(err)
		}
		var d Reader
		got := d.Int(root.Fields[0].Value, "n", -1<<63, 1<<63-1)
		if (d.Err != nil) != (want == -1) || d.Err == nil && got != want {
			t.Errorf("%s: %d %v", digits, got, d.Err)
		}
	}
	var d Reader
	if root, _ := Parse([]byte(`{"n":1e400}`)); d.Float(root.Fields[0].Value, "n", 0, 1e300) != nil || d.Err == nil {
		t.Error("a number without end was taken")
	}
}
