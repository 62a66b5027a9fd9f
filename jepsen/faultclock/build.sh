#!/usr/bin/env bash
# Builds bin/limitd-faultclock: limitd's own sources against a package time
# whose wall clock can be stepped while the process runs. Nothing of it is in
# other builds. The overlay is checked: on a Go whose time.Now reads the clock
# in another way, this stops instead of building a clock that cannot be stepped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source=$(go env GOROOT)/src/time/time.go
sed 's/sec, nsec, mono := runtimeNow()/sec, nsec, mono := faultNow()/' "$source" >"$work/time.go"
if [ "$(grep -c 'faultNow()' "$work/time.go")" -lt 1 ]; then
	echo "faultclock: $(go version): time.Now does not call runtimeNow as expected" >&2
	exit 1
fi
cat >>"$work/time.go" <<'G'

// FaultWall is added to the wall clock, in ns. It is read and written without
// a lock: one aligned word.
var FaultWall int64

func faultNow() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	n := int64(nsec) + FaultWall
	sec += n / 1e9
	if n %= 1e9; n < 0 {
		n += 1e9
		sec--
	}
	return sec, int32(n), mono
}
G
printf '{"Replace":{"%s":"%s/time.go"}}\n' "$source" "$work" >"$work/overlay.json"
CGO_ENABLED=0 go build -tags faultclock,hashicorpmetrics -overlay "$work/overlay.json" -o bin/limitd-faultclock ./cmd/limitd
