package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// aloneChecks are those that need no Prefect server.
func aloneChecks() []check {
	return []check{
		{"`rate_limit`, 10 at 5/s", rateLimit},
		{"`concurrency`, 20 jobs of 0.1 s on 2 slots", gather},
		{"8 processes on 2 slots, leader killed", workers},
		{"`prefect gcl`", gcl},
		{"left over", leftOver},
	}
}

// rateLimit runs the program of Prefect's documentation that needs no flow: ten
// tokens of a bucket of one, at five a second, take 1.8 s.
func rateLimit(ctx context.Context, s *session) (string, error) {
	if err := s.limit(ctx, "rate-limited-api", `{"slots":1,"rate":"5/s"}`); err != nil {
		return "", err
	}
	r := s.program(ctx, filepath.Join(s.examples, "outside_a_flow.py"))
	if r.err == nil && r.out != strings.Repeat("Making an HTTP request...\n", 10) {
		r.err = fmt.Errorf("it printed %q", r.out)
	}
	if r.err != nil {
		return "", r.err
	}
	took, err := s.age(ctx, "rate-limited-api")
	if err == nil && took < 1800*time.Millisecond {
		err = fmt.Errorf("ten tokens took %v, and not 1.8 s", took)
	}
	return "yes", err
}

// age returns the time from the creation of a limit until now, which is longer
// than all that was done with it.
func (s *session) age(ctx context.Context, limit string) (time.Duration, error) {
	var l struct {
		CreatedAt time.Time `json:"created_at"`
	}
	err := ask(ctx, http.MethodGet, s.url+"/v1/limits/"+limit, "", &l)
	return time.Since(l.CreatedAt), err
}

// gather runs many jobs in one process.
func gather(ctx context.Context, s *session) (string, error) {
	if err := s.limit(ctx, "database", `{"slots":2}`); err != nil {
		return "", err
	}
	r := s.program(ctx, "prefect/programs/gather.py")
	if r.err == nil && strings.TrimSpace(r.out) != "at most 2 inside" {
		r.err = fmt.Errorf("it printed %q", r.out)
	}
	return "yes", r.err
}

// workers runs many processes, and kills the leader while all of them wait.
func workers(ctx context.Context, s *session) (string, error) {
	const processes, turns = 8, 10
	if err := s.follow(ctx); err != nil {
		return "", err
	}
	lease, err := s.take(ctx, 2)
	if err != nil {
		return "", err
	}
	done := make(chan ran, 1)
	go func() {
		done <- s.program(ctx, "prefect/programs/workers.py", strconv.Itoa(processes), strconv.Itoa(turns))
	}()
	killed, err := s.killLeader(ctx, processes)
	err = errors.Join(err, s.giveBack(ctx, lease))
	r := <-done
	if killed != nil {
		err = errors.Join(err, s.cluster.again(ctx, killed))
	}
	if err = errors.Join(r.err, err); err != nil {
		return "", err
	}
	inside, err := spans(r.out)
	switch {
	case err != nil:
		return "", err
	case len(inside) != processes*turns:
		return "", fmt.Errorf("%d turns, want %d", len(inside), processes*turns)
	case most(inside) > 2:
		return "", fmt.Errorf("%d were inside at a time", most(inside))
	}
	return fmt.Sprintf("%d turns, at most %d inside", len(inside), most(inside)), nil
}

// take occupies slots, so that all others wait.
func (s *session) take(ctx context.Context, slots int) (lease string, err error) {
	var granted struct {
		LeaseID string `json:"lease_id"`
	}
	body := fmt.Sprintf(`{"slots":%d,"names":["database"],"lease_duration":3600}`, slots)
	err = ask(ctx, http.MethodPost, s.url+"/api/v2/concurrency_limits/increment-with-lease", body, &granted)
	return granted.LeaseID, err
}

// giveBack frees what take took.
func (s *session) giveBack(ctx context.Context, lease string) error {
	return ask(ctx, http.MethodPost, s.url+"/api/v2/concurrency_limits/decrement-with-lease", fmt.Sprintf(`{"lease_id":%q}`, lease), nil)
}

// killLeader waits until so many wait, and kills the leader.
func (s *session) killLeader(ctx context.Context, waiting int) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	seen := status{}
	for ctx.Err() == nil {
		var err error
		if seen, err = s.status(ctx, "database"); err != nil {
			return nil, err
		}
		if seen.Waiting == waiting {
			return s.kill(ctx)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, fmt.Errorf("%+v before the leader could be killed: %w", seen, ctx.Err())
}

// kill kills the leader. The clients know one node, which has to live: where it
// has come to lead, as may be on a busy machine, it hands over first.
func (s *session) kill(ctx context.Context) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	for ctx.Err() == nil {
		leader, err := s.cluster.leader(ctx)
		if err != nil {
			return nil, err
		}
		node := s.cluster.nodes[leader]
		if s.url != "http://"+node.http {
			node.kill()
			return node, nil
		}
		// Where it leads no more, there is nothing to hand over.
		_ = call(ctx, http.MethodPost, s.url+"/v1/cluster/transfer", "", nil)
		time.Sleep(100 * time.Millisecond)
	}
	return nil, fmt.Errorf("the node of the clients always leads: %w", ctx.Err())
}

// leftOver looks for slots that nobody gave back.
func leftOver(ctx context.Context, s *session) (string, error) {
	l, err := s.status(ctx, "database")
	if err == nil && l.Occupied+l.Waiting > 0 {
		err = fmt.Errorf("%+v", l)
	}
	return "nothing", err
}
