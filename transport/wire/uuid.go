package wire

import "encoding/hex"

// UUID writes u in the canonical form; "" for the zero one.
func UUID(u [16]byte) string {
	if u == ([16]byte{}) {
		return ""
	}
	var b [36]byte
	hex.Encode(b[:8], u[:4])
	for _, part := range [...][2]int{{9, 4}, {14, 6}, {19, 8}} {
		b[part[0]-1] = '-'
		hex.Encode(b[part[0]:], u[part[1]:part[1]+2])
	}
	b[23] = '-'
	hex.Encode(b[24:], u[10:])
	return string(b[:])
}
