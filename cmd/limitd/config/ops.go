package config

import "strings"

// ops checks what is for those who look after the node. Its address has neither
// encryption nor authentication, whatever the other addresses have.
func (k *checker) ops(c Config) {
	for _, pattern := range c.Ops.LimitSeries {
		if name, _ := strings.CutSuffix(pattern, "*"); strings.Contains(name, "*") || pattern == "" {
			k.fail("ops.limit_series", "Unsuitable name", "%q is neither the name of a limit nor a prefix with one * at its end, such as \"gpu-*\".", pattern)
		}
	}
	if c.Ops.Address == "" {
		return
	}
	host, _, err := splitAddress(c.Ops.Address)
	switch {
	case err != nil:
		k.fail("ops.address", "Unsuitable address", "%v.", err)
	case !isLoopback(host) && !c.AllowInsecure:
		k.fail("ops.address", "Open to the network",
			"Whoever reaches ops.address can read from this process's memory. Take a port on loopback, ops { address = \"127.0.0.1:7483\" }, "+
				"and go there through ssh; or, on a network that you trust, write at the top of the file: allow_insecure = true")
	}
}
