package posture_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"abaton.local/posture"
)

func check(id string, l posture.Level, f posture.Finding) posture.Check {
	return posture.Check{ID: id, Title: id, Maps: []string{"PA102-R28"}, Level: l,
		Run: func(context.Context) posture.Finding { return f }}
}

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		status posture.Status
		want   int
	}{
		{posture.Pass, 0}, {posture.Warn, 0}, {posture.NA, 0}, {posture.Manual, 0},
		{posture.Fail, 5}, {posture.Unknown, 5}, {"", 5}, {"fine", 5},
	} {
		r := posture.Run(t.Context(), []posture.Check{
			check("A-1", posture.Probed, posture.Finding{Status: posture.Pass}),
			check("A-2", posture.Probed, posture.Finding{Status: c.status}),
		})
		if got := r.ExitCode(); got != c.want {
			t.Errorf("status %q: exit code %d, want %d", c.status, got, c.want)
		}
	}
	if got := posture.Run(t.Context(), nil).ExitCode(); got != 5 {
		t.Errorf("an empty report has exit code %d, want 5: nothing was shown", got)
	}
}

// A pass needs evidence: a declaration cannot give one, nor a check that broke.
func TestNoPassWithoutEvidence(t *testing.T) {
	checks := []posture.Check{
		check("A-1", posture.Declared, posture.Finding{Status: posture.Pass}),
		{ID: "A-2", Level: posture.Probed},
		{ID: "A-3", Level: posture.Probed, Run: func(context.Context) posture.Finding { panic("broken") }},
	}
	for _, x := range posture.Run(t.Context(), checks).Results {
		if x.Status != posture.Unknown {
			t.Errorf("%s: status %q, want unknown", x.ID, x.Status)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := posture.Run(ctx, []posture.Check{check("A-1", posture.Probed, posture.Finding{Status: posture.Pass})})
	if r.ExitCode() != 5 {
		t.Error("a run that was stopped counts as passed")
	}
}

func TestReport(t *testing.T) {
	r := posture.Run(t.Context(), []posture.Check{
		check("B-1", posture.Probed, posture.Finding{Status: posture.Fail, Summary: strings.Repeat("long words ", 30),
			Evidence: "EPERM missing", Fix: "update the kernel"}),
		check("A-1", posture.Observed, posture.Finding{Status: posture.Pass, Summary: "fine", Control: "worked"}),
	})
	if r.Results[0].ID != "A-1" {
		t.Error("results are not in the order of their identifiers")
	}
	var text strings.Builder
	if err := r.Text(&text, 60, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PA102-R28", "update the kernel", "EPERM missing", "1 pass, 0 warn, 1 fail", "not that anything is certified"} {
		if !strings.Contains(strings.Join(strings.Fields(text.String()), " "), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
	for line := range strings.Lines(text.String()) {
		if len(line) > 61 {
			t.Errorf("line of %d columns in a report of 60: %q", len(line), line)
		}
	}
	if strings.Contains(text.String(), "\x1b") {
		t.Error("colour without being asked for")
	}
	var js strings.Builder
	if err := r.JSON(&js); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Results []struct {
			ID      string
			Finding struct{ Status string }
		}
		Exit int `json:"exit_code"`
	}
	if err := json.Unmarshal([]byte(js.String()), &back); err != nil {
		t.Fatal(err)
	}
	if back.Exit != 5 || len(back.Results) != 2 || back.Results[1].Finding.Status != "fail" {
		t.Errorf("JSON report does not say what was seen: %s", js.String())
	}
}
