package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// The bounds of the nodes of this scene: so low that a few callers reach them, and
// so short that nobody has to wait for them.
const (
	boundConnections = 160
	boundWaiters     = 20
	boundHeader      = 3 * time.Second
	boundBody        = 4 * time.Second
	boundWrite       = 4 * time.Second
	boundIdle        = 5 * time.Second
)

// dressBounds has the nodes ask for tokens, and keeps the calls' connections open:
// none of them may be one too many.
func dressBounds(s *stage, cfg *nodes.Config) (err error) {
	if s.credentials, err = newCredentials(client.Config{}); err != nil {
		return err
	}
	s.credentials.next = &http.Transport{MaxIdleConnsPerHost: 8}
	cfg.Transport = s.credentials
	cfg.Extra += fmt.Sprintf(`http {
  max_connections = %d
  header_timeout  = %q
  body_timeout    = %q
  write_timeout   = %q
  idle_timeout    = %q
}
limits { max_waiters = %d }
acl {
  enabled   = true
  anonymous = "guests"
}
`, boundConnections, boundHeader, boundBody, boundWrite, boundIdle, boundWaiters)
	return nil
}

// bounds plays callers who want too much, take too long, or may not, beside callers
// at all nodes no call of whom may fail.
func bounds(ctx context.Context, s *stage) error {
	b := &bounded{guarded{stage: s, vault: vault{s}, first: s.cluster.Nodes()[0], secrets: map[string]string{}}}
	s.env = append(s.env, "LIMITD_ADDR="+b.first.URL())
	for _, step := range []func(context.Context) error{b.begin, b.anonymous, b.prefect, b.besideCallers} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return atRest(ctx, s.cluster, "probe")
}

// bounded is a cluster that bounds what its callers may do.
type bounded struct{ guarded }

// begin makes the first token, which this scene's calls show, and what they need.
func (b *bounded) begin(ctx context.Context) error {
	for _, n := range b.cluster.Nodes() {
		if err := joined(ctx, n); err != nil {
			return err
		}
	}
	if err := b.secret(ctx, "bootstrap", "acl", "bootstrap"); err != nil {
		return err
	}
	b.credentials.use(b.secrets["bootstrap"])
	b.env = append(b.env, "LIMITD_TOKEN="+b.secrets["bootstrap"])
	for name, slots := range map[string]int64{"probe": 1000, "parked": 1, "open-1": 10, "shown": 10, "db": 10} {
		if err := putLimit(ctx, b.first, name, wire.LimitRequest{Slots: slots}); err != nil {
			return err
		}
	}
	return nil
}

// besideCallers plays what callers at all nodes must not feel, and looks at what is
// left over of it.
func (b *bounded) besideCallers(ctx context.Context) error {
	before, err := gaugesOf(ctx, b.first)
	if err != nil {
		return err
	}
	beside := newLoad(ctx)
	for _, n := range b.cluster.Nodes() {
		beside.at(n)
	}
	for _, play := range []func(context.Context) error{b.tooMuch, b.tooManyWaiters, b.tooManyConnections, b.tooSlow} {
		if err := play(ctx); err != nil {
			return errors.Join(err, beside.end())
		}
	}
	fmt.Println("   callers beside all that, one at each of the three nodes:")
	if err := beside.end(); err != nil {
		return err
	}
	return b.nothingLeft(ctx, before)
}

// excess is a request for more than there may be.
type excess struct {
	what, path, body string
	status           int
	code             wire.Code
	says             string // the bound, or the mend
}

// excesses are one for each bound of a request that docs/api.md names.
func excesses() []excess {
	long := strings.Repeat("a", 256)
	list := func(form string, count int) string { // %d becomes a number
		var all []string
		for i := range count {
			all = append(all, strings.ReplaceAll(form, "%d", strconv.Itoa(i+1)))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	const bad, invalid = http.StatusBadRequest, wire.CodeInvalidRequest
	return []excess{
		{"a body of 1 MiB and a byte", "/v1/acquire", strings.Repeat(" ", wire.MaxBody+1), http.StatusRequestEntityTooLarge, wire.CodeBodyTooLarge, "spread it over several requests"},
		{"a name of 256 bytes", "/v1/acquire", `{"limits":[{"name":"` + long + `"}]}`, bad, invalid, "255 bytes"},
		{"the same of a new limit", "/v1/limits", `{"slots":1,"name":"` + long + `"}`, bad, invalid, "255 bytes"},
		{"65 limits", "/v1/acquire", `{"limits":` + list(`{"name":"db-%d"}`, 65) + `}`, bad, invalid, "1 to 64"},
		{"an id of 65 bytes", "/v1/acquire", `{"id":"` + long[:65] + `","limits":[{"name":"db"}]}`, bad, invalid, "64"},
		{"an owner of 5 KiB", "/v1/acquire", `{"limits":[{"name":"db"}],"owner":{"name":"` + strings.Repeat(long, 20) + `"}}`, bad, invalid, "4096 bytes"},
		{"10,001 tokens to renew", "/v1/renew", `{"tokens":` + list("%d", 10_001) + `}`, bad, invalid, "10000"},
		{"1,001 operations", "/v1/batch", `{"operations":` + list(`{"cancel":{"id":"x-%d"}}`, 1001) + `}`, bad, invalid, "1000"},
	}
}

// tooMuch asks each node for more than a request may have.
func (b *bounded) tooMuch(ctx context.Context) error {
	list := excesses()
	for _, n := range b.cluster.Nodes() {
		for _, x := range list {
			a, err := n.Send(ctx, http.MethodPost, x.path, wire.TypeJSON, []byte(x.body))
			if err == nil {
				err = refusedAs(a.Status, a.Body, x.status, x.code, x.says)
			}
			if err != nil {
				return fmt.Errorf("%s at %s: %w", x.what, n.Name, err)
			}
		}
		if err := headersTooLarge(ctx, n); err != nil {
			return fmt.Errorf("64 KiB of headers at %s: %w", n.Name, err)
		}
	}
	fmt.Printf("   body, headers, names, ids, owner, lists one above their bounds: %d requests at each node, each refused with its status, code and bound\n", len(list)+1)
	return nil
}

// refusedAs tells whether a problem is the one that it is to be.
func refusedAs(status int, body []byte, want int, code wire.Code, says string) error {
	var p wire.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		return fmt.Errorf("%d %.200s: %w", status, body, err)
	}
	if status != want || p.Code != code || !strings.Contains(p.Detail+" "+p.Hint, says) {
		return fmt.Errorf("%d %.300s, not %d %s that says %q", status, body, want, code, says)
	}
	return nil
}

// headersTooLarge are told so by net/http, before there is a request.
func headersTooLarge(ctx context.Context, n *nodes.Node) error {
	conn, err := knockAt(ctx, n)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 70<<10)); err != nil {
		return err
	}
	a, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusRequestHeaderFieldsTooLarge || !a.Close {
		return fmt.Errorf("%s, close %v", a.Status, a.Close)
	}
	return nil
}

// knockAt opens a connection to a node, which is given up after a generous while.
func knockAt(ctx context.Context, n *nodes.Node) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", n.HTTP)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(joinTime))
	}
	return conn, err
}

// tooManyWaiters fills the queue, through all nodes, and asks for one place more.
func (b *bounded) tooManyWaiters(ctx context.Context) error {
	hold := wire.AcquireRequest{Limits: []wire.Entry{{Name: "parked", Slots: 1}}, TTL: wire.Duration(time.Hour)}
	if _, err := b.first.Must(ctx, http.MethodPost, "/v1/acquire", hold, nil); err != nil {
		return err
	}
	if err := park(ctx, b.first, boundWaiters); err != nil {
		return err
	}
	zero := wire.Duration(0)
	for i, n := range b.cluster.Nodes() {
		a, err := n.Call(ctx, http.MethodPost, "/v1/acquire", parked("more", i, &zero))
		if err == nil {
			err = refusedAs(a.Status, a.Body, http.StatusServiceUnavailable, wire.CodeOverloaded, "max_waiters")
		}
		if err != nil {
			return fmt.Errorf("one waiter more at %s: %w", n.Name, err)
		}
	}
	fmt.Printf("   %d acquires wait, as many as may: one more is refused by each node, 503 overloaded\n", boundWaiters)
	_, err := b.first.Must(ctx, http.MethodDelete, "/v1/limits/parked", nil, nil)
	return err
}

// tooManyConnections opens ten more than there may be. The callers' own are among
// those that may.
func (b *bounded) tooManyConnections(ctx context.Context) error {
	const more = 10
	var all sync.WaitGroup
	answers := make(chan error, boundConnections+more)
	for range boundConnections + more {
		conn, err := knockAt(ctx, b.first)
		if err != nil {
			return err
		}
		all.Go(func() { answers <- turnedAway(conn) })
	}
	all.Wait()
	close(answers)
	refused := 0
	for err := range answers {
		if err != nil && !errors.Is(err, errLetIn) {
			return err
		}
		if err == nil {
			refused++
		}
	}
	if refused < more {
		return fmt.Errorf("of %d connections too many %d were refused", more, refused)
	}
	fmt.Printf("   %d connections at one node that may have %d: %d are told 503 overloaded and closed; those let in say nothing and are cut\n", boundConnections+more, boundConnections, refused)
	return nil
}

// errLetIn says that a connection was not one too many.
var errLetIn = errors.New("let in, and cut")

// turnedAway returns nil where a connection that says nothing is told that it is one
// too many, and errLetIn where it is cut without a word.
func turnedAway(conn net.Conn) error {
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if len(text) == 0 {
		return cmp.Or(err, errLetIn)
	}
	a, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil || a.Header.Get("Retry-After") == "" {
		return fmt.Errorf("one connection too many is told %q, %w", text, err)
	}
	return refusedAs(a.StatusCode, body, http.StatusServiceUnavailable, wire.CodeOverloaded, "use fewer connections")
}
