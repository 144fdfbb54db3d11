#!/bin/sh
# Runs all tests: installs what they need, builds, and ends with "N passed, N failed".
#   sh tests/run.sh            all stages
#   sh tests/run.sh STAGE...   these stages only; they are listed by: sh tests/run.sh help
#   sh tests/run.sh san        unit and end-to-end tests, with the sanitizers only
# What was printed stays in build/logs/.
set -u
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C.UTF-8
export LC_ALL
unset MAKEFLAGS MFLAGS MAKEOVERRIDES SAN BUILD CC T SECONDS WERROR WRAPPER
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# A sanitizer's verdict must not look like one of flowsync's exit codes.
ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1
UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS

leave_out=
passed=0
failed=0
failures=
table=

pass() {	# pass NAME COUNT
	passed=$((passed + $2))
	echo "  ok      $1: $2"
}

fail() {	# fail NAME COUNT LOG
	failed=$((failed + $2))
	failures="$failures
  $1 ($3)"
	echo "  FAILED  $1: $2"
	# What the compilers and analyzers found stands far before the end.
	{ head -n -120 "$3" | grep -E '[0-9]: (error|warning): ' | head -n 20
	  tail -n 120 "$3"; } | sed 's/^/          | /'
}

# check NAME COMMAND...: one test, passed if the command succeeds.
check() {
	name=$1
	log=$logs/$(echo "$name" | tr -c 'a-zA-Z0-9\n' _).log
	shift
	if timeout 1800 "$@" >"$log" 2>&1 </dev/null; then
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

# unit NAME WRAPPER MAKE-ARGUMENTS...: every cmocka program of the build that the arguments name, run by WRAPPER, but for
# those that leave_out names.
unit() {
	name=$1
	wrapper=$2
	shift 2
	programs=$(make -s "$@" list | grep -vE "/(${leave_out:-none})\$")
	good=0
	skipped=0
	dir=$logs/$(echo "$name" | tr ' ' _)
	WRAPPER=$wrapper sh tests/unit.sh "$dir" $programs >"$dir.log" 2>&1 </dev/null
	for rc in "$dir"/*.rc; do
		log=${rc%.rc}.log
		good=$((good + $(grep -c '^\[       OK ]' "$log")))
		skipped=$((skipped + $(named SKIPPED "$log")))
		bad=$(named 'FAILED ' "$log")
		# One that crashed, or failed outside of its tests, has failed all the same.
		[ "$(cat "$rc")" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
		program=${log##*/}
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

# e2e NAME PROGRAM PART: the end-to-end tests of a part (see tests/e2e/__main__.py).
e2e() {
	log=$logs/$(echo "$1" | tr ' ' _)-e2e.log
	FLOWSYNC=$PWD/$2 timeout 3600 python3 -B tests/e2e "$log" "$3" </dev/null 2>"$log.err" >"$log.sum"
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

# build NAME MAKE-ARGUMENTS...: what is up to date is not built again, so each stage that needs a build asks for it.
build() {
	name=$1
	shift
	check "$name: build" make -j"$jobs" WERROR=1 "$@" all programs
}

# ---- stages ----

stage_scripts() {
	check "shellcheck" shellcheck tests/*.sh examples/*.sh .ci/run
	for script in tests/*.sh examples/*.sh .ci/run; do
		check "syntax of $script" sh -n "$script"
	done
}

stage_gcc() {
	build gcc CC=gcc
}

stage_rules() {
	check "references of comments and documents" sh tests/references.sh
	check "borders" sh tests/borders.sh
	check "order of the folders" sh tests/layers.sh
	check "names" sh tests/names.sh
}

stage_unit() {
	unit gcc ''
	corpus gcc build
}

# It finds what is read without having been set; leaks are LeakSanitizer's, as here a forked child would be blamed for
# what it inherited.  Left out are those that spend their time in other programs or in the file system, and
# test_workarounds, which tries libraries and runs nothing of flowsync.
stage_valgrind() {
	leave_out='test_local_fetch|test_runner_client|test_dir_watch|test_mirror|test_file_history|test_git_checkout|test_workarounds'
	unit valgrind "env TESTS_RUN_SLOWLY=1 valgrind -q --error-exitcode=99"
	leave_out=
}

stage_lint() {
	check "clang-tidy, gcc -fanalyzer, warnings of clang" make -k -j"$jobs" lint CC=gcc
}

stage_install() {
	check "install and uninstall" sh tests/install.sh
	check "systemd units" sh tests/systemd.sh
	check "version" sh tests/version.sh
}

stage_e2e() {
	e2e gcc build/flowsync release
}

stage_cost() {
	check "instructions and requests for each workflow" python3 -B tests/bench/guard.py
}

stage_san_build() {
	build sanitizers SAN=1 CC=gcc
}

stage_san_unit() {
	unit sanitizers '' SAN=1
	corpus sanitizers build/san
}

stage_san_e2e() {
	e2e sanitizers build/san/flowsync sanitizers
}

stage_fuzz() {
	check "fuzz targets, two seconds each" make -s -j"$jobs" fuzz SECONDS=2
}

# What has to be there before a stage.
needs() {
	case $1 in
	rules|unit|valgrind|install|e2e|lint|cost) echo gcc ;;
	san_unit|san_e2e) echo san_build ;;
	esac
}

# CPU seconds of all that has ended, in $cpu.  A shell counts its own children only, so it must not be called in $( ).
count_cpu() {
	times >"$logs/times"
	cpu=$(tail -n 1 "$logs/times" | awk '{ split($1 "m" $2, t, "m"); print int(t[1] * 60 + t[2] + t[3] * 60 + t[4]) }')
}

ended=
# run_stage NAME: once, after the build that it needs, and not if that failed.
run_stage() {
	for needed in $(needs "$1"); do
		run_stage "$needed"
		case " $ended " in
		*" $needed:failed "*)
			echo "== $1: not run, as $needed failed"
			table="$table
$(printf '%-10s not run, as %s failed' "$1" "$needed")"
			return ;;
		esac
	done
	case " $ended " in
	*" $1 "*|*" $1:failed "*) return ;;
	esac
	echo "== $1"
	count_cpu
	before="$passed $failed $(date +%s) $cpu"
	if "stage_$1"; then
		ended="$ended $1"
	else
		ended="$ended $1:failed"
	fi
	count_cpu
	set -- "$1" $before
	set -- "$1" $((passed - $2)) $((failed - $3)) $(($(date +%s) - $4)) $((cpu - $5))
	echo "   $1: $2 passed, $3 failed, $4 seconds"
	table="$table
$(printf '%-10s %7d %7d %8d %8d' "$@")"
}

all='scripts gcc rules unit install lint e2e cost valgrind san_build san_unit san_e2e fuzz'
stages=
for word in "$@"; do
	[ "$word" != san ] || word='san_build san_unit san_e2e'
	case " $all " in
	*" $word "*) stages="$stages $word" ;;
	*) echo "usage: sh tests/run.sh [san] [STAGE...]; the stages are: $all" >&2; exit 64 ;;
	esac
done

sh tests/setup.sh test || exit 1

# libgit2 1.9 searches for the name of a capability in the bytes that a git server sent, which end without a NUL. With
# strict_string_checks that counts, although the name is found before their end. Another version is looked at in full.
if grep -q '^#define LIBGIT2_VERSION *"1\.9\.' /usr/include/git2/version.h 2>/dev/null; then
	# Not in the checkout, which may lie in a folder of root's: some tests run the program as another user.
	suppressions=$(mktemp) || exit 1
	trap 'rm -f "$suppressions"' EXIT
	echo 'interceptor_via_lib:libgit2.so' >"$suppressions"
	chmod 644 "$suppressions"
	ASAN_OPTIONS=$ASAN_OPTIONS:suppressions=$suppressions
fi
logs=build/logs
rm -rf "$logs"
mkdir -p "$logs"

for stage in ${stages:-$all}; do
	run_stage "$stage"
done

printf '\n%-10s %7s %7s %8s %8s' stage passed failed seconds "CPU s"
echo "$table"
[ "$failed" -eq 0 ] || echo "Failed:$failures"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
