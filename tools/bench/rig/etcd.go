package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcdQuota is above what a run writes: etcd stops writes at 2 GiB otherwise.
const etcdQuota = 8 << 30

// StartEtcd starts three members with etcd's own defaults.
func StartEtcd(ctx context.Context, p Place) (*System, error) {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, err
	}
	places, err := nodes.Loopback(3)
	if err != nil {
		return nil, err
	}
	var cluster, addresses []string
	for i, at := range places {
		cluster = append(cluster, fmt.Sprintf("e%d=http://%s", i+1, at.Peer.Listen))
		addresses = append(addresses, at.HTTP.Listen)
	}
	var all []*exec.Cmd
	for i, at := range places {
		name, client, peer := fmt.Sprintf("e%d", i+1), "http://"+at.HTTP.Listen, "http://"+at.Peer.Listen
		cmd, err := process(p, name, "--name", name, "--data-dir", filepath.Join(p.Dir, name),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-token", "bench",
			"--quota-backend-bytes", fmt.Sprint(etcdQuota), "--log-level", "error")
		if err != nil {
			return nil, errors.Join(err, kill(all))
		}
		all = append(all, cmd)
	}
	s := &System{pids: pids(all), close: func() error { return kill(all) }}
	if s.Leader, s.Follower, err = etcdLeader(ctx, addresses); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Etcd returns a client with a connection of its own to one member.
func Etcd(address string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: []string{address}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
}

// etcdLeader waits until all members name the same leader.
func etcdLeader(ctx context.Context, addresses []string) (leader, follower string, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	for {
		if leader, follower = askEtcd(ctx, addresses); leader != "" {
			return leader, follower, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return "", "", fmt.Errorf("no leader of etcd: %w", ctx.Err())
		}
	}
}

func askEtcd(ctx context.Context, addresses []string) (leader, follower string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	said := uint64(0)
	for i, address := range addresses {
		c, err := Etcd(address)
		if err != nil {
			return "", ""
		}
		status, err := c.Status(ctx, address)
		_ = c.Close()
		if err != nil || status.Leader == 0 || i > 0 && status.Leader != said {
			return "", ""
		}
		said = status.Leader
		if status.Header.MemberId == said {
			leader = address
		} else {
			follower = address
		}
	}
	return leader, follower
}
