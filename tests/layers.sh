#!/bin/sh
# Holds the folders to their order: a file includes headers of its own folder and of the folders before it in
# the list below, and of no other folder.  The lists are the only place that has the order.
# The local service is one of them with folders of its own: the files outside of it see its public header alone.
set -u
cd "$(dirname "$0")/.." || exit 1

# layers HALF FOLDER...: checks every file of one half; a folder that is not in the list is a fault too.
layers() {
	half=$1
	shift
	find "$half" -name '*.[ch]' | sort | xargs awk -v half="$half" -v order="$*" '
		BEGIN { n = split(order, folders, " "); for (i = 1; i <= n; i++) rank[folders[i]] = i }
		FNR == 1 {
			from = substr(FILENAME, length(half) + 2)
			sub(/\/?[^\/]*$/, "", from)
			if (!(from in rank)) {
				print FILENAME ": the folder \"" from "\" has no place in the order of tests/layers.sh"
				bad = 1
			}
		}
		/^#[[:space:]]*include "/ {
			split($0, part, "\"")
			if (index(part[2], half "/") != 1)
				next
			to = substr(part[2], length(half) + 2)
			sub(/\/?[^\/]*$/, "", to)
			if (rank[to] > rank[from] || !(to in rank)) {
				print FILENAME ":" FNR ": " from "/ must not include " to "/, which comes after it"
				bad = 1
			}
		}
		END { exit bad }'
}

bad=0
layers reconcile base tree schema wire plan dag sched || bad=1
layers agent util net config git source state service/store service/exec service/steps service/engine \
       service/api service sync daemon cmd || bad=1

service=agent/service/service.h
wrong=$(grep -rnE '^#[[:space:]]*include[[:space:]]*"agent/service/' agent --include='*.[ch]' |
        grep -v '^agent/service/' | grep -vF "\"$service\"")
if [ -n "$wrong" ]; then
	printf 'included outside of agent/service/, where only %s may be:\n%s\n' "$service" "$wrong"
	bad=1
fi
exit $bad
