package devcluster

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/limitd/limitd/cmd/limitd/config"
)

// Bounds of the number of nodes.
const (
	MinNodes = 2
	MaxNodes = 9
)

// portStep lies between the ports of one node and those of the next.
const portStep = 10

// ErrPlan says that no cluster can be made of the configuration.
var ErrPlan = errors.New("the nodes cannot share this configuration")

// Plan returns the configurations of count nodes that have base in common. The
// first is called base.Name + "1" and has the addresses of base; each further one
// has ports that are higher by ten (port 0 stays 0). Their data folders lie in dir.
func Plan(base config.Config, count int, dir string) ([]config.Config, error) {
	if err := share(base, count); err != nil {
		return nil, err
	}
	var plan []config.Config
	for i := range count {
		c := base
		c.Name = base.Name + strconv.Itoa(i+1)
		c.Memory, c.DataDir = false, filepath.Join(dir, c.Name)
		for _, e := range []*config.Endpoint{&c.HTTP.Endpoint, &c.Peer, &c.Gossip.Endpoint} {
			address, err := shift(e.Address, i*portStep)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrPlan, err)
			}
			e.Address = address
		}
		plan = append(plan, c)
	}
	return plan, nil
}

// share tells what of base cannot be that of several nodes.
func share(base config.Config, count int) error {
	switch {
	case count < MinNodes || count > MaxNodes:
		return fmt.Errorf("%w: there may be %d to %d of them", ErrPlan, MinNodes, MaxNodes)
	case base.Cluster.BootstrapExpect != int64(count):
		return fmt.Errorf("%w: %d of them form the cluster: leave cluster.bootstrap_expect out", ErrPlan, count)
	}
	for key, e := range map[string]config.Endpoint{"http": base.HTTP.Endpoint, "peer": base.Peer, "gossip": base.Gossip.Endpoint} {
		if e.Advertise != "" {
			return fmt.Errorf("%w: each has an address of its own: leave %s.advertise out", ErrPlan, key)
		}
	}
	return nil
}

// shift returns the address with a port that is higher by n.
func shift(address string, n int) (string, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("the port of %q is not a number", address)
	}
	if port == 0 {
		return address, nil
	}
	if port+n > 65535 {
		return "", fmt.Errorf("the ports run from %d to %d: choose lower ones", port, port+n)
	}
	return net.JoinHostPort(host, strconv.Itoa(port+n)), nil
}
