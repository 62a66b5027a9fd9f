package httpapi

import (
	"math"
	"math/big"
	"strconv"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// The fields RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers,
// as structured fields (RFC 9651): a list with one item a limit, its name.
//
//	RateLimit-Policy: "api";q=100;w=60, "db";q=5;qu="concurrent-requests"
//	RateLimit: "api";r=40;t=36, "db";r=3
//
// q are the slots, w the seconds in which decay empties the full limit, r the
// free slots, t the seconds until decay has freed them all, or, with a denial,
// until a retry can succeed.
const (
	policyHeader = "Ratelimit-Policy" // canonical form of wire.HeaderRateLimitPolicy
	limitHeader  = "Ratelimit"        // of wire.HeaderRateLimit
	maxField     = 4 << 10            // bytes; limits beyond are left out
	maxSFInteger = 999_999_999_999_999
)

// quota is one limit in the two fields.
type quota struct {
	name            string
	slots, occupied int64
	rate            command.Rate
	after           int64 // ns until a retry can succeed; -1: not said
}

// limitHeaders sets the fields about the limits that an acquire met.
func (c *call) limitHeaders(r command.Result) {
	switch r := r.(type) {
	case *command.Granted:
		var f fields
		for _, l := range r.Limits {
			if l.Counted || l.WouldDeny {
				f.add(quota{l.Name, l.Capacity, l.Occupied, l.Rate, -1})
			}
		}
		c.setFields(&f)
	case *command.Denied:
		c.blockerHeaders(r.BlockedBy, r.RetryAfter)
	case *command.Waiting:
		c.blockerHeaders(r.BlockedBy, r.EstimatedWait)
	}
}

// blockerHeaders sets the fields about limits that are in the way; their rates
// come of this node's own state.
func (c *call) blockerHeaders(list []command.Blocker, after int64) {
	rates := make([]command.Rate, len(list))
	c.glance(func(s *limit.State) {
		for i, b := range list {
			l, _ := s.Limit(b.Name)
			rates[i] = l.Settings.Rate
		}
	})
	var f fields
	for i, b := range list {
		f.add(quota{b.Name, b.Slots, b.Occupied, rates[i], after})
	}
	c.setFields(&f)
}

func (c *call) setFields(f *fields) {
	if len(f.policy) > 0 {
		c.header(policyHeader, string(f.policy))
		c.header(limitHeader, string(f.limit))
	}
}

type fields struct{ policy, limit []byte }

func (f *fields) add(q quota) {
	if !printable(q.name) || len(f.policy) > maxField {
		return
	}
	if len(f.policy) > 0 {
		f.policy, f.limit = append(f.policy, ", "...), append(f.limit, ", "...)
	}
	f.policy = appendInteger(append(appendQuoted(f.policy, q.name), ";q="...), q.slots)
	f.limit = appendInteger(append(appendQuoted(f.limit, q.name), ";r="...), max(0, q.slots-q.occupied))
	if q.rate.IsZero() {
		f.policy = append(f.policy, `;qu="concurrent-requests"`...)
		return
	}
	f.policy = appendInteger(append(f.policy, ";w="...), max(1, decaySeconds(q.slots, q.rate)))
	t := decaySeconds(q.occupied, q.rate)
	if q.after >= 0 {
		t = ceilSeconds(q.after)
	}
	f.limit = appendInteger(append(f.limit, ";t="...), t)
}

// decaySeconds returns the whole seconds in which n slots decay, rounded up.
func decaySeconds(n int64, r command.Rate) int64 {
	if n <= 0 {
		return 0
	}
	if r.Den < math.MaxInt64/uint64(n) {
		return ceilSeconds(int64((uint64(n)*r.Den + r.Num - 1) / r.Num))
	}
	ns := new(big.Int).Mul(big.NewInt(n), new(big.Int).SetUint64(r.Den))
	ns.Quo(ns, new(big.Int).SetUint64(r.Num))
	if ns.Quo(ns, big.NewInt(1e9)); !ns.IsInt64() || ns.Int64() >= maxSFInteger {
		return maxSFInteger
	}
	return ns.Int64() + 1
}

func printable(name string) bool {
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return false
		}
	}
	return true
}

func appendQuoted(b []byte, text string) []byte {
	b = append(b, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, text[i])
	}
	return append(b, '"')
}

func appendInteger(b []byte, v int64) []byte {
	return strconv.AppendInt(b, min(v, maxSFInteger), 10)
}
