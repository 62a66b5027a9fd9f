package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Metric asks the node at base (http://host:port) for one of its metrics that
// has no labels.
func Metric(ctx context.Context, client *http.Client, base, name string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, firstCall)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
	if err != nil {
		return 0, fmt.Errorf("read the metric %s: %w", name, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("read the metric %s: %w", name, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, fmt.Errorf("read the metric %s: %w", name, err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("%s has no metric %s", base, name)
}
