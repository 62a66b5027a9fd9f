package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

const perSecond = 50

// admission is one rate grant.
type admission struct {
	index uint64
	time  int64 // Limitd-Time of the answer
	token uint64
	at    time.Time // when the answer came
}

// ending is a linearizable read at the end, and when it was answered.
type ending struct {
	nodes.Answer
	at time.Time
}

// rateExact: under constant oversupply a rate limit admits, in a span of W
// seconds of cluster time that begins with the first grant, exactly
// slots + floor(rate*W).
func rateExact(ctx context.Context, s *stage) error {
	const slots = 10
	n := s.cluster.Nodes()[0]
	if err := putLimit(ctx, n, "api", wire.LimitRequest{Slots: slots, Rate: "50/s"}); err != nil {
		return err
	}
	work, cancel := context.WithTimeout(ctx, s.last(20*time.Second))
	defer cancel()
	admitted, end, err := oversupply(work, ctx, s.cluster, nil)
	if err != nil {
		return err
	}
	first, count := upTo(admitted, end.Index)
	span := end.Time - first.time
	want := slots + int(span*perSecond/1e9)
	fmt.Printf("   admitted %d in %.6fs of cluster time; slots + floor(%d*W) = %d\n", count, float64(span)/1e9, perSecond, want)
	if count != want {
		return fmt.Errorf("admitted %d, not %d", count, want)
	}
	return nil
}

// upTo returns the first grant, and how many there were up to a log index.
func upTo(admitted []admission, index uint64) (first admission, count int) {
	for _, a := range admitted {
		if a.index > index {
			continue
		}
		if count++; count == 1 || a.token < first.token {
			first = a
		}
	}
	return first, count
}

// rateKill: the same with a leader killed every six seconds. Never one above
// the bound; below it by at most what an empty bucket could not hold while
// nobody was granted, plus the rate times the cluster time that was lost.
func rateKill(ctx context.Context, s *stage) error {
	const slots = 100
	n := s.cluster.Nodes()[0]
	if err := putLimit(ctx, n, "api", wire.LimitRequest{Slots: slots, Rate: "50/s"}); err != nil {
		return err
	}
	work, cancel := context.WithTimeout(ctx, s.last(60*time.Second))
	defer cancel()
	killed := make(chan int, 1)
	kill := func() { killed <- killLeaders(work, s.cluster, 6*time.Second) }
	admitted, end, err := oversupply(work, ctx, s.cluster, kill)
	if err != nil {
		return err
	}
	first, count := upTo(admitted, end.Index)
	span := end.Time - first.time
	real := end.at.Sub(first.at)
	most := slots + int(span*perSecond/1e9)
	lost := real - time.Duration(span)
	kills := <-killed
	fmt.Printf("   %d leaders killed; admitted %d in %.3fs of cluster time; at most %d; missing %d\n", kills, count, float64(span)/1e9, most, most-count)
	fmt.Printf("   real time %.3fs: %.3fs of cluster time lost, %.1f slots' worth\n", real.Seconds(), lost.Seconds(), lost.Seconds()*perSecond)
	if count > most {
		return fmt.Errorf("admitted %d, above %d", count, most)
	}
	// While nobody is granted the bucket fills; it holds 100, two seconds' worth,
	// which no failover takes: so nothing may be missing beyond one grant.
	if most-count > slots {
		return fmt.Errorf("admitted %d, too far below %d", count, most)
	}
	return atRest(ctx, s.cluster, "")
}

// oversupply asks for more than the rate gives, through all nodes, until work
// ends. It returns all grants, and a linearizable read after the end of work.
func oversupply(work, ctx context.Context, c *nodes.Cluster, meanwhile func()) ([]admission, ending, error) {
	var mu sync.Mutex
	var admitted []admission
	var errs []error
	var all sync.WaitGroup
	if meanwhile != nil {
		all.Go(meanwhile)
	}
	for i := range 90 {
		all.Go(func() {
			mine, err := caller(work, ctx, c, i)
			mu.Lock()
			defer mu.Unlock()
			admitted = append(admitted, mine...)
			errs = append(errs, err)
		})
	}
	<-work.Done()
	a, err := readAnywhere(ctx, c)
	end := ending{Answer: a, at: time.Now()}
	all.Wait()
	return admitted, end, errors.Join(append(errs, err)...)
}

// readAnywhere reads the limit through the first node that answers.
func readAnywhere(ctx context.Context, c *nodes.Cluster) (a nodes.Answer, err error) {
	for range 500 {
		for _, n := range c.Nodes() {
			if !n.Running() {
				continue
			}
			if a, err = n.Must(ctx, http.MethodGet, "/v1/limits/api", nil, nil); err == nil {
				return a, nil
			}
		}
		_ = wait(ctx, 10*time.Millisecond)
	}
	return a, err
}

// caller waits for one admission after the other. A call that its node did not
// survive is made again with the same id at another node.
func caller(work, ctx context.Context, c *nodes.Cluster, i int) (admitted []admission, err error) {
	for turn := 0; work.Err() == nil; turn++ {
		id := fmt.Sprintf("caller-%d-%d", i, turn)
		body := wire.AcquireRequest{ID: id, Mode: wire.ModeRateLimit, Limits: []wire.Entry{{Name: "api", Slots: 1}}, Wait: wire.Duration(30 * time.Second)}
		a, err := persist(ctx, c, i+turn, body)
		if err != nil {
			return admitted, err
		}
		var g wire.Grant
		if err := json.Unmarshal(a.Body, &g); err != nil || !g.Granted {
			return admitted, fmt.Errorf("not granted: %d %s", a.Status, a.Body)
		}
		admitted = append(admitted, admission{index: a.Index, time: a.Time, token: g.Token, at: time.Now()})
	}
	return admitted, nil
}

// persist posts an acquire until a node answers it.
func persist(ctx context.Context, c *nodes.Cluster, from int, body wire.AcquireRequest) (a nodes.Answer, err error) {
	list := c.Nodes()
	for try := range 2000 {
		n := list[(from+try)%len(list)]
		a, err = n.Call(ctx, http.MethodPost, "/v1/acquire", body)
		if err == nil && a.Status == http.StatusOK {
			return a, nil
		}
		if err == nil && a.Status != http.StatusServiceUnavailable && a.Status != http.StatusAccepted && a.Status != http.StatusGatewayTimeout {
			return a, fmt.Errorf("%s answered %d %s", n.Name, a.Status, a.Body)
		}
		_ = wait(ctx, 5*time.Millisecond)
	}
	return a, fmt.Errorf("no node answers: %w", err)
}
