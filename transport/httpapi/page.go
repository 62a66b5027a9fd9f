package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"github.com/limitd/limitd/transport/wire"
)

// page is the part of a list that a request asks for. A page token is
//
//	base64url( version 1 | 8 bytes of sha256(path, filters) | key of the last item )
//
// so that it means the same on every node, and nothing under other filters.
type page struct {
	size  int
	after string // the key of the last item of the page before; "": the first page
	bound [8]byte
}

const tokenVersion = 1

// page reads page_size and page_token.
func (c *call) page() (page, error) {
	p := page{size: wire.DefaultPage, bound: c.filterSum()}
	var faults []wire.FieldError
	if text := c.query.Get("page_size"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > wire.MaxPage {
			faults = append(faults, wire.FieldError{Field: "page_size", Detail: "must be 1 to " + strconv.Itoa(wire.MaxPage)})
		}
		p.size = n
	}
	if text := c.query.Get("page_token"); text != "" {
		b, err := base64.RawURLEncoding.DecodeString(text)
		head := append([]byte{tokenVersion}, p.bound[:]...)
		if err != nil || !bytes.HasPrefix(b, head) || len(b) == len(head) {
			faults = append(faults, wire.FieldError{Field: "page_token", Detail: "is no token of this list with these filters; begin again without it"})
		} else {
			p.after = string(b[len(head):])
		}
	}
	return p, invalid(faults)
}

// filterSum stands for the path and the filters of a list.
func (c *call) filterSum() (sum [8]byte) {
	h := sha256.New()
	h.Write([]byte(c.r.URL.Path))
	for _, name := range []string{"prefix", "label", "limit", "owner", "older_than"} {
		for _, value := range c.query[name] {
			h.Write([]byte("\x00" + name + "\x00" + value))
		}
	}
	copy(sum[:], h.Sum(nil))
	return sum
}

// next returns the token of the page after the item of that key.
func (p *page) next(key string) string {
	b := append([]byte{tokenVersion}, p.bound[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, key...))
}

// nextNumber is next for lists that are ordered by a number.
func (p *page) nextNumber(key uint64) string { return p.next(strconv.FormatUint(key, 10)) }

// afterNumber is after for lists that are ordered by a number; 0: the first page.
func (p *page) afterNumber() (uint64, error) {
	if p.after == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(p.after, 10, 64)
	if err != nil {
		return 0, invalid([]wire.FieldError{{Field: "page_token", Detail: "is damaged; begin again without it"}})
	}
	return n, nil
}

// cut returns the first size items of list, and whether there are more.
func cut[T any](list []T, size int) ([]T, bool) {
	if len(list) > size {
		return list[:size], true
	}
	return list, false
}
