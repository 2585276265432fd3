package sandbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// helloVerb is the first argument of a jailed process that only says hello.
const helloVerb = "sandbox-hello"

const sayHello = "hello\n"

// IsChild reports whether this process was started by a [Jail], as a stub or
// as a probe. main and TestMain ask it first of all, and then call [Child].
func IsChild() bool { return isStub() || isHello() || isAttempt() }

// Child does what this process was started for. It never returns.
func Child() {
	switch {
	case isStub():
		runStub(nil)
	case isAttempt():
		runAttempt()
	case isHello():
		_, _ = unix.Write(1, []byte(sayHello))
		os.Exit(0)
	}
	os.Exit(2)
}

func isHello() bool { return len(os.Args) == 2 && os.Args[1] == helloVerb }
