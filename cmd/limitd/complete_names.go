package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/transport/wire"
)

// namesOf lists for completion what there is of a kind, with what it is like,
// quickly or not at all. Where the nodes are and who asks is told by the flags of the
// line, and by variables.
func namesOf(kind string, w world, flags map[string]string) []candidate {
	said := func(flag, variable string) string { text, _ := w.lookup(variable); return cmp.Or(flags[flag], text) }
	given := client.Config{
		Token: said("token", "LIMITD_TOKEN"), CACert: said("ca-cert", "LIMITD_CACERT"),
		ClientCert: said("client-cert", "LIMITD_CLIENT_CERT"), ClientKey: said("client-key", "LIMITD_CLIENT_KEY"),
	}
	if text, err := os.ReadFile(flags["token-file"]); err == nil {
		given.Token = strings.TrimSpace(string(text))
	}
	a := &api{timeout: 300 * time.Millisecond, stale: true, token: given.Token}
	a.bases = bases(cmp.Or(said("address", "LIMITD_ADDR"), defaultAddress), schemeOf(given))
	a.client, a.unfit = newHTTPClient(given)
	switch kind {
	case kindLimits:
		return listedNames(a, "/v1/limits", kind, func(l wire.Limit) candidate {
			return candidate{l.Name, fmt.Sprintf("%d of %s occupied, %s", l.Status.Occupied, slots(l.Slots), limitState(l))}
		})
	case kindLeases:
		return listedNames(a, "/v1/leases", kind, func(l wire.Lease) candidate {
			return candidate{leaseName(l), grantText(l.Limits) + ofOwner(l.Owner)}
		})
	case kindTokens:
		return listedNames(a, "/v1/acl/tokens", kind, func(t wire.ACLToken) candidate {
			return candidate{t.Name, strings.Join(t.Policies, ", ")}
		})
	case kindPolicies:
		return listedNames(a, "/v1/acl/policies", kind, func(p wire.ACLPolicy) candidate {
			return candidate{word: p.Name}
		})
	case kindNodes:
		now, err := read[wire.Cluster](a.call(context.Background(), http.MethodGet, "/v1/cluster", nil))
		if err != nil {
			return nil
		}
		var names []candidate
		for _, n := range now.Nodes {
			if n.Name != "" {
				names = append(names, candidate{n.Name, n.Role + ", " + n.State})
			}
		}
		return names
	}
	return nil
}

// listedNames lists what stands at path; nothing where that fails: completion stays
// silent.
func listedNames[T any](a *api, path, key string, shown func(T) candidate) []candidate {
	all, _, err := pages[T](context.Background(), a, path, key, nil)
	if err != nil {
		return nil
	}
	names := make([]candidate, len(all))
	for i, one := range all {
		names[i] = shown(one)
	}
	return names
}
