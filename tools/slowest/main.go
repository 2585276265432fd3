// Command slowest runs several `go test -json` commands, shows what they say,
// and ends with the ten slowest tests. It fails when any of them fails or when
// a command ran no test at all.
//
//	go run ./tools/slowest -- go test -json ./... -- go test -json -race ./engine
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type test struct {
	name    string
	elapsed float64
}

type tally struct {
	passed, failed int
	tests          []test
}

func main() {
	var commands [][]string
	for _, a := range os.Args[1:] {
		if a == "--" {
			commands = append(commands, nil)
		} else if len(commands) > 0 {
			commands[len(commands)-1] = append(commands[len(commands)-1], a)
		}
	}
	if len(commands) == 0 {
		fmt.Fprintln(os.Stderr, "usage: slowest -- go test -json … [-- go test -json …]")
		os.Exit(2)
	}
	var all tally
	ok := true
	for _, c := range commands {
		start := time.Now()
		before := all.passed + all.failed
		fmt.Printf("== %s\n", strings.Join(c, " "))
		if err := all.run(c); err != nil {
			ok = false
			fmt.Printf("== failed: %v\n", err)
		}
		if all.passed+all.failed == before {
			ok = false
			fmt.Println("== failed: this command ran no test")
		}
		fmt.Printf("== %.0f s\n", time.Since(start).Seconds())
	}
	slices.SortFunc(all.tests, func(a, b test) int { return cmp.Compare(b.elapsed, a.elapsed) })
	fmt.Println("ten slowest tests:")
	for _, t := range all.tests[:min(10, len(all.tests))] {
		fmt.Printf("%8.2f s  %s\n", t.elapsed, t.name)
	}
	fmt.Printf("%d passed, %d failed\n", all.passed, all.failed)
	if !ok || all.failed > 0 {
		os.Exit(1)
	}
}

// run shows package lines, the output of tests that fail and whatever tests say
// of measurements (lines that begin with "MEASURED").
func (y *tally) run(argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	said := map[string][]string{} // package and test: output so far
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
		case "output":
			if strings.Contains(e.Output, "MEASURED") || (e.Test == "" && !strings.HasPrefix(e.Output, "PASS")) {
				fmt.Print(e.Output)
			} else {
				said[key] = append(said[key], e.Output)
			}
		case "pass", "skip", "fail":
			if e.Test != "" && !strings.Contains(e.Test, "/") {
				y.tests = append(y.tests, test{key, e.Elapsed})
				if e.Action == "pass" {
					y.passed++
				} else {
					y.failed++ // a skipped test shows nothing, so it is a failure
				}
			}
			if e.Action == "fail" || e.Action == "skip" {
				fmt.Print(strings.Join(said[key], ""))
			}
			delete(said, key)
			if e.Test == "" && e.Action == "fail" { // these never ended: the place where they hang is in what they said
				for unfinished, lines := range said {
					if strings.HasPrefix(unfinished, key) {
						fmt.Print(strings.Join(lines, ""))
						delete(said, unfinished)
					}
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return cmd.Wait()
}
