package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// addresses checks the endpoints: readable, reachable for the others, and not
// open to the world by accident.
func (k *checker) addresses(c Config) {
	open := []string{}
	for _, e := range []struct {
		block string
		Endpoint
	}{{"http", c.HTTP}, {"peer", c.Peer}, {"gossip", c.Gossip}} {
		key := e.block + ".address"
		host, _, err := splitAddress(e.Address)
		if err != nil {
			k.fail(key, "Unsuitable address", "%v.", err)
			continue
		}
		if e.Advertise != "" {
			k.advertise(e.block, e.Advertise)
		}
		if isWildcard(host) && e.Advertise == "" && (e.block == "peer" || c.Peer.Advertise == "") {
			k.fail(key, "Nothing to tell the others",
				"%s is %q, which is every address of this machine: say which one the others reach, %s { advertise = \"HOST:PORT\" }.", key, e.Address, e.block)
		}
		if !isLoopback(host) {
			open = append(open, key)
		}
	}
	if len(open) > 0 && !c.AllowInsecure {
		k.fail(open[0], "Open to the network",
			"Beyond loopback (%s) nothing encrypts or authenticates what this version of limitd sends and takes. "+
				"On a network that you trust, write this line at the top of the file: allow_insecure = true", strings.Join(open, ", "))
	}
}

func (k *checker) advertise(block, address string) {
	key := block + ".advertise"
	host, port, err := splitAddress(address)
	switch {
	case err != nil:
		k.fail(key, "Unsuitable address", "%v.", err)
	case isWildcard(host) || port == 0:
		k.fail(key, "Unsuitable address", "%s is %q, which nobody can dial: give one host and its port.", key, address)
	}
}

// splitAddress reads host:port.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port, such as \"127.0.0.1:7480\"", address)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("the port of %q is not a number from 0 to 65535", address)
	}
	return host, port, nil
}

func isWildcard(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
