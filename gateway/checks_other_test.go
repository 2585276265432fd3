//go:build !linux

package gateway

import "syscall"

func namespaced() *syscall.SysProcAttr { return nil }
