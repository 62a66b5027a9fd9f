package wire

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// The answers of the hot routes write themselves: encoding/json takes most of
// an acquire's time otherwise. A test holds each against encoding/json.

// AppendJSON appends g as JSON.
func (g *Grant) AppendJSON(b []byte) []byte {
	b = append(b, `{"granted":`...)
	b = strconv.AppendBool(b, g.Granted)
	b = appendText(append(b, `,"id":`...), g.ID)
	b = strconv.AppendUint(append(b, `,"token":`...), g.Token, 10)
	b = appendSpan(b, `,"ttl":"`, g.TTL)
	b = append(g.Waited.Append(append(b, `,"waited":"`...)), '"')
	b = appendSpan(b, `,"expires_in":"`, g.ExpiresIn)
	b = appendTime(b, `,"granted_at":"`, g.GrantedAt)
	if !g.ExpiresAt.IsZero() {
		b = appendTime(b, `,"expires_at":"`, g.ExpiresAt)
	}
	b = appendItems(append(b, `,"limits":`...), g.Limits, appendGrantedLimit)
	b = appendItems(append(b, `,"skipped":`...), g.Skipped, appendText)
	b = strconv.AppendBool(append(b, `,"replayed":`...), g.Replayed)
	return append(b, '}')
}

// AppendJSON appends w as JSON.
func (w *Waiting) AppendJSON(b []byte) []byte {
	b = append(b, `{"granted":`...)
	b = strconv.AppendBool(b, w.Granted)
	b = appendText(append(b, `,"state":`...), w.State)
	b = appendText(append(b, `,"id":`...), w.ID)
	b = strconv.AppendInt(append(b, `,"position":`...), w.Position, 10)
	b = appendItems(append(b, `,"blocked_by":`...), w.BlockedBy, appendBlocker)
	if w.EstimatedWait != nil {
		b = append(w.EstimatedWait.Append(append(b, `,"estimated_wait":"`...)), '"')
	}
	if w.Quarantine != nil {
		b = append(w.Quarantine.Append(append(b, `,"quarantine":"`...)), '"')
	}
	return append(b, '}')
}

// AppendJSON appends r as JSON.
func (r *Released) AppendJSON(b []byte) []byte {
	b = strconv.AppendBool(append(b, `{"released":`...), r.Released)
	if r.Reason != "" {
		b = appendText(append(b, `,"reason":`...), r.Reason)
	}
	return append(appendTrue(b, `,"replayed":true`, r.Replayed), '}')
}

// AppendJSON appends c as JSON.
func (c *Cancelled) AppendJSON(b []byte) []byte {
	b = strconv.AppendBool(append(b, `{"cancelled":`...), c.Cancelled)
	return append(appendTrue(b, `,"replayed":true`, c.Replayed), '}')
}

// AppendJSON appends r as JSON.
func (r *Renewed) AppendJSON(b []byte) []byte {
	return append(appendItems(append(b, `{"leases":`...), r.Leases, appendRenewed), '}')
}

func appendRenewed(b []byte, l RenewedLease) []byte {
	b = append(b, '{')
	if l.Token != 0 {
		b = append(strconv.AppendUint(append(b, `"token":`...), l.Token, 10), ',')
	}
	if l.ID != "" {
		b = append(appendText(append(b, `"id":`...), l.ID), ',')
	}
	b = appendText(append(b, `"state":`...), l.State)
	return append(appendSpan(b, `,"expires_in":"`, l.ExpiresIn), '}')
}

func appendGrantedLimit(b []byte, l GrantedLimit) []byte {
	b = appendText(append(b, `{"id":`...), l.ID)
	b = appendText(append(b, `,"name":`...), l.Name)
	b = strconv.AppendInt(append(b, `,"slots":`...), l.Slots, 10)
	b = appendText(append(b, `,"mode":`...), l.Mode)
	b = strconv.AppendBool(append(b, `,"counted":`...), l.Counted)
	b = appendTrue(b, `,"would_deny":true`, l.WouldDeny)
	if len(l.Ordinals) > 0 {
		b = appendItems(append(b, `,"ordinals":`...), l.Ordinals, func(b []byte, v uint32) []byte {
			return strconv.AppendUint(b, uint64(v), 10)
		})
	}
	return append(b, '}')
}

func appendBlocker(b []byte, l Blocker) []byte {
	b = appendText(append(b, `{"name":`...), l.Name)
	b = strconv.AppendInt(append(b, `,"slots":`...), l.Slots, 10)
	b = strconv.AppendInt(append(b, `,"occupied":`...), l.Occupied, 10)
	b = strconv.AppendInt(append(b, `,"ahead":`...), l.Ahead, 10)
	return append(b, '}')
}

func appendItems[T any](b []byte, list []T, item func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, v)
	}
	return append(b, ']')
}

func appendTrue(b []byte, text string, value bool) []byte {
	if value {
		return append(b, text...)
	}
	return b
}

func appendSpan(b []byte, key string, d Duration) []byte {
	if d == 0 {
		return b
	}
	return append(d.Append(append(b, key...)), '"')
}

func appendTime(b []byte, key string, t time.Time) []byte {
	return append(t.AppendFormat(append(b, key...), time.RFC3339Nano), '"')
}

// appendText appends s as a JSON string.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n - 1
		}
	}
	return append(b, '"')
}
