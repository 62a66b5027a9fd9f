package workload

// All returns all workloads.
func All() []Workload {
	return []Workload{
		semaphoreWorkload(),
		leasesWorkload(),
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
