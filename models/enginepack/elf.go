package enginepack

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
)

// hardening is what a program's file tells of how it was made.
type hardening struct {
	pie, bindNow, relro, noExecStack bool
	stackProtector, fortified        bool
	rpc                              bool
}

// machines are the ELF names of the processors that engines run on.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// openELF opens a file made for this machine.
func openELF(path string) (*elf.File, error) {
	f, err := elf.Open(path)
	if _, ok := errors.AsType[*elf.FormatError](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("%s: not an ELF program or library: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	if want, ok := machines[runtime.GOARCH]; ok && (f.Machine != want || f.Class != elf.ELFCLASS64) {
		f.Close()
		return nil, fmt.Errorf("%s: made for %v, this machine is %v", path, f.Machine, want)
	}
	return f, nil
}

// inspect reads the headers and symbols (elf(5)).
func inspect(path string) (h hardening, err error) {
	f, err := openELF(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	flags, _ := f.DynValue(elf.DT_FLAGS)
	flags1, _ := f.DynValue(elf.DT_FLAGS_1)
	for _, v := range flags {
		h.bindNow = h.bindNow || elf.DynFlag(v)&elf.DF_BIND_NOW != 0
	}
	for _, v := range flags1 {
		h.bindNow = h.bindNow || elf.DynFlag1(v)&elf.DF_1_NOW != 0
		h.pie = h.pie || f.Type == elf.ET_DYN && elf.DynFlag1(v)&elf.DF_1_PIE != 0
	}
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_GNU_RELRO:
			h.relro = true
		case elf.PT_GNU_STACK:
			h.noExecStack = p.Flags&elf.PF_X == 0
		}
	}
	imported, err := f.ImportedSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return h, fmt.Errorf("%s: symbols: %w", path, err)
	}
	for _, s := range imported {
		h.stackProtector = h.stackProtector || s.Name == "__stack_chk_fail"
		h.fortified = h.fortified || strings.HasPrefix(s.Name, "__") && strings.HasSuffix(s.Name, "_chk")
	}
	for _, table := range []func() ([]elf.Symbol, error){f.Symbols, f.DynamicSymbols} {
		symbols, err := table()
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return h, fmt.Errorf("%s: symbols: %w", path, err)
		}
		for _, s := range symbols {
			h.rpc = h.rpc || strings.Contains(s.Name, "ggml_backend_rpc") && s.Section != elf.SHN_UNDEF
		}
	}
	return h, nil
}

// checkHardened refuses a program that lacks what our flags asked for: a
// compiler or a build file that ignores them must not pass in silence.
func checkHardened(path string) error {
	h, err := inspect(path)
	if err != nil {
		return err
	}
	var lacks []string
	for _, c := range []struct {
		has  bool
		what string
	}{
		{h.pie, "position-independent code"},
		{h.bindNow, "immediate binding"},
		{h.relro, "read-only relocations"},
		{h.noExecStack, "a stack that is not executable"},
		{h.stackProtector, "stack protector"},
		{h.fortified, "fortified library calls"},
		{!h.rpc, "a build without remote calls (RPC)"},
	} {
		if !c.has {
			lacks = append(lacks, c.what)
		}
	}
	if len(lacks) > 0 {
		return fmt.Errorf("%s lacks %s", path, strings.Join(lacks, ", "))
	}
	return nil
}
