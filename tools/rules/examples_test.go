package rules

// example is series on which an alert has to fire, and on which it must not, in
// the notation of promtool: a value, and what is added each minute, so often.
type example struct{ fires, quiet string }

func examples() map[string]example {
	return map[string]example{
		"LimitdNoLeader": {
			fires: `
  limitd_cluster_is_leader{job="limitd",instance="a"} 0x120
  limitd_cluster_is_leader{job="limitd",instance="b"} 0x120
`,
			quiet: `
  limitd_cluster_is_leader{job="limitd",instance="a"} 0x120
  limitd_cluster_is_leader{job="limitd",instance="b"} 1x120
`,
		},
		"LimitdNodeDown": {
			fires: `
  up{job="limitd",instance="a"} 0x120
`,
			quiet: `
  up{job="limitd",instance="a"} 1x120
  up{job="other",instance="a"} 0x120
`,
		},
		"LimitdOneFailureFromStopping": { // nodes without a vote, dead or alive, change nothing
			fires: `
  limitd_cluster_is_leader{instance="a"} 1x120
  limitd_cluster_voters{instance="a"} 3x120
  limitd_cluster_nonvoters{instance="a"} 1x120
  limitd_cluster_alive{instance="a"} 3x120
  limitd_cluster_alive_voters{instance="a"} 2x120
`,
			quiet: `
  limitd_cluster_is_leader{instance="a"} 1x120
  limitd_cluster_voters{instance="a"} 5x120
  limitd_cluster_nonvoters{instance="a"} 0x120
  limitd_cluster_alive{instance="a"} 4x120
  limitd_cluster_alive_voters{instance="a"} 4x120
  limitd_cluster_is_leader{instance="deadnonvoter"} 1x120
  limitd_cluster_voters{instance="deadnonvoter"} 3x120
  limitd_cluster_nonvoters{instance="deadnonvoter"} 1x120
  limitd_cluster_alive{instance="deadnonvoter"} 3x120
  limitd_cluster_alive_voters{instance="deadnonvoter"} 3x120
  limitd_cluster_is_leader{instance="alone"} 1x120
  limitd_cluster_voters{instance="alone"} 1x120
  limitd_cluster_nonvoters{instance="alone"} 0x120
  limitd_cluster_alive{instance="alone"} 1x120
  limitd_cluster_alive_voters{instance="alone"} 1x120
`,
		},
		"LimitdNotReady": {
			fires: `
  limitd_ready{instance="a"} 0x120
`,
			quiet: `
  limitd_ready{instance="a"} 1x120
`,
		},
		"LimitdLeaderChangesOften": {
			fires: `
  limitd_cluster_leader_changes_total{job="limitd",instance="a"} 0+1x120
`,
			quiet: `
  limitd_cluster_leader_changes_total{job="limitd",instance="a"} 0x110 3x10
`,
		},
		"LimitdCommitsSlow": {
			fires: `
  limitd_cluster_commit_duration_seconds_bucket{job="limitd",le="0.25"} 0+10x120
  limitd_cluster_commit_duration_seconds_bucket{job="limitd",le="0.5"} 0+100x120
  limitd_cluster_commit_duration_seconds_bucket{job="limitd",le="+Inf"} 0+100x120
`,
			quiet: `
  limitd_cluster_commit_duration_seconds_bucket{job="limitd",le="0.1"} 0+995x120
  limitd_cluster_commit_duration_seconds_bucket{job="limitd",le="0.25"} 0+1000x120
  limitd_cluster_commit_duration_seconds_bucket{job="limitd",le="+Inf"} 0+1000x120
`,
		},
		"LimitdFollowerBehind": {
			fires: `
  limitd_cluster_behind_entries{node="n2"} 0+1000x120
`,
			quiet: `
  limitd_cluster_behind_entries{node="n2"} 300x120
`,
		},
		"LimitdOverloaded": {
			fires: `
  limitd_cluster_refused_records_total{job="limitd",instance="a"} 0+60x120
  limitd_http_refused_connections_total{job="limitd",instance="a"} 0x120
`,
			quiet: `
  limitd_cluster_refused_records_total{job="limitd",instance="a"} 5x120
  limitd_http_refused_connections_total{job="limitd",instance="a"} 7x120
`,
		},
		"LimitdQueueFull": {
			fires: `
  limitd_applied_refusals_total{job="limitd",instance="a",code="overloaded"} 0+1x120
`,
			quiet: `
  limitd_applied_refusals_total{job="limitd",instance="a",code="denied"} 0+1x120
  limitd_applied_refusals_total{job="limitd",instance="a",code="overloaded"} 3x120
`,
		},
		"LimitdLeasesExpire": {
			fires: `
  limitd_applied_expirations_total{job="limitd",instance="a"} 0+20x120
  limitd_applied_expirations_total{job="limitd",instance="b"} 0+20x120
  limitd_applied_grants_total{job="limitd",instance="a",from="at_once"} 0+100x120
  limitd_applied_grants_total{job="limitd",instance="b",from="at_once"} 0+100x120
`,
			quiet: `
  limitd_applied_expirations_total{job="limitd",instance="a"} 0+2x120
  limitd_applied_expirations_total{job="limitd",instance="b"} 0+2x120
  limitd_applied_grants_total{job="limitd",instance="a",from="queue"} 0+100x120
  limitd_applied_grants_total{job="limitd",instance="b",from="queue"} 0+100x120
`,
		},
		"LimitdErrors": {
			fires: `
  limitd_http_request_duration_seconds_count{job="limitd",status="2xx"} 0+90x120
  limitd_http_request_duration_seconds_count{job="limitd",status="5xx"} 0+10x120
`,
			quiet: `
  limitd_http_request_duration_seconds_count{job="limitd",status="2xx"} 0+1000x120
  limitd_http_request_duration_seconds_count{job="limitd",status="5xx"} 0+1x120
`,
		},
		"LimitdDiskFilling": {
			fires: `
  limitd_disk_free_bytes{instance="a"} 10000000000-80000000x120
`,
			quiet: `
  limitd_disk_free_bytes{instance="a"} 10000000000-10000x120
  limitd_disk_free_bytes{instance="in memory"} -1x120
`,
		},
		"LimitdDiskLow": {
			fires: `
  limitd_disk_low{instance="a"} 1x120
`,
			quiet: `
  limitd_disk_low{instance="a"} 0x120
`,
		},
		"LimitdCertificateEnds": { // the series end at two hours after 1970 began
			fires: `
  limitd_certificate_not_after_seconds{instance="a",of="own"} 500000x120
`,
			quiet: `
  limitd_certificate_not_after_seconds{instance="a",of="own"} 800000x120
`,
		},
		"LimitdReloadFails": {
			fires: `
  limitd_certificate_reload_failing{instance="a"} 1x120
`,
			quiet: `
  limitd_certificate_reload_failing{instance="a"} 0x120
`,
		},
		"LimitdVersionsDiffer": {
			fires: `
  limitd_build_info{job="limitd",instance="a",version="0.1.0"} 1x120
  limitd_build_info{job="limitd",instance="b",version="0.2.0"} 1x120
`,
			quiet: `
  limitd_build_info{job="limitd",instance="a",version="0.2.0"} 1x120
  limitd_build_info{job="limitd",instance="b",version="0.2.0"} 1x120
`,
		},
	}
}
