package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestDeviceSecretIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config", "device")
	if _, err := OpenDevice(path, ""); !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), "recovery code") {
		t.Fatalf("without a file: %v", err)
	}
	var wg sync.WaitGroup
	ids := make([]ID, 8)
	for i := range ids {
		wg.Go(func() {
			d, err := MakeDevice(path, "")
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			ids[i], _ = d.directory()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == (ID{}) {
			t.Fatal("two programs made two secrets")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o400 || info.Size() != deviceSize {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}

func TestDeviceSecretThatOthersCanUseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		mode os.FileMode
		want string
	}{
		"readable by the group": {32, 0o440, "chmod 400"},
		"readable by all":       {32, 0o404, "chmod 400"},
		"writable by the group": {32, 0o420, "chmod 400"},
		"too short":             {31, 0o400, "31 bytes"},
		"too long":              {33, 0o400, "33 bytes"},
		"empty":                 {0, 0o400, "0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "device")
			if err := os.WriteFile(path, make([]byte, c.size), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenDevice(path, ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("OpenDevice: %v", err)
			}
			if _, err := MakeDevice(path, ""); err == nil { // never replaced
				t.Error("MakeDevice took it")
			}
		})
	}
}

func TestDeviceSecretOutsideTheDataFolder(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(filepath.Join(data, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(data, "sub"), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(data, "device"), filepath.Join(data, "sub", "device"), filepath.Join(dir, "elsewhere", "device"), filepath.Join(data, "new", "device")} {
		if _, err := MakeDevice(path, data); err == nil || !strings.Contains(err.Error(), "data folder") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if d, err := MakeDevice(filepath.Join(dir, "data-of-another", "device"), data); err != nil {
		t.Error(err) // a name that only begins alike
	} else {
		d.Close()
	}
	if err := os.Symlink(filepath.Join(dir, "data-of-another", "device"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDevice(filepath.Join(dir, "link"), data); err == nil {
		t.Error("a link was followed")
	}
}

func TestDeviceSecretNeverPrints(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device")
	d, err := MakeDevice(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	secret, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", d)
		fmt.Fprintf(&out, verb+"\n", struct{ D *Device }{d})
		fmt.Fprintf(&out, verb+"\n", NewPhrase())
	}
	for _, s := range []string{string(secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%d", secret)} {
		if strings.Contains(out.String(), s) {
			t.Fatal("the secret was printed")
		}
	}
	a, b := d.AuditKeys()
	c, e := d.AuditKeys()
	if a != c || b != e || a == b || a == ([32]byte{}) {
		t.Error("the audit keys are not two lasting keys")
	}
}

func TestArenaGivesZeroCellsAndGrows(t *testing.T) {
	a, err := newArena()
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	seen := map[*[cellSize]byte]bool{}
	var cells []*[cellSize]byte
	for range 300 { // more than two pages
		c, err := a.cell()
		if err != nil {
			t.Fatal(err)
		}
		if seen[c] || *c != ([cellSize]byte{}) {
			t.Fatal("a cell was given twice, or not clean")
		}
		seen[c] = true
		c[0], c[31] = 1, 2
		cells = append(cells, c)
	}
	for _, c := range cells {
		a.release(c)
	}
	for range cells {
		if c, err := a.cell(); err != nil || *c != ([cellSize]byte{}) {
			t.Fatal("a used cell came back with what was in it")
		}
	}
}
