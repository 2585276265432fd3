//go:build !linux

package engine

import (
	"context"
	"net"
)

// connect connects to a socket in the file system. Here nothing rests between
// two reads: see quietConn.
func connect(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}
