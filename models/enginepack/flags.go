package enginepack

import (
	"slices"
	"strings"

	"abaton.local/hardware"
)

// cmakeFlags are the options of the hardened build on every machine: one
// static program, without subprocesses (tools, MCP servers, router), TLS, remote
// calls and web pages, and nothing that is fetched or found at build time.
var cmakeFlags = []string{
	"-DCMAKE_BUILD_TYPE=Release",
	"-DBUILD_SHARED_LIBS=OFF",
	"-DLLAMA_SUBPROCESS=OFF",
	"-DLLAMA_OPENSSL=OFF",
	"-DLLAMA_BUILD_UI=OFF",
	"-DLLAMA_USE_PREBUILT_UI=OFF",
	"-DLLAMA_BUILD_APP=OFF",
	"-DLLAMA_BUILD_IS_DEV=OFF",
	"-DLLAMA_BUILD_TESTS=OFF",
	"-DLLAMA_BUILD_EXAMPLES=OFF",
	"-DGGML_RPC=OFF",
	"-DGGML_CCACHE=OFF",
	"-DGGML_NATIVE=OFF",
	"-DCMAKE_EXE_LINKER_FLAGS=-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack",
}

// compilerFlags are the protections that gcc and clang do not turn on by
// themselves everywhere. The macro is undefined first: some distributions'
// compilers come with a lower level.
var compilerFlags = []string{
	"-fPIE",
	"-fstack-protector-strong",
	"-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3",
	"-fstack-clash-protection",
	"-D_GLIBCXX_ASSERTIONS",
}

// A cpuOption is one switch of ggml's build and the processor feature behind it.
type cpuOption struct {
	option string
	needs  []string // names as /proc/cpuinfo prints them
}

// x86Options follow ggml/src/ggml-cpu/CMakeLists.txt. Each is set by name,
// instead of -march=native, so that what the build uses is exactly what its key
// says.
var x86Options = []cpuOption{
	{"GGML_SSE42", []string{"sse4_2"}},
	{"GGML_AVX", []string{"avx"}},
	{"GGML_F16C", []string{"f16c"}},
	{"GGML_FMA", []string{"fma"}},
	{"GGML_BMI2", []string{"bmi2"}},
	{"GGML_AVX2", []string{"avx2"}},
	{"GGML_AVX_VNNI", []string{"avx_vnni"}},
	{"GGML_AVX512", []string{"avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"}},
	{"GGML_AVX512_VBMI", []string{"avx512vbmi"}},
	{"GGML_AVX512_VNNI", []string{"avx512_vnni"}},
	{"GGML_AVX512_BF16", []string{"avx512_bf16"}},
	{"GGML_AMX_TILE", []string{"amx_tile"}},
	{"GGML_AMX_INT8", []string{"amx_int8"}},
	{"GGML_AMX_BF16", []string{"amx_bf16"}},
}

// armOptions are parts of -march, on top of armv8-a or armv8.2-a.
var armOptions = []cpuOption{
	{"dotprod", []string{"asimddp"}},
	{"fp16", []string{"fphp", "asimdhp"}},
	{"i8mm", []string{"i8mm"}},
	{"sve", []string{"sve"}},
}

// sourcePlan says how the pinned source is built for a machine.
func sourcePlan(a archive, m hardware.Machine) plan {
	p := plan{Origin: a.Origin, Build: a.Build, Source: a.Digest, Layout: Static, Trust: TrustBuilt}
	compiler := slices.Clone(compilerFlags)
	p.Flags = append(slices.Clone(cmakeFlags), "-DLLAMA_BUILD_NUMBER="+strings.TrimPrefix(a.Build, "b"), "-DLLAMA_BUILD_COMMIT=pinned")

	has := func(o cpuOption) bool {
		for _, f := range o.needs {
			if _, ok := slices.BinarySearch(m.Features, f); !ok {
				return false
			}
		}
		p.Features = append(p.Features, o.needs...)
		return true
	}
	switch m.Arch {
	case "amd64":
		compiler = append(compiler, "-fcf-protection")
		for _, o := range x86Options {
			value := "OFF"
			if has(o) {
				value = "ON"
			}
			p.Flags = append(p.Flags, "-D"+o.option+"="+value)
		}
	case "arm64":
		compiler = append(compiler, "-mbranch-protection=standard")
		march := ""
		for _, o := range armOptions {
			if has(o) {
				march += "+" + o.option
			}
		}
		if march == "" {
			march = "armv8-a"
		} else {
			march = "armv8.2-a" + march // the first version that may have any of them
		}
		p.Flags = append(p.Flags, "-DGGML_CPU_ARM_ARCH="+march)
	}
	all := strings.Join(compiler, " ")
	p.Flags = append(p.Flags, "-DCMAKE_C_FLAGS="+all, "-DCMAKE_CXX_FLAGS="+all)
	slices.Sort(p.Features)
	return p
}

// readyMadePlan describes a pack from the release archive: upstream's flags,
// every processor variant inside, chosen when it starts.
func readyMadePlan(a archive) plan {
	return plan{Origin: a.Origin, Build: a.Build, Source: a.Digest, Layout: Shared, Trust: TrustReadyMade,
		Flags: []string{"as published"}}
}
