package httpapi_test

import (
	"os"
	"strings"
	"testing"

	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/wire"
)

// docs/api.md names every route, code, setting and header.
func TestManualIsWhole(t *testing.T) {
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	manual := string(text)
	needs := []string{
		wire.HeaderRequestID, wire.HeaderIndex, wire.HeaderTime, wire.HeaderNode, wire.HeaderAge,
		wire.HeaderTimeout, wire.HeaderIdempotencyKey, wire.HeaderRateLimit, wire.HeaderRateLimitPolicy,
	}
	needs = append(needs, httpapi.RouteNames()...)
	for _, c := range wire.Codes() {
		needs = append(needs, "`"+string(c.Code)+"`")
	}
	for _, s := range wire.SettingList() {
		needs = append(needs, "`"+s.Name+"`")
	}
	for _, need := range needs {
		if !strings.Contains(manual, need) {
			t.Errorf("docs/api.md lacks %s", need)
		}
	}
}
