//go:build linux

package network

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// dialled finds the node whose process holds the other end of a connection; 0
// where it is none of them.
func (r *relays) dialled(c net.Conn) int {
	socket := inode(c.RemoteAddr().(*net.TCPAddr), c.LocalAddr().(*net.TCPAddr))
	r.mu.Lock()
	defer r.mu.Unlock()
	for pid, node := range r.pids {
		if socket != "" && holds(pid, socket) {
			return node
		}
	}
	return Callers
}

// inode looks the socket up that is bound to local and connected to remote, in
// /proc/net/tcp: addresses in hexadecimal in columns 2 and 3, inode in column 10.
func inode(local, remote *net.TCPAddr) string {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return ""
	}
	text := func(a *net.TCPAddr) string {
		b := a.IP.To4()
		return fmt.Sprintf("%02X%02X%02X%02X:%04X", b[3], b[2], b[1], b[0], a.Port)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 9 && f[1] == text(local) && f[2] == text(remote) {
			return f[9]
		}
	}
	return ""
}

func holds(pid int, inode string) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, f := range files {
		if to, err := os.Readlink(f); err == nil && to == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}
