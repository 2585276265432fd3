package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// status is what a running serve tells this account's other programs. It lies
// in the runtime folder, which is closed to other accounts.
type status struct {
	PID     int    `json:"pid"`
	Address string `json:"address"`
	Tier    string `json:"tier"`
	Version string `json:"version"`
}

const statusFile = "serve.json"

func (s status) write(dir string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, statusFile+".new")
	if err := os.WriteFile(temp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, statusFile))
}

func readStatus(dir string) (status, error) {
	var s status
	b, err := os.ReadFile(filepath.Join(dir, statusFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, errors.New("abaton serve is just starting or ending: try again in a moment")
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s is damaged (%w): end abaton serve and start it again", filepath.Join(dir, statusFile), err)
	}
	return s, nil
}

// removeStatus forgets a serve that ended. That the file was gone already is
// what was wanted.
func removeStatus(dir string) { _ = os.Remove(filepath.Join(dir, statusFile)) }
