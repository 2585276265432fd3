package sandbox

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// testedDrivers are the versions of NVIDIA's driver with which policy NativeGPU
// ran a model on a real card, and the escape matrix beside it (docs/gpu.md).
// What another version asks the kernel for is not known, so it is refused.
var testedDrivers = []string{"580.159.04"}

// nvidiaMajor is the number of NVIDIA's character devices; nvidiactl is the
// last of them, and the cards come before it. The module for shared addresses
// (nvidia-uvm) gets a number of its own when it is loaded.
const nvidiaMajor = 195

// A NoCard is the error of a program that asks for a graphics card where none
// can be given to a jail.
type NoCard struct {
	Why string
}

func (e *NoCard) Error() string {
	return "no graphics card is given to a jail here: " + e.Why + ". Run the program without one"
}

// cardDevices gives the device files of cards, which lie below root (empty but
// in tests). There are no others that a spec could ask for.
func cardDevices(cards []Card, t Tier, root string) ([]device, error) {
	refused := func(format string, a ...any) ([]device, error) { return nil, &NoCard{fmt.Sprintf(format, a...)} }
	if len(cards) == 0 {
		return nil, nil
	}
	if runtime.GOARCH != "amd64" {
		return refused("that was never tried on this processor's architecture")
	}
	if t != TierA {
		// Elsewhere the driver's library would listen on a socket that every
		// account of the machine can reach, and learn the machine's name.
		return refused("that takes the full jail, and here is %s", t)
	}
	version, err := os.ReadFile(root + "/sys/module/nvidia/version")
	if err != nil {
		return refused("NVIDIA's driver is not loaded (%v)", err)
	}
	if v := strings.TrimSpace(string(version)); !slices.Contains(testedDrivers, v) {
		return refused("NVIDIA's driver %s was not tried, only %s", v, strings.Join(testedDrivers, ", "))
	}
	uvm, err := majorOf("nvidia-uvm", root)
	if err != nil {
		return refused("%v", err)
	}
	devices := []device{
		{"/dev/nvidiactl", unix.Mkdev(nvidiaMajor, noCard)},
		{"/dev/nvidia-uvm", unix.Mkdev(uvm, 0)},
	}
	for _, c := range cards {
		devices = append(devices, device{fmt.Sprintf("/dev/nvidia%d", c), unix.Mkdev(nvidiaMajor, uint32(c))})
	}
	return devices, nil
}

// majorOf looks up the number of a driver's character devices.
func majorOf(driver, root string) (uint32, error) {
	text, err := os.ReadFile(root + "/proc/devices")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var major uint32
		var name string
		if n, _ := fmt.Sscan(line, &major, &name); n == 2 && name == driver {
			return major, nil
		}
		if strings.HasPrefix(line, "Block") {
			break
		}
	}
	return 0, fmt.Errorf("the driver %s is not loaded", driver)
}

// open opens a device file with O_PATH and makes sure that it is the device.
func (d device) open() (int, error) {
	fd, err := unix.Open(d.Path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", d.Path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, fmt.Errorf("%s: %w", d.Path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || uint64(st.Rdev) != d.Number {
		return -1, fmt.Errorf("%s is not the device that it should be", d.Path)
	}
	return fd, nil
}

// mayDrive is what a program may do with a device file.
const mayDrive = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

// showDevices shows the devices in the new root, or in the host's where there
// is none, and gives what Landlock grants of them.
func (o order) showDevices(root string) ([]grant, error) {
	var grants []grant
	for _, d := range o.Devices {
		fd, err := d.open()
		if err != nil {
			return nil, err
		}
		grants = append(grants, grant{fd, mayDrive})
		if root == "" {
			continue
		}
		// Read-only is the file, its mode and times; the device itself is written to.
		if err := attach(fd, root+d.Path, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY); err != nil {
			return nil, fmt.Errorf("bind %s: %w", d.Path, err)
		}
	}
	return grants, nil
}

// showMaps shows the program the list of its own memory, /proc/self/maps, which
// NVIDIA's library reads, and nothing else of /proc: with the rest of even its
// own folder it could write its code (mem), whatever the rules for memory say.
func (o order) showMaps(root string) (grant, error) {
	whole := root + "/.proc"
	if err := os.Mkdir(whole, 0o700); err != nil {
		return grant{}, err
	}
	if err := unix.Mount("proc", whole, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "subset=pid"); err != nil {
		return grant{}, fmt.Errorf("mount /proc: %w", err)
	}
	fd, err := unix.Open(path.Join(whole, "self", "maps"), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return grant{}, err
	}
	if err := attach(fd, root+"/proc/self/maps", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_RDONLY); err != nil {
		return grant{}, fmt.Errorf("bind /proc/self/maps: %w", err)
	}
	if err := unix.Unmount(whole, unix.MNT_DETACH); err != nil {
		return grant{}, fmt.Errorf("let go of /proc: %w", err)
	}
	return grant{fd, mayRead}, os.Remove(whole)
}
