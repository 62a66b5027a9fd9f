package httpapi

// RouteNames lists the table of all routes as "METHOD pattern".
func RouteNames() (list []string) {
	for _, r := range Routes() {
		list = append(list, r.String())
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

// DecaySeconds is decaySeconds.
var DecaySeconds = decaySeconds

// Needs returns the verb that a route needs; "": none.
func Needs(route string) string {
	for _, r := range Routes() {
		if r.String() == route {
			return r.Verb
		}
	}
	return ""
}

// HasNeed tells whether the table says what a route needs.
func HasNeed(route string) bool {
	for _, r := range routes() {
		if r.method+" "+r.pattern == route {
			return r.needs != 0
		}
	}
	return false
}
