// Package pdf reads PDF by pdfium, compiled to WebAssembly: a fault of its in
// memory stays in a memory of its own, which holds the one document that is read.
// No file, no network and no clock is lent to it. The package is meant for a
// jailed child that reads one file and ends; nothing of pdfium is unpacked or
// compiled before [Open] is called.
package pdf

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/klippa-app/go-pdfium/webassembly/imports"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// packed is webassembly/pdfium.wasm of the module github.com/klippa-app/go-pdfium,
// as TestModule sees to.
//
//go:embed pdfium.wasm.gz
var packed []byte

func unpacked() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// CodeFolder is where below a folder for compiled code the one file of it lies:
// the library that compiles wants it so.
func CodeFolder() string {
	version := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if strings.Contains(d.Path, "github.com/tetratelabs/wazero") {
				version = d.Version
			}
		}
		if version == "" || version == "(devel)" {
			version = info.Main.Version
		}
	}
	if version == "" || version == "(devel)" {
		version = "dev"
	}
	return "wazero-" + version + "-" + runtime.GOARCH + "-" + runtime.GOOS
}

// A Machine is pdfium, ready for one document.
type Machine struct {
	runtime wazero.Runtime
	module  api.Module
	memory  api.Memory
	calls   map[string]api.Function
	scratch uint32 // some bytes of its memory for answers
	failed  error  // after a trap nothing it says counts
}

// Open makes one with at most memory bytes. dir holds compiled code, or will: see
// [CodeFolder]. To compile takes seconds, to find it compiled a twentieth of one.
func Open(ctx context.Context, dir string, memory uint64) (*Machine, error) {
	m, err := open(ctx, dir, memory)
	if err != nil {
		return nil, fmt.Errorf("pdfium cannot be started: %w", err)
	}
	return m, nil
}

// Compile leaves compiled code in dir, for a later [Open].
func Compile(ctx context.Context, dir string) error {
	m, err := Open(ctx, dir, 64<<20)
	if err != nil {
		return err
	}
	return m.Close(ctx)
}

func open(ctx context.Context, dir string, memory uint64) (_ *Machine, err error) {
	wasm, err := unpacked()
	if err != nil {
		return nil, err
	}
	cache, err := wazero.NewCompilationCacheWithDir(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(whole))
	m := &Machine{calls: map[string]api.Function{}}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().
		WithCoreFeatures(api.CoreFeaturesV2|experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(uint32(memory>>16)).WithCompilationCache(cache))
	defer func() {
		if err != nil {
			_ = m.Close(ctx)
		}
	}()
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, m.runtime); err != nil {
		return nil, err
	}
	code, err := m.runtime.CompileModule(ctx, wasm)
	if err != nil {
		return nil, err
	}
	if _, err := imports.Instantiate(ctx, m.runtime, code); err != nil {
		return nil, err
	}
	// An empty configuration: no folder, no arguments, no environment, standard
	// streams that lead nowhere, a clock that stands still.
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithFSConfig(wazero.NewFSConfig())
	if m.module, err = m.runtime.InstantiateModule(ctx, code, config); err != nil {
		return nil, err
	}
	m.memory = m.module.Memory()
	if _, err := m.call("FPDF_InitLibrary"); err != nil {
		return nil, err
	}
	m.scratch, err = m.alloc(64)
	return m, err
}

// Close lets go of everything.
func (m *Machine) Close(ctx context.Context) error { return m.runtime.Close(ctx) }

// call calls a function of pdfium's. It is made for very many: what it takes and
// gives is one number.
func (m *Machine) call(name string, args ...uint64) (uint64, error) {
	if m.failed != nil {
		return 0, m.failed
	}
	f := m.calls[name]
	if f == nil {
		if f = m.module.ExportedFunction(name); f == nil {
			return 0, fmt.Errorf("pdfium has no %s", name)
		}
		m.calls[name] = f
	}
	var stack [8]uint64
	copy(stack[:], args)
	if err := f.CallWithStack(context.Background(), stack[:]); err != nil {
		// What the error says holds names of functions and addresses, nothing of a document.
		m.failed = &TrapError{name}
		return 0, m.failed
	}
	return stack[0], nil
}

// A TrapError says that pdfium broke off: memory ran out, or it has a fault.
type TrapError struct{ In string }

func (e *TrapError) Error() string { return "pdfium broke off in " + e.In }

func (m *Machine) alloc(n uint64) (uint32, error) {
	at, err := m.call("malloc", n)
	if err == nil && at == 0 {
		err = &TrapError{"malloc"}
	}
	return uint32(at), err
}

// whole gives a memory all its address space at once: growing it copies nothing,
// and what was never written to takes no memory.
func whole(_, most uint64) experimental.LinearMemory { return linear(make([]byte, most)) }

type linear []byte

func (l linear) Reallocate(size uint64) []byte {
	if size > uint64(len(l)) {
		return nil
	}
	return l[:size:size]
}

func (linear) Free() {}
