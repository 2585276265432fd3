package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// allNamespaces are the flags by which the stub gets a world of its own.
var allNamespaces = []struct {
	layer layer
	flag  uintptr
}{
	{userns, unix.CLONE_NEWUSER}, {mountns, unix.CLONE_NEWNS}, {pidns, unix.CLONE_NEWPID}, {ipcns, unix.CLONE_NEWIPC},
	{netns, unix.CLONE_NEWNET}, {utsns, unix.CLONE_NEWUTS}, {cgroupns, unix.CLONE_NEWCGROUP},
}

// start builds a jail of tier t and starts the program in it.
func (j *Jail) start(ctx context.Context, s Spec, t Tier) (_ *Process, err error) {
	fail := func(err error) (*Process, error) { return nil, fmt.Errorf("jail for %s: %w", s.Name, err) }
	if err := ctx.Err(); err != nil {
		return fail(err) // a fast child is up before anybody sees that it was called off
	}
	var folder *heldFolder
	if !t.namespaces() || j.without[mountns] {
		if folder, err = j.newRunFolder(); err != nil {
			return fail(err)
		}
	}
	p, err := j.launch(ctx, s, t, folder)
	if err != nil {
		folder.remove()
		return fail(err)
	}
	return p, nil
}

func (j *Jail) launch(ctx context.Context, s Spec, t Tier, folder *heldFolder) (*Process, error) {
	o, err := newOrder(s, t, folder.path())
	if err != nil {
		return nil, err
	}
	message, err := o.encode()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := controlPair()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	p := &Process{jail: j, folder: folder, done: make(chan struct{})}
	var perr error
	if err := j.onThread(func() { p.process, perr = j.spawn(s, t, theirs) }); err != nil {
		perr = err
	}
	_ = theirs.Close()
	if perr != nil {
		return nil, perr
	}
	run, err := handshake(ctx, ours, message)
	if err != nil {
		return nil, failedStart(p.process, run, err)
	}
	p.run = run
	if !j.keep(p) {
		return nil, failedStart(p.process, run, errClosed)
	}
	go p.wait()
	return p, nil
}

// failedStart ends a stub that did not become the program, and waits for it.
func failedStart(p *os.Process, run *os.File, why error) error {
	if run != nil {
		_ = run.Close()
	}
	_ = p.Kill()
	state, err := p.Wait()
	if err != nil {
		return errors.Join(why, err)
	}
	if s, ok := state.Sys().(syscall.WaitStatus); ok && errors.Is(why, errNoWord) {
		return fmt.Errorf("%w (%s)", why, exitOf(s))
	}
	return why
}

// spawn starts the stub. It must run on the jail's thread.
func (j *Jail) spawn(s Spec, t Tier, control *os.File) (*os.Process, error) {
	files := []*os.File{s.Stdin, s.Stdout, s.Stderr, control}
	for i, f := range files {
		if f == nil {
			n, err := null()
			if err != nil {
				return nil, err
			}
			defer n.Close()
			files[i] = n
		}
	}
	sys := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if t.namespaces() {
		for _, n := range allNamespaces {
			if !j.without[n.layer] {
				sys.Cloneflags |= n.flag
			}
		}
		if !j.without[userns] {
			// For the stub to mount, to map its account and to lock its
			// securebits; it drops both.
			sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
		}
	}
	return os.StartProcess(j.exe, append([]string{stubName}, j.knobs...), &os.ProcAttr{Files: files, Env: []string{}, Sys: sys})
}

// controlPair makes the two ends of a stub's control socket. Ours can wait
// with a deadline.
func controlPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a control socket: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
		return nil, nil, fmt.Errorf("make a control socket: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "jail control"), os.NewFile(uintptr(fds[1]), "jail control"), nil
}

// errNoWord says that a stub ended before it said anything.
var errNoWord = errors.New("the stub ended without a word")

// handshake gives the stub its order and waits until the program was executed.
// It gives the descriptor of /run, also with an error.
func handshake(ctx context.Context, control *os.File, message []byte) (run *os.File, err error) {
	if err := control.SetDeadline(time.Now().Add(startWithin)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = control.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	defer func() {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if err = context.Cause(ctx); err == nil {
				err = fmt.Errorf("the stub took longer than %v", startWithin)
			}
		}
	}()
	if _, err := control.Write(message); err != nil {
		return nil, fmt.Errorf("give the order: %w", err)
	}
	word, run, err := receive(control)
	if err != nil {
		return run, err
	}
	if word != sayReady || run == nil {
		return run, stubError(word)
	}
	if _, err := control.Write([]byte(sayGo)); err != nil {
		return run, fmt.Errorf("say go: %w", err)
	}
	word, _, err = receive(control)
	if errors.Is(err, errNoWord) {
		return run, nil // execve closed the stub's end
	}
	if err == nil {
		err = stubError(word)
	}
	return run, err
}

func stubError(word string) error {
	if why, ok := strings.CutPrefix(word, sayError); ok {
		return errors.New(why)
	}
	return errors.New("the stub said something else than it should")
}

// receive reads one message and the descriptor that may come with it. The end
// of the stub is errNoWord.
func receive(control *os.File) (word string, file *os.File, err error) {
	conn, err := control.SyscallConn()
	if err != nil {
		return "", nil, err
	}
	b, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	var n, oobn int
	var rerr error
	err = conn.Read(func(fd uintptr) bool {
		n, oobn, _, _, rerr = unix.Recvmsg(int(fd), b, oob, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(rerr, unix.EAGAIN) && !errors.Is(rerr, unix.EINTR)
	})
	if err = errors.Join(err, rerr); errors.Is(err, unix.ECONNRESET) || err == nil && n == 0 {
		err = errNoWord
	}
	if err != nil {
		return "", nil, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return "", nil, err
	}
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil && len(fds) == 1 {
			file = os.NewFile(uintptr(fds[0]), "run folder of a jail")
		}
	}
	return string(b[:n]), file, nil
}
