//go:build linux

#include "textflag.h"

// func int80(nr, a, b, c uint32) int32
TEXT ·int80(SB), NOSPLIT, $0-20
	MOVL nr+0(FP), AX
	MOVL a+4(FP), BX
	MOVL b+8(FP), CX
	MOVL c+12(FP), DX
	INT  $0x80
	MOVL AX, ret+16(FP)
	RET

// func vfork() int64
TEXT ·vfork(SB), NOSPLIT, $0-8
	MOVL $58, AX
	SYSCALL
	TESTQ AX, AX
	JZ   child
	MOVQ AX, ret+0(FP)
	RET
child:
	MOVL $231, AX
	XORL DI, DI
	SYSCALL
	INT  $3
