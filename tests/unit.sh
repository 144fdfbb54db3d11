#!/bin/sh
# Runs unit test programs and fuzz targets over their corpora, side by side: most of them wait for other processes.
#   sh tests/unit.sh LOGS PROGRAM...
# What each printed stays in LOGS/NAME.log, its exit code in LOGS/NAME.rc, where NAME is its path with - for /.
# LOGS/seconds has a line for each: how long it took, its CPU time in user and system mode, and its path; longest first.
# WRAPPER in the environment is a command to run them with, such as valgrind. Fails if one of them failed.
set -u
logs=$1
shift
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
rm -rf "$logs"
mkdir -p "$logs"

# shellcheck disable=SC2016 # the inner shell expands these
printf '%s\n' "$@" | xargs -P $((2 * jobs)) -I '{}' sh -c '
	program=$1 log=$2/$(echo "${1##*tests/}" | tr / -)
	case ${program##*/} in
	fuzz_*) set -- "$program" tests/fuzz/corpus/"${program##*/fuzz_}"/* ;;
	*)      set -- "$program" ;;
	esac
	began=$(date +%s)
	timeout 1800 ${WRAPPER-} "$@" >"$log.log" 2>&1 </dev/null
	code=$?
	echo $code >"$log.rc"
	times >"$log.took"
	echo "$(($(date +%s) - began)) $(tail -n 1 "$log.took") $program" >"$log.took"
	[ $code -ne 0 ] || exit 0
	{ echo "FAILED  $program, exit $code"; tail -n 60 "$log.log" | sed "s/^/        | /"; } >"$log.failed"
	cat "$log.failed"
	exit 1' sh '{}' "$logs"
cat "$logs"/*.took | sort -rn >"$logs/seconds"
rm -f "$logs"/*.took
bad=$(find "$logs" -name '*.failed' | wc -l)
echo "$(($# - bad)) test programs passed, $bad failed"
[ "$bad" -eq 0 ]
