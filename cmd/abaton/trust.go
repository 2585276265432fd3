package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// trusted refuses a configuration file that another account could have
// written. The file says which folders are handed to which account and which
// engine runs: when root reads it, whoever can write it, or put it there,
// could become root. So for root the file and every folder above it must be
// root's and closed to other writers, but for sticky folders such as /tmp. An
// ordinary account also trusts what is its own.
func trusted(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for p := real; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		owner, me := ownerOf(info), os.Geteuid()
		if owner != 0 && owner != me {
			return configError{fmt.Sprintf("%s belongs to another account, which could decide by it what this program does: "+
				"make it yours, or remove it", p)}
		}
		open := fs.FileMode(0o022)
		if me != 0 {
			open = 0o002 // many systems give each account a group of its own
		}
		if info.Mode()&open != 0 && (p == real || info.Mode()&fs.ModeSticky == 0) {
			return configError{fmt.Sprintf("%s can be written by other accounts, which could decide by it what this program does: "+
				"chmod go-w %s", p, p)}
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}
