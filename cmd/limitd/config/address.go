package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// addresses checks the endpoints: readable, reachable for the others, and not
// open to the world by accident.
func (k *checker) addresses(c Config) {
	var open []exposure
	for _, e := range []struct {
		block string
		Endpoint
	}{{"http", c.HTTP.Endpoint}, {"peer", c.Peer}, {"gossip", c.Gossip.Endpoint}} {
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
			open = append(open, c.exposed(e.block)...)
		}
	}
	if len(open) > 0 && !c.AllowInsecure {
		k.open(open)
	}
}

// exposure is what a listener beyond loopback lacks.
type exposure struct {
	key  string // of the address
	lack string
	mend string
}

const (
	tlsBlock = `

tls {
  ca_file   = "ca.pem"
  cert_file = "NAME.pem"
  key_file  = "NAME-key.pem"
}

whose files come from limitd tls ca create and limitd tls cert create server`
	tlsLine    = `in the tls block http = true`
	gossipLine = `gossip { key_file = "gossip.keys" }, which comes from limitd keygen gossip.keys`
)

// exposed returns what the listener of a block lacks to be safe beyond loopback.
func (c Config) exposed(block string) (lacks []exposure) {
	key := block + ".address"
	encrypted := c.TLS.Enabled() && (block != "http" || c.TLS.HTTP)
	switch {
	case block == "gossip" && c.Gossip.KeyFile == "":
		return []exposure{{key, "is not encrypted", gossipLine}}
	case block != "gossip" && !encrypted:
		mend := tlsBlock
		if c.TLS.Enabled() {
			mend = tlsLine
		}
		lacks = append(lacks, exposure{key, "is not encrypted", mend})
	}
	if block != "http" || encrypted && c.TLS.VerifyClient == "required" {
		return lacks
	}
	switch {
	case !c.ACL.Enabled:
		lacks = append(lacks, exposure{key, "asks nobody who they are", `acl { enabled = true }, or in the tls block verify_client = "required"`})
	case slices.Contains([]string{"manage", "operator"}, c.ACL.Anonymous):
		lacks = append(lacks, exposure{
			key, fmt.Sprintf("lets callers without a token do what the policy %q allows", c.ACL.Anonymous),
			`in the acl block anonymous = "" or another policy, or in the tls block verify_client = "required"`,
		})
	}
	return lacks
}

// open complains about listeners, and names the lines that mend it.
func (k *checker) open(all []exposure) {
	var lacks, mends []string
	for _, e := range all {
		lacks = append(lacks, e.key+" "+e.lack)
		if !slices.Contains(mends, e.mend) {
			mends = append(mends, e.mend)
		}
	}
	k.fail(all[0].key, "Open to the network",
		"Beyond loopback, %s. Write %s. Or, on a network that you trust, write this line at the top of the file: allow_insecure = true",
		strings.Join(lacks, ", "), strings.Join(mends, "; and "))
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

// serves tells whether a URL is at one of the endpoint's own addresses, as far as they
// can be told without asking for names.
func (e Endpoint) serves(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	for _, address := range []string{e.Address, e.Advertise} {
		host, own, err := splitAddress(address)
		if err != nil || strconv.Itoa(own) != port {
			continue
		}
		if sameHost(host, u.Hostname()) || isWildcard(host) && (isLoopback(u.Hostname()) || isWildcard(u.Hostname())) {
			return true
		}
	}
	return false
}

func sameHost(a, b string) bool {
	plain := func(host string) string {
		if host = strings.ToLower(host); host == "localhost" {
			return "127.0.0.1"
		}
		return host
	}
	return plain(a) == plain(b)
}
