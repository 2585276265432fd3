package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// programs are what this test binary can be inside a jail, by first argument.
var programs = map[string]func(args []string){
	// linger says that it runs and stays until its standard input ends.
	"sandbox-linger": func([]string) {
		fmt.Println("here")
		_, _ = io.Copy(io.Discard, os.Stdin)
	},
	"sandbox-exit": func([]string) { os.Exit(3) },
	// forbidden makes a call that every policy kills for.
	"sandbox-forbidden": func([]string) {
		_, _, _ = unix.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0)
		os.Exit(3)
	},
	"sandbox-work":   func(args []string) { fmt.Print(work(args[0])) },
	"sandbox-code":   func([]string) { fmt.Print(runMadeCode()) },
	"sandbox-memory": func([]string) { fmt.Println(len(useMemory(256 << 20))) },
	"sandbox-list": func(args []string) {
		names := []string{}
		entries, err := os.ReadDir(".")
		for _, e := range entries {
			names = append(names, e.Name())
		}
		text, rerr := os.ReadFile(args[0])
		fmt.Print(names, " ", string(text))
		if errors.Join(err, rerr) != nil {
			os.Exit(1)
		}
	},
	"sandbox-card":    card,
	"sandbox-rename":  func(args []string) { fmt.Print(renames(args)) },
	"sandbox-environ": func([]string) { fmt.Printf("%q %q\n", os.Args, os.Environ()) },
	"sandbox-where": func([]string) {
		dir, err := unix.Getcwd(make([]byte, 4096))
		fds := []int{}
		for fd := range 300 {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
				fds = append(fds, fd)
			}
		}
		fmt.Println(dir, err, fds)
	},
}

// runProgram becomes one of the programs if the command line says so.
func runProgram() {
	if len(os.Args) < 2 {
		return
	}
	if p, ok := programs[os.Args[1]]; ok {
		p(os.Args[2:])
		os.Exit(0)
	}
}

// work is what a parser does: read a file and standard input, allocate, collect,
// use all processors, wait, and write what it found.
func work(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "file: " + err.Error()
	}
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return "input: " + err.Error()
	}
	var group sync.WaitGroup
	sums := make([]int, 16)
	for i := range sums {
		group.Go(func() {
			for n := range 200 {
				b := bytes.Repeat([]byte{byte(i)}, 4096+n)
				sums[i] += len(slices.Compact(b))
			}
			time.Sleep(time.Millisecond)
		})
	}
	group.Wait()
	runtime.GC()
	select {
	case <-time.After(2 * time.Millisecond):
	case <-time.After(time.Minute):
		return "clock"
	}
	if slices.Min(sums) != 200 {
		return "sums"
	}
	if _, err := os.Open("/etc/passwd"); err == nil {
		return "it could read /etc/passwd"
	}
	return strings.ToUpper(string(text) + string(in))
}

// useMemory touches n bytes.
func useMemory(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return b
}

// runMadeCode writes a function into memory, makes that executable and returns.
func runMadeCode() string {
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err.Error()
	}
	b[0] = 0xc3
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return err.Error()
	}
	return "executable"
}

// renames does what a cache does, and then what it must not: args are a folder of
// its own, another one, and a file that it was given to read.
func renames(args []string) string {
	made := args[0] + "/made"
	f, err := os.CreateTemp(args[0], "x*")
	if err == nil {
		_, err = f.WriteString("code")
		err = errors.Join(err, f.Sync(), f.Close(), os.Rename(f.Name(), made))
	}
	if err != nil {
		return "within: " + err.Error()
	}
	if err := os.Rename(made, args[1]+"/made"); err == nil {
		return "it came into another folder"
	}
	for _, to := range []string{args[2], args[0] + "/../out", "/out"} {
		if err := os.Rename(made, to); err == nil {
			return "it came to " + to
		}
	}
	if err := os.Rename(args[2], args[0]+"/taken"); err == nil {
		return "it took what it may read"
	}
	text, err := os.ReadFile(made)
	return fmt.Sprint(string(text), err)
}
