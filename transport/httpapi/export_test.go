package httpapi

// Routes lists the table of all routes as "METHOD pattern".
func Routes() (list []string) {
	for _, r := range routes() {
		list = append(list, r.method+" "+r.pattern)
	}
	return list
}

// Query returns the query parameters that a route knows.
func Query(route string) []string {
	for _, r := range routes() {
		if r.method+" "+r.pattern == route {
			return r.query
		}
	}
	return nil
}

// PlainDecimal is plainDecimal.
func PlainDecimal(text string) string { return plainDecimal(text) }

// DecaySeconds is decaySeconds.
var DecaySeconds = decaySeconds
