package enginepack

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"abaton.local/hardware"
	"abaton.local/models"
)

func TestPins(t *testing.T) {
	p := pinned()
	if p.source.Digest.IsZero() || p.source.Size == 0 || !strings.HasSuffix(p.source.Inside, "/") {
		t.Errorf("source: %+v", p.source)
	}
	for platform, a := range p.readyMade {
		if a.Digest.IsZero() || a.Size == 0 || !strings.HasPrefix(a.URL, "https://") || !strings.Contains(a.URL, a.Build) {
			t.Errorf("%s: %+v", platform, a)
		}
	}
	for _, a := range append(slices.Collect(maps.Values(p.readyMade)), p.source) {
		if !strings.HasPrefix(a.Build, "b") || len(a.Build) != 6 || a.Build < "b11393" {
			t.Errorf("build %s is older than the fix of CVE-2026-107183", a.Build)
		}
	}
}

// TestKeys: whatever changes in the making changes the key, and nothing else.
func TestKeys(t *testing.T) {
	base := plan{Origin: "o", Build: "b", Source: models.Digest{1}, Layout: Static, Flags: []string{"-a", "-b"}, Features: []string{"avx", "fma"}, Trust: "t"}
	seen := map[string]string{base.key(): "base"}
	for name, change := range map[string]func(p *plan){
		"source":         func(p *plan) { p.Source = models.Digest{2} },
		"layout":         func(p *plan) { p.Layout = Shared },
		"flag":           func(p *plan) { p.Flags = []string{"-a", "-c"} },
		"flags joined":   func(p *plan) { p.Flags = []string{"-a-b"} },
		"flag moved":     func(p *plan) { p.Flags, p.Features = []string{"-a"}, []string{"-b", "avx", "fma"} },
		"no flags":       func(p *plan) { p.Flags = nil },
		"feature":        func(p *plan) { p.Features = []string{"avx"} },
		"feature joined": func(p *plan) { p.Features = []string{"avx,fma"} },
	} {
		p := base
		change(&p)
		if other, ok := seen[p.key()]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[p.key()] = name
	}
	p := base
	p.Origin, p.Build, p.Trust = "x", "y", "z"
	if p.key() != base.key() || len(base.key()) != 32 {
		t.Errorf("key %s, %s", p.key(), base.key())
	}
}

func TestSourcePlan(t *testing.T) {
	a := pinned().source
	old := hardware.Machine{OS: "linux", Arch: "amd64", Features: []string{"avx", "sse4_2"}}
	server := hardware.Machine{OS: "linux", Arch: "amd64", Features: []string{"avx", "avx2", "avx512_vnni", "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl", "bmi2", "f16c", "fma", "sse4_2", "vaes"}}
	half := hardware.Machine{OS: "linux", Arch: "amd64", Features: []string{"avx", "avx512f", "sse4_2"}}
	arm := hardware.Machine{OS: "linux", Arch: "arm64", Features: []string{"asimd", "asimddp", "asimdhp", "fp", "fphp"}}
	plainArm := hardware.Machine{OS: "linux", Arch: "arm64", Features: []string{"asimd", "fp"}}
	keys := make(map[string]bool)
	for _, c := range []struct {
		m        hardware.Machine
		on, off  []string
		features []string
	}{
		{old, []string{"-DGGML_AVX=ON", "-DGGML_SSE42=ON"}, []string{"-DGGML_AVX2=OFF", "-DGGML_AVX512=OFF", "-DGGML_FMA=OFF"}, []string{"avx", "sse4_2"}},
		{server, []string{"-DGGML_AVX512=ON", "-DGGML_AVX512_VNNI=ON"}, []string{"-DGGML_AVX512_BF16=OFF", "-DGGML_AMX_TILE=OFF"}, slices.DeleteFunc(slices.Clone(server.Features), func(f string) bool { return f == "vaes" })},
		{half, []string{"-DGGML_AVX=ON"}, []string{"-DGGML_AVX512=OFF"}, []string{"avx", "sse4_2"}},
		{arm, []string{"-DGGML_CPU_ARM_ARCH=armv8.2-a+dotprod+fp16"}, nil, []string{"asimddp", "asimdhp", "fphp"}},
		{plainArm, []string{"-DGGML_CPU_ARM_ARCH=armv8-a"}, nil, nil},
	} {
		p := sourcePlan(a, c.m)
		keys[p.key()] = true
		for _, f := range append(slices.Clone(c.on), c.off...) {
			if !slices.Contains(p.Flags, f) {
				t.Errorf("%v: no %s in %v", c.m, f, p.Flags)
			}
		}
		if !slices.Equal(p.Features, c.features) {
			t.Errorf("features %v, want %v", p.Features, c.features)
		}
		all := strings.Join(p.Flags, " ")
		for _, f := range []string{"-fstack-protector-strong", "-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3", "-fstack-clash-protection", "-D_GLIBCXX_ASSERTIONS", "-Wl,-z,now",
			"-DLLAMA_SUBPROCESS=OFF", "-DGGML_RPC=OFF", "-DGGML_NATIVE=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_OPENSSL=OFF"} {
			if !strings.Contains(all, f) {
				t.Errorf("no %s", f)
			}
		}
		if x86 := strings.Contains(all, "-fcf-protection"); x86 != (c.m.Arch == "amd64") {
			t.Errorf("%s: -fcf-protection %v", c.m.Arch, x86)
		}
	}
	// Two of them use the same features, so one build serves both.
	if len(keys) != 4 || sourcePlan(a, old).key() != sourcePlan(a, half).key() {
		t.Errorf("%d keys", len(keys))
	}
}

// TestOtherProcessor: a pack made for another processor is not found.
func TestOtherProcessor(t *testing.T) {
	b := tinySource(t, "")
	s := newStore(t, t.TempDir(), b)
	if _, err := s.Install(t.Context(), Options{Archive: onDisk(t, b)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Installed(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := thisMachine(t)
	other.Features = nil
	s.machine = func() (hardware.Machine, error) { return other, nil }
	if p, err := s.Installed(t.Context()); err != ErrNone {
		t.Errorf("found %+v, %v", p, err)
	}
}

func FuzzRecord(f *testing.F) {
	good, err := json.Marshal(record{plan: plan{Flags: []string{"-a"}}, Files: map[string]models.Digest{serverName: {1}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(good))
	f.Add(`{"files_sha256":{"../x":"00"}}`)
	f.Fuzz(func(t *testing.T, s string) {
		rec, _, err := readRecord(strings.NewReader(s))
		if err != nil {
			return
		}
		for name := range rec.Files {
			if strings.Contains(name, "/") || name == ".." || name == "" {
				t.Errorf("accepts the file name %q", name)
			}
		}
	})
}
