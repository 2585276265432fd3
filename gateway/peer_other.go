//go:build !linux && !darwin

package gateway

import (
	"errors"
	"net"
)

// credentials fails where we do not know how to ask: such a peer is nobody.
func credentials(*net.UnixConn) (credential, error) {
	return credential{}, errors.ErrUnsupported
}
