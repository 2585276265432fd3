// Command pictures decodes what lies in a folder, in the jail: as a program of its
// own because the jail of policy go takes only programs without libraries, which a
// test is not.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"abaton.local/engine"
	"abaton.local/sandbox"
)

func main() {
	if sandbox.IsChild() {
		sandbox.Child()
	}
	if engine.IsPictureChild() {
		engine.PictureChild()
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run decodes every file of dir/in into dir/out: the picture, or why there is none.
func run(dir, state string) (err error) {
	jail, err := sandbox.Open(context.Background(), sandbox.Config{StateDir: state, RuntimeDir: filepath.Join(dir, "run")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, jail.Close()) }()
	files, err := os.ReadDir(filepath.Join(dir, "in"))
	if err != nil {
		return err
	}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(dir, "in", f.Name()))
		if err != nil {
			return err
		}
		picture, err := engine.Picture(context.Background(), jail, raw)
		to, b := filepath.Join(dir, "out", f.Name()), picture.PNG
		if err != nil {
			fault, ok := errors.AsType[*engine.Fault](err)
			if !ok {
				return err
			}
			to, b = to+".why", []byte(string(fault.Kind)+" "+fault.Detail+": "+fault.Error())
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
