package sandbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// First arguments of jailed processes that are this program.
const (
	helloVerb = "sandbox-hello" // only says hello
	waitVerb  = "sandbox-wait"  // waits until its standard input ends
)

const sayHello = "hello\n"

// IsChild reports whether this process was started by a [Jail], as a stub or
// as a probe. main and TestMain ask it first of all, and then call [Child].
func IsChild() bool { return isStub() || isSimple() || isAttempt() }

// Child does what this process was started for. It never returns.
func Child() {
	switch {
	case isStub():
		runStub(nil)
	case isAttempt():
		runAttempt()
	case os.Args[1] == helloVerb:
		_, _ = unix.Write(1, []byte(sayHello))
		os.Exit(0)
	case os.Args[1] == waitVerb:
		_, _ = unix.Read(0, make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(2)
}

func isSimple() bool { return len(os.Args) == 2 && (os.Args[1] == helloVerb || os.Args[1] == waitVerb) }
