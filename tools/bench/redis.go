package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"

	"github.com/limitd/limitd/tools/bench/load"
)

// The scripts do for a limit what limitd does at the least: ends of leases, a
// count of slots, a token that rises. There is no queue, no exactly-once, and no
// second machine.
const (
	redisAcquire = `local now = redis.call('TIME')
local t = now[1] * 1000000 + now[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
local token = redis.call('INCR', KEYS[2])
redis.call('ZADD', KEYS[1], t + tonumber(ARGV[2]), token)
return token`
	redisRelease = `return redis.call('ZREM', KEYS[1], ARGV[1])`
)

// byRedis acquires and releases by the scripts, over a connection of its own.
type byRedis struct {
	conn  net.Conn
	in    *bufio.Reader
	token int64 // 0: nothing is held
	key   string

	acquire, release string // digests of the scripts
}

// redisLimits is how many keys the callers are spread over: a set of all leases
// in one key would grow slow.
const redisLimits = 64

func newByRedis(address string) func(i int) (load.Caller, error) {
	return func(int) (load.Caller, error) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return nil, err
		}
		r := &byRedis{conn: conn, in: bufio.NewReader(conn), key: fmt.Sprintf("limit:%d", rand.IntN(redisLimits))}
		if r.acquire, err = r.ask("SCRIPT", "LOAD", redisAcquire); err == nil {
			r.release, err = r.ask("SCRIPT", "LOAD", redisRelease)
		}
		return r, err
	}
}

func (r *byRedis) Do(context.Context) error {
	if r.token != 0 {
		answer, err := r.ask("EVALSHA", r.release, "1", r.key, strconv.FormatInt(r.token, 10))
		r.token = 0
		if err == nil && answer != "1" {
			err = fmt.Errorf("release: %w: %s", errRefused, answer)
		}
		return err
	}
	answer, err := r.ask("EVALSHA", r.acquire, "2", r.key, "tokens", "1000000", "60000000")
	if err != nil {
		return err
	}
	if r.token, err = strconv.ParseInt(answer, 10, 64); err != nil || r.token == 0 {
		return fmt.Errorf("acquire: %w: %s", errRefused, answer)
	}
	return nil
}

func (r *byRedis) Close() error { return r.conn.Close() }

// ask sends one command and returns the answer, a number or a text.
func (r *byRedis) ask(words ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := r.conn.Write([]byte(b.String())); err != nil {
		return "", err
	}
	line, err := r.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.HasPrefix(line, ":"):
		return line[1:], nil
	case strings.HasPrefix(line, "$"):
		text, err := r.in.ReadString('\n')
		return strings.TrimRight(text, "\r\n"), err
	}
	return "", fmt.Errorf("redis: %w: %s", errRefused, line)
}
