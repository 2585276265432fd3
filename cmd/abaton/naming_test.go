package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A configuration gives models names of one's own, and what holds for them.
func TestModelTables(t *testing.T) {
	dir := t.TempDir()
	read := func(text string) (config, error) {
		if err := os.WriteFile(filepath.Join(dir, "abaton.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("ABATON_CONFIG_DIR", dir)
		return readConfig(nil)
	}
	c, err := read("[models.gpt-4o]\nis = \"smollm2-135m\"\ntemperature = 0.1\ncontext = 2048\n[models.\"smollm2-135m\"]\ninstruction = \"Be brief.\"\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.meant("gpt-4o") != "smollm2-135m" || c.meant("smollm2-135m") != "smollm2-135m" || c.meant("") != "" {
		t.Error(c.Models)
	}
	d := c.Models["gpt-4o"].defaults()
	if *d.Options.Temperature != 0.1 || d.ContextTokens != 2048 || c.Models["smollm2-135m"].defaults().Instruction != "Be brief." {
		t.Errorf("%+v", d)
	}
	for text, want := range map[string]string{
		"[models.a]\ntemperature = 3.0\n":                "models.a: temperature and repeat_penalty: from 0 to 2",
		"[models.a]\ncontext = 1\n":                      "context: from 64",
		"[models.a]\nis = \"b\"\n[models.b]\nis=\"c\"\n": "models.a: is: names a name of your own",
		"[models.a]\ntemprature = 1.0\n":                 "no setting is called",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
