package sandbox

import (
	"slices"

	"golang.org/x/sys/unix"
)

// cardCommands are the ioctl commands that NVIDIA's library (580.159.04) and
// the engine made on a card, on whatever descriptor: a filter cannot see which.
// One of them (0xc020462a, NV_ESC_RM_CONTROL) holds hundreds of others in its
// memory, where no filter can look. Not among them, and for good, are those by
// which processes share memory of a card, across every namespace: 0xc01c4634
// (NV_ESC_RM_DUP_OBJECT) and 0xc0184635 (NV_ESC_RM_SHARE).
var cardCommands = []uint32{
	// /dev/nvidia-uvm: memory shared with the card
	0x30000001, 0x17, 0x18, 0x19, 0x1b, 0x21, 0x22, 0x25, 0x27, 0x41, 0x44, 0x48, 0x49, 0x4b,
	// /dev/nvidiactl and the card
	0xc0104629, 0xc020462a, 0xc030462b, 0xc0384627, 0xc038464e, 0xc028465e,
	0xc90046c8, 0xc00446c9, 0xc01046ce, 0xc23046d7,
}

// withCard adds what NVIDIA's library asks for. Of what it asks most is
// refused, and it does without: to change and make device files, to reach the
// service that shares a card, to list the machine's parts.
func (c calls) withCard() calls {
	c.open = slices.Concat(c.open, archCard, []uintptr{unix.SYS_EVENTFD2, unix.SYS_PIPE2, unix.SYS_DUP, unix.SYS_UNAME})
	c.soft = slices.Concat(c.soft, archCardSoft, []uintptr{
		unix.SYS_CONNECT, unix.SYS_GETEUID, unix.SYS_GETDENTS64, unix.SYS_GET_MEMPOLICY, unix.SYS_MKNODAT,
		unix.SYS_SCHED_GET_PRIORITY_MAX, unix.SYS_SCHED_GET_PRIORITY_MIN,
	})
	c.absent = archCardAbsent
	for i, l := range c.looked {
		if l.name != "socket" {
			continue
		}
		// A second kind of socket to serve; connect is refused for both.
		c.looked = slices.Clone(c.looked)
		c.looked[i].may = append(slices.Clone(l.may), []condition{intIs(0, unix.AF_UNIX), lacks(1, 0xf&^unix.SOCK_SEQPACKET)})
	}
	return c
}
