package sandbox

// foreignAttempts is empty: this processor's Linux has one table of calls for
// 64-bit programs; its 32-bit programs cannot be entered from a 64-bit one.
var foreignAttempts []attempt

// The parts of tinyProgram: one that says the text behind it and ends, and one
// that goes on behind the next such part and its text if it runs as root.
const (
	tinyMachine = 183
	tinySay     = "\x20\x00\x80\xd2\xe1\x00\x00\x10\x42\x01\x80\xd2\x08\x08\x80\xd2\x01\x00\x00\xd4" + // write(1, text, 10)
		"\x00\x00\x80\xd2\xc8\x0b\x80\xd2\x01\x00\x00\xd4" // exit_group(0)
	tinyAsk = "\xe8\x15\x80\xd2\x01\x00\x00\xd4\x80\x01\x00\x34" // geteuid() == 0?
)
