package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// beforeChecks are those for which a real Prefect server stands behind the nodes.
func beforeChecks() []check {
	return []check{
		{"flows, leader killed", flows},
		{"`prefect transfer`", transfer},
		{"`limitd import prefect`", imports},
	}
}

// flows runs the programs of Prefect's documentation that are flows, with the
// leader killed meanwhile. Those that await what a task's submission returns are
// for Prefect 2: with Prefect 3 they fail on its own server, too.
func flows(ctx context.Context, s *session) (string, error) {
	forAll := []string{"concurrency_sync.py", "rate_limit_sync.py"}
	forTwo := []string{"concurrency_async.py", "rate_limit_async.py"}
	names, note := forAll, "2 of 2; the async ones fail on a real server, too"
	if strings.HasPrefix(s.env.Version, "2.") {
		names, note = append(names, forTwo...), "4 of 4"
	} else if err := s.mustFail(ctx, forTwo...); err != nil {
		return "", err
	}
	for _, name := range names {
		if err := s.flow(ctx, name); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return note, nil
}

// mustFail is an error unless programs fail on the real server.
func (s *session) mustFail(ctx context.Context, names ...string) error {
	for _, name := range names {
		r := s.run(ctx, s.server, filepath.Join(s.examples, name))
		if r.err == nil || !strings.Contains(r.log, "can't be used in 'await' expression") {
			return fmt.Errorf("%s was to fail on a Prefect server: %v\n%s", name, r.err, r.log)
		}
	}
	return nil
}

// flow runs one program, and kills the leader while it runs.
func (s *session) flow(ctx context.Context, name string) error {
	for limit, body := range map[string]string{"database": `{"slots":1}`, "rate-limited-api": `{"slots":1,"rate":"5/s"}`} {
		if err := s.limit(ctx, limit, body); err != nil {
			return err
		}
	}
	if err := s.follow(ctx); err != nil {
		return err
	}
	done := make(chan ran, 1)
	go func() { done <- s.run(ctx, s.url+"/api", filepath.Join(s.examples, name)) }()
	killed, err := s.killWhenUsed(ctx, "database", "rate-limited-api")
	r := <-done
	if killed != nil {
		err = errors.Join(err, s.cluster.again(ctx, killed))
	}
	if err = errors.Join(r.err, err); err != nil {
		return err
	}
	switch line := complaints(r.log); {
	case line != "":
		return fmt.Errorf("it complains: %s\n%s", line, r.log)
	case !strings.Contains(r.log, "Finished in state Completed()"):
		return fmt.Errorf("the flow did not complete:\n%s", r.log)
	case strings.HasPrefix(name, "rate") && strings.Count(r.out, "Making an HTTP request...\n") != 10:
		return fmt.Errorf("it printed %q", r.out)
	}
	return nil
}

// killWhenUsed kills the leader once one of the limits has been used.
func (s *session) killWhenUsed(ctx context.Context, limits ...string) (*process, error) {
	for end := time.Now().Add(programTime); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		for _, name := range limits {
			l, err := s.status(ctx, name)
			if err != nil {
				return nil, err
			}
			if l.Occupied > 0 {
				return s.kill(ctx)
			}
		}
	}
	return nil, errors.New("no limit was used before the leader could be killed")
}
