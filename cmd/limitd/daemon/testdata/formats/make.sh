#!/usr/bin/env bash
# Makes the data directories beside this file by the versions of limitd that they
# are of, built from their commits (README.md). Those that are there stay as they
# are: a format that lands adds a line to the table below, and runs this once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(git -C "$here" rev-parse --show-toplevel)
work=$(mktemp -d)
agent=
trap '[ -z "$agent" ] || kill -9 "$agent" 2>/dev/null || true; rm -rf "$work"' EXIT

# build COMMIT builds limitd as it was, into $work/COMMIT/limitd.
build() {
	[ ! -e "$work/$1/limitd" ] || return 0
	mkdir -p "$work/$1"
	git -C "$repo" archive "$1" | tar -x -C "$work/$1"
	(cd "$work/$1" && CGO_ENABLED=0 go build -trimpath -tags hashicorpmetrics -o limitd ./cmd/limitd)
}

# start BINARY DIR STORE MORE starts a node on DIR/data, and waits until it is ready.
start() {
	cat >"$2/node.hcl" <<-HCL
		name     = "n1"
		data_dir = "$2/data"
		http   { address = "127.0.0.1:0" }
		peer   { address = "127.0.0.1:0" }
		gossip { address = "127.0.0.1:0" }
		raft {
		  log_store          = "$3"
		  snapshot_interval  = "1s"
		  snapshot_threshold = 40
		}
		$4
	HCL
	: >"$2/log"
	"$1" agent -config "$2/node.hcl" 2>"$2/log" &
	agent=$!
	for ((i = 0; i < 300; i++)); do
		http=$(sed -n 's|.* started: .* http=\(http://\)\{0,1\}\([0-9.:]*\) .*|\2|p' "$2/log")
		[ -z "$http" ] || ! curl -sf "http://$http/readyz" >/dev/null || return 0
		kill -0 "$agent" 2>/dev/null || break
		sleep 0.1
	done
	cat "$2/log" >&2
	exit 1
}

stop() { kill -TERM "$agent"; wait "$agent"; agent=; }
get() { curl -sS --fail-with-body "http://$http$1"; }
perhaps() { curl -sf "http://$http$1" || echo null; }
put() { curl -sS --fail-with-body -X PUT -H 'Content-Type: application/json' -d "$2" "http://$http$1"; }
post() { curl -sS -X POST -H 'Content-Type: application/json' -d "$2" "http://$http$1"; }

# fill has the node write limits, leases, a waiter, and what is remembered.
fill() {
	put /v1/limits/db '{"slots":3,"description":"the main database","labels":{"team":"core"}}' >/dev/null
	put /v1/limits/api '{"slots":5,"rate":"10/h"}' >/dev/null
	put /v1/limits/gpu '{"slots":4,"numbered":true,"grace":"30s"}' >/dev/null
	put /v1/limits/tried '{"slots":1,"enforcement":"shadow"}' >/dev/null
	put /v1/limits/off '{"slots":1,"active":false}' >/dev/null
	post /v1/acquire '{"id":"kept","ttl":"24h","limits":[{"name":"db","slots":2},{"name":"gpu"}],"owner":{"name":"etl","host":"h1","pid":7}}' >/dev/null
	post /v1/acquire '{"id":"rate","limits":[{"name":"api","slots":2,"mode":"rate_limit"}]}' >/dev/null
	for i in $(seq 30); do
		post /v1/acquire "{\"id\":\"short-$i\",\"limits\":[{\"name\":\"gpu\"}]}" >/dev/null
		post /v1/release "{\"id\":\"short-$i\"}" >/dev/null
	done
}

# snapshot waits for one of raft's own.
snapshot() { until ls "$1"/data/snapshots/*/state.bin >/dev/null 2>&1; do sleep 0.1; done; sleep 1.5; }

# more has the node write entries that are in no snapshot.
more() {
	post /v1/acquire '{"id":"late","ttl":"24h","limits":[{"name":"gpu","slots":2}],"owner":{"name":"train"}}' >/dev/null
	post /v1/acquire '{"id":"over","limits":[{"name":"db"}]}' >/dev/null
	post /v1/release '{"id":"over"}' >/dev/null
	post /v1/acquire '{"id":"no","limits":[{"name":"gpu","slots":2}]}' >/dev/null
	curl -s -m 0.5 -X POST -H 'Content-Type: application/json' -d '{"id":"waits","wait":"24h","linger":"60s","limits":[{"name":"db","slots":3}]}' "http://$http/v1/acquire" >/dev/null || true
}

# tell has the node say what it knows, as JSON. The digest comes last: what is
# answered before it is true at it.
tell() {
	printf '{"version":%s,\n"limits":%s,\n"leases":%s,\n"queue":%s,\n"acquires":{' "$(get /v1/version)" "$(get /v1/limits)" "$(get /v1/leases)" "$(get /v1/limits/db/queue)"
	local comma=
	for id in "$@"; do
		printf '%s\n"%s":%s' "$comma" "$id" "$(get "/v1/acquires/$id")"
		comma=,
	done
	printf '},\n"policies":%s,\n"tokens":%s,\n' "$(perhaps /v1/acl/policies)" "$(perhaps /v1/acl/tokens)"
	printf '"verify":%s}\n' "$(post /v1/cluster/verify '')"
}

# pack NAME DIR keeps the data directory, but for its reserve of empty space.
pack() {
	rm -f "$2/data/reserve"
	cp -a --sparse=always "$2/data" "$2/sparse"
	tar --sort=name --format=gnu --sparse --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$2/sparse" -cf - . | gzip -9n >"$here/$1.tar.gz"
	ls -l "$here/$1.tar.gz"
}

# make NAME COMMIT KIND makes two, one for each kind of log store.
make() {
	for store in boltdb wal; do
		name=$1-$store
		[ ! -e "$here/$name.tar.gz" ] || continue
		build "$2"
		dir=$work/$name
		mkdir -p "$dir"
		"$3" "$work/$2/limitd" "$dir" "$store"
		stop
		pack "$name" "$dir"
	done
}

plain() {
	start "$1" "$2" "$3" ""
	fill
	snapshot "$2"
	more
	tell kept rate short-30 late over no waits >"$here/$name.json"
}

# returning restores a snapshot that was taken while anonymous slots were given
# back (format 2), which no quiet node ever writes.
returning() {
	start "$1" "$2" "$3" ""
	xxd -r -p "$repo/fsm/limit/testdata/snapshot-2.hex" >"$2/snapshot"
	curl -sS --fail-with-body -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2/snapshot" "http://$http/v1/snapshot"
	put /v1/limits/db '{"slots":6}' >/dev/null
	put /v1/limits/gpu '{"slots":4,"numbered":true}' >/dev/null
	post /v1/acquire '{"id":"kept","ttl":"24h","limits":[{"name":"db","slots":2}]}' >/dev/null
	more
	tell kept late over no waits >"$here/$name.json"
}

# governed has tokens and policies (format 3).
governed() {
	start "$1" "$2" "$3" 'acl {
		enabled   = true
		anonymous = "operator"
	}'
	govern
	fill
	snapshot "$2"
	more
	tell kept rate short-30 late over no waits >"$here/$name.json"
}

govern() {
	post /v1/acl/bootstrap '{}' >/dev/null
	put /v1/acl/policies/workers '{"rules":[{"verb":"acquire","limit":"db*"},{"verb":"read","limit":"api"}]}' >/dev/null
	post /v1/acl/tokens '{"name":"etl","policies":["workers"]}' >/dev/null
}

# quarantined is governed, restored, and in quarantine (format 4).
quarantined() {
	governed "$@"
	get /v1/snapshot >"$2/snapshot"
	curl -sS --fail-with-body -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2/snapshot" "http://$http/v1/snapshot?longest_ttl=24h"
	post /v1/release '{"id":"late"}' >/dev/null
	tell kept late waits >"$here/$name.json"
}

make rules1-snapshot1 c1cb36f plain
make rules2-snapshot1 8dad342 plain
make rules2-snapshot2 8dad342 returning
make rules3-snapshot1 6a39383 plain
make rules3-snapshot3 ed5899d governed
make rules4-snapshot4 f99ac78 quarantined
