package main

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/cmd/limitd/top"
	"github.com/limitd/limitd/transport/wire"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	// mostQueues bounds the queues that are looked at for one sample: those of the
	// limits with the most waiters.
	mostQueues = 100
	// metricsTime is how long a node may take to tell its metrics.
	metricsTime = time.Second
)

// sampler asks the cluster again and again for what top shows.
type sampler struct {
	api    *api
	filter url.Values
	every  time.Duration
	last   top.Sample
}

// seen is a look, or why there was none.
type seen struct {
	look top.Look
	err  error
}

func newSampler(a *api, filter url.Values, every time.Duration) *sampler {
	a.stale = true // the node's own copy, which costs the cluster nothing
	return &sampler{api: a, filter: filter, every: every}
}

// run sends one look after the other until ctx is over.
func (s *sampler) run(ctx context.Context, to chan<- seen) {
	for {
		look, err := s.next(ctx)
		select {
		case to <- seen{look, err}:
		case <-ctx.Done():
			return
		}
		if err != nil && wait(ctx, s.every) != nil {
			return
		}
	}
}

// next takes a sample, every after the last one, and compares the two.
func (s *sampler) next(ctx context.Context) (top.Look, error) {
	if !s.last.At.IsZero() {
		if err := wait(ctx, s.every-time.Since(s.last.At)); err != nil {
			return top.Look{}, err
		}
	}
	now, err := s.sample(ctx)
	if err != nil {
		return top.Look{}, err
	}
	look := top.Compare(s.last, now)
	s.last = now
	return look, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sampler) sample(ctx context.Context) (now top.Sample, err error) {
	now.Cluster, err = read[wire.Cluster](s.api.call(ctx, http.MethodGet, "/v1/cluster", nil))
	if err != nil {
		return now, err
	}
	now.Counters = s.counters(ctx, now.Cluster.Nodes)
	limits, _, err := listLimits(ctx, s.api, s.pageFilter())
	if err != nil {
		return now, err
	}
	now.At = time.Now()
	for _, l := range limits {
		now.Limits = append(now.Limits, top.Limit{Limit: l, State: limitState(l)})
	}
	s.askQueues(ctx, now.Limits)
	return now, ctx.Err()
}

// pageFilter returns the filter anew: reading pages adds to it.
func (s *sampler) pageFilter() url.Values {
	filter := url.Values{}
	for key, values := range s.filter {
		filter[key] = slices.Clone(values)
	}
	return filter
}

// askQueues finds out how long the first in each queue waits. A queue that
// cannot be read stays unknown.
func (s *sampler) askQueues(ctx context.Context, limits []top.Limit) {
	var waiting []*top.Limit
	for i := range limits {
		if limits[i].Status.Waiting > 0 {
			waiting = append(waiting, &limits[i])
		}
	}
	slices.SortFunc(waiting, func(a, b *top.Limit) int { return cmp.Compare(b.Status.Waiting, a.Status.Waiting) })
	for _, l := range waiting[:min(len(waiting), mostQueues)] {
		queue, err := read[wire.Queue](s.api.call(ctx, http.MethodGet, limitPath(l.Name, "/queue?page_size=1"), nil))
		if err != nil {
			continue
		}
		l.Oldest = new(wire.Duration) // nobody waits any more
		if len(queue.Waiters) > 0 {
			l.Oldest = queue.Waiters[0].WaitingFor.Ptr()
		}
	}
}

// counters asks all nodes at once. Those that do not answer are left out.
func (s *sampler) counters(ctx context.Context, nodes []wire.Node) map[string]top.Counters {
	ctx, cancel := context.WithTimeout(ctx, metricsTime)
	defer cancel()
	told := make([]*top.Counters, len(nodes))
	var asked sync.WaitGroup
	for i, n := range nodes {
		if n.Alive {
			asked.Go(func() { told[i] = s.count(ctx, n) })
		}
	}
	asked.Wait()
	counters := map[string]top.Counters{}
	for i, c := range told {
		if c != nil {
			counters[nodes[i].ID] = *c
		}
	}
	return counters
}

// count reads what top needs of one node's metrics; nil where that fails.
func (s *sampler) count(ctx context.Context, n wire.Node) *top.Counters {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api.scheme()+"://"+n.HTTP+"/metrics", nil)
	if err != nil {
		return nil
	}
	s.api.authorize(request)
	response, err := s.api.client.Do(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil
	}
	c := &top.Counters{}
	for _, m := range families["limitd_acquires_total"].GetMetric() {
		switch m.GetLabel()[0].GetValue() {
		case "granted":
			c.Granted = m.GetCounter().GetValue()
		case "denied", "wait_expired":
			c.Denied += m.GetCounter().GetValue()
		}
	}
	for _, m := range families["limitd_leases"].GetMetric() {
		c.Leases = m.GetGauge().GetValue()
	}
	for _, m := range families["limitd_waiters"].GetMetric() {
		c.Waiters = m.GetGauge().GetValue()
	}
	return c
}
