package sandbox

// foreignAttempts is empty: this processor's Linux has one table of calls for
// 64-bit programs; its 32-bit programs cannot be entered from a 64-bit one.
var foreignAttempts []attempt

// tinyMachine and tinyCode: write(1, message, 10); exit_group(0).
const (
	tinyMachine = 183
	tinyCode    = "\x20\x00\x80\xd2\xe1\x00\x00\x10\x42\x01\x80\xd2\x08\x08\x80\xd2\x01\x00\x00\xd4" +
		"\x00\x00\x80\xd2\xc8\x0b\x80\xd2\x01\x00\x00\xd4"
)
