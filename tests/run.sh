#!/bin/sh
# Runs all tests: installs what they need, builds, and ends with "N passed, N failed".
#   sh tests/run.sh          everything, with gcc, clang and sanitizers (some minutes)
#   sh tests/run.sh san      unit and end-to-end tests, with the sanitizers only
# What was printed stays in build/logs/.
set -u
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C.UTF-8
export LC_ALL
unset MAKEFLAGS MFLAGS MAKEOVERRIDES SAN BUILD CC T SECONDS WERROR
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# A sanitizer's verdict must not look like one of flowsync's exit codes.
ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1
UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS

passed=0
failed=0
failures=

pass() {	# pass NAME COUNT
	passed=$((passed + $2))
	echo "  ok      $1: $2"
}

fail() {	# fail NAME COUNT LOG
	failed=$((failed + $2))
	failures="$failures
  $1 ($3)"
	echo "  FAILED  $1: $2"
	sed 's/^/          | /' "$3" | tail -n 120
}

# check NAME COMMAND...: one test, passed if the command succeeds.
check() {
	name=$1
	log=$logs/$(echo "$name" | tr -c 'a-zA-Z0-9\n' _).log
	shift
	if timeout 600 "$@" >"$log" 2>&1 </dev/null; then
		pass "$name" 1
	else
		fail "$name" 1 "$log"
		return 1
	fi
}

# named WORD LOG: how many tests a cmocka program names with that word; it names each twice.  Between
# them it says how many there are: "[  FAILED  ] 1 test(s)", since cmocka 1.1.6 "[  FAILED  ] GROUP: 1 test(s)".
named() {
	grep "^\[  $1 ] [^0-9]" "$2" | grep -v ' test(s), listed below:$' | sort -u | wc -l
}

# unit NAME DIR [WRAPPER...]: every cmocka program and every corpus of the build in DIR, one a processor.
unit() {
	name=$1
	dir=$2
	shift 2
	good=0
	skipped=0
	prefix=$logs/$(echo "$name" | tr ' ' _)
	for program in "$dir"/tests/reconcile/*/test_* "$dir"/tests/agent/*/test_* "$dir"/tests/agent/*/*/test_*; do
		[ -x "$program" ] && echo "$program"
	done | xargs -P "$jobs" -I '{}' sh -c '
		program=$1 log=$2-${1##*/}
		shift 2
		timeout 300 "$@" "$program" >"$log.log" 2>&1 </dev/null
		echo $? >"$log.rc"' sh '{}' "$prefix" "$@"
	for rc in "$prefix"-test_*.rc; do
		log=${rc%.rc}.log
		good=$((good + $(grep -c '^\[       OK ]' "$log")))
		skipped=$((skipped + $(named SKIPPED "$log")))
		bad=$(named 'FAILED ' "$log")
		# One that crashed, or failed outside of its tests, has failed all the same.
		[ "$(cat "$rc")" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
		program=${log##*/"${prefix##*/}"-}
		[ "$bad" -eq 0 ] || fail "$name: ${program%.log}, exit $(cat "$rc")" "$bad" "$log"
	done
	[ "$skipped" -eq 0 ] || echo "  skipped $name: $skipped unit tests"
	[ "$good" -eq 0 ] || pass "$name: unit tests" "$good"
}

corpus() {	# corpus NAME DIR
	for program in "$2"/tests/fuzz/fuzz_*; do
		[ -x "$program" ] || continue
		target=${program##*/fuzz_}
		check "$1: corpus of fuzz_$target" "$program" "tests/fuzz/corpus/$target"/*
	done
}

e2e() {		# e2e NAME PROGRAM
	log=$logs/$(echo "$1" | tr ' ' _)-e2e.log
	FLOWSYNC=$PWD/$2 timeout 1800 python3 -B tests/e2e "$log" </dev/null 2>"$log.err" >"$log.sum"
	# The last line of the summary: PASSED FAILED SKIPPED.
	# shellcheck disable=SC2046
	set -- "$1" $(tail -n 1 "$log.sum")
	if [ $# -ne 4 ]; then
		cat "$log.err" >>"$log"
		fail "$1: end-to-end tests did not end" 1 "$log"
		return
	fi
	pass "$1: end-to-end tests" "$2"
	[ "$4" -eq 0 ] || echo "  skipped $1: $4 end-to-end tests"
	[ "$3" -eq 0 ] && return
	# What failed, and why; the whole log says a line of each that did not.
	grep -E -A 30 '^(FAIL|ERROR): ' "$log" >"$log.failed"
	fail "$1: end-to-end tests" "$3" "$log.failed"
}

build() {	# build NAME MAKE-ARGUMENTS...
	name=$1
	shift
	check "$name: build" make -j"$jobs" WERROR=1 "$@" all programs
}

with_sanitizers() {
	build sanitizers SAN=1 || return
	unit sanitizers build/san
	corpus sanitizers build/san
	e2e sanitizers build/san/flowsync
}

everything() {
	for script in tests/*.sh examples/*.sh .ci/run; do
		check "syntax of $script" sh -n "$script"
	done
	check "references of comments and documents" sh tests/references.sh
	if build gcc CC=gcc; then
		check "borders" sh tests/borders.sh
		check "order of the folders" sh tests/layers.sh
		unit gcc build
		corpus gcc build
		# Leaks are LeakSanitizer's: here a forked child would be blamed for what it inherited.
		unit valgrind build env TESTS_RUN_SLOWLY=1 valgrind -q --error-exitcode=99
		check "install and uninstall" sh tests/install.sh
		check "version" sh tests/version.sh
		check "systemd units" sh tests/systemd.sh
		e2e gcc build/flowsync
	fi
	if build clang CC=clang BUILD=build/clang; then
		unit clang build/clang
		corpus clang build/clang
	fi
	check "fuzz targets, two seconds each" make -s -j"$jobs" fuzz SECONDS=2
	with_sanitizers
}

sh tests/setup.sh test || exit 1
logs=build/logs
rm -rf "$logs"
mkdir -p "$logs"

case ${1-} in
san) with_sanitizers ;;
'')  everything ;;
*)   echo "usage: sh tests/run.sh [san]" >&2; exit 64 ;;
esac

[ "$failed" -eq 0 ] || echo "Failed:$failures"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
