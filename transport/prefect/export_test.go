package prefect

import "time"

// SetCSRFPatience is set before the first call.
func (a *API) SetCSRFPatience(d time.Duration) { a.csrf.patience = d }

// Routes lists the table of all routes as "METHOD pattern".
func Routes() (list []string) {
	for _, r := range routes() {
		list = append(list, r.method+" "+r.pattern)
	}
	return list
}

// Needs returns the verb that a route needs; "": none, or one that is asked for in
// the stream; "nothing said" where the table lacks it.
func Needs(route string) string {
	for _, r := range routes() {
		switch {
		case r.method+" "+r.pattern != route:
		case r.needs == 0:
			return "nothing said"
		case r.needs == open, r.needs == greets:
			return ""
		default:
			return r.needs.verb().String()
		}
	}
	return "nothing said"
}
