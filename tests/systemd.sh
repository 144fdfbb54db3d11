#!/bin/sh
# Installs the units and asks systemd-analyze: no fault, and no exposure over the ceilings below.
# systemd need not run.
set -eu
cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

make -s install PREFIX="$root"
cd "$root/lib/systemd/system"

# It tells most faults without saying so by its exit code.
faults=$(systemd-analyze verify --man=no ./*.service ./*.timer 2>&1) || [ -n "$faults" ]
[ -z "$faults" ] || { echo "$faults"; exit 1; }

# exposure UNIT CEILING: prints both, in tenths as systemd-analyze takes them.
exposure() {
	systemd-analyze security --no-pager --offline=true --threshold="$2" "./$1" >"$root/$1" 2>&1 ||
		{ cat "$root/$1"; exit 1; }
	grep '^→ ' "$root/$1"
	echo "  ceiling: $(($2 / 10)).$(($2 % 10))"
}
exposure flowsync.service 12
exposure flowsync-sync.service 12
exposure flowsync-serve.service 25
