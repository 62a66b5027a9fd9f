package workload

import "time"

// All returns all workloads.
func All() []Workload {
	return []Workload{
		semaphoreWorkload(),
		multiWorkload(),
		leasesWorkload(),
		Oversupply(20, 150, time.Second, 100),
		rateWorkload(),
		queueWorkload(),
		retriesWorkload(),
		adminWorkload(),
		numberedWorkload(),
		renewalsWorkload(),
		mixedWorkload(),
		patienceWorkload(),
		routesWorkload(),
	}
}

// Named returns the workload of that name.
func Named(name string) (Workload, bool) {
	for _, w := range All() {
		if w.Name == name {
			return w, true
		}
	}
	return Workload{}, false
}
