#!/bin/sh
# Installs what is missing of the packages that flowsync needs, and does nothing if nothing is.
#   sh tests/setup.sh build    to build and use it
#   sh tests/setup.sh test     to run all tests too
#   sh tests/setup.sh bench    to measure it: make bench
# The lists below are the only ones: README, demo and tests come here.
set -eu
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH

# One package a word; a|b: either will do.
for_build='gcc make libc6-dev libyaml-dev libjson-c-dev libcurl4-openssl-dev|libcurl4-gnutls-dev
           libmicrohttpd-dev libgit2-dev libssh2-1-dev libsqlite3-dev libsystemd-dev libsmartcols-dev nettle-dev
           zlib1g-dev ca-certificates'
# Of the web server just the program: nothing is to be started for a machine that tests.
for_tests='clang clang-tidy libclang-rt-dev shellcheck libcmocka-dev git python3 openssl valgrind systemd sqlite3
           apache2-bin openssh-client openssh-server tzdata exim4-daemon-light|exim4-daemon-heavy'
for_bench='git python3 python3-requests python3-yaml'
# Those that bring a service along that the machine would run, and what runs it.
serving='openssh-server:ssh exim4-daemon-light:exim4 exim4-daemon-light:exim4-base.timer'

build_headers='yaml.h json-c/json.h curl/curl.h git2.h libssh2.h microhttpd.h sqlite3.h
               systemd/sd-daemon.h systemd/sd-id128.h libsmartcols/libsmartcols.h nettle/sha2.h zlib.h'
test_headers='setjmp.h stdarg.h stddef.h stdint.h cmocka.h'
build_commands='cc make'
test_commands='clang clang-tidy shellcheck git python3 openssl valgrind systemd-analyze apache2 ssh-agent sshd sqlite3'

case ${1-} in
build) packages=$for_build headers=$build_headers commands=$build_commands ;;
test)  packages="$for_build $for_tests" headers="$build_headers $test_headers"
       commands="$build_commands $test_commands" ;;
bench) packages="$for_build $for_bench" headers=$build_headers commands="$build_commands git python3" ;;
*)     echo "usage: sh tests/setup.sh build|test|bench" >&2; exit 64 ;;
esac

is_installed() {
	for name in $(echo "$1" | tr '|' ' '); do
		case $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || :) in
		*' ok installed') return 0 ;;
		esac
	done
	return 1
}

# A machine has one mail server.  Where it is another, the tests that want exim are skipped.
has_other_mail_server() {
	dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
		grep -v '^installed exim4-' | grep -q '^installed .*mail-transport-agent'
}

missing_packages() {
	for package in $packages; do
		case $package in
		exim4-*) has_other_mail_server && continue ;;
		esac
		is_installed "$package" || echo "${package%%|*}"
	done
}

# Where there is no dpkg to ask, what counts is that the commands and headers are there.
has_all() {
	for command in $commands; do
		command -v "$command" >/dev/null 2>&1 || return 1
	done
	for header in $headers; do
		echo "#include <$header>"
	done | cc -E - >/dev/null 2>&1
}

refuse() {
	echo "flowsync needs these packages, and $1: $2" >&2
	exit 1
}

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
	has_all && exit 0
	refuse "without apt they can't be installed from here (they are named as in Debian)" \
	       "$(echo $packages | sed 's/|[^ ]*//g')"
fi

missing=$(missing_packages)
[ -n "$missing" ] || exit 0
missing=$(echo $missing)

if [ "$(id -u)" = 0 ]; then
	root=
elif command -v sudo >/dev/null 2>&1; then
	root=sudo
else
	refuse "to install them takes root or sudo" "$missing"
fi

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
tidy() {
	rm -f "$log"
	[ -z "$made_policy" ] || $root rm -f $policy
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A clock that is behind must not make the package lists "not valid yet".  Nothing that is
# installed is removed for our sake.
apt_get() {
	$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends --no-remove \
		-o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Acquire::Max-FutureTime=2000000000 \
		"$@" >>"$log" 2>&1 </dev/null
}

# Servers are here to be tested with: the machine is not to serve anybody for our sake, neither now
# nor after its next start.
new_services=
for pair in $serving; do
	case " $missing " in
	*" ${pair%%:*} "*) new_services="$new_services ${pair#*:}" ;;
	esac
done
if [ -n "$new_services" ] && [ ! -e $policy ]; then
	made_policy=1
	printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
	$root chmod 755 $policy
fi

echo "Installing with apt${root:+ and sudo}: $missing"
# One source that can't be reached, often not even Debian's, is no reason to stop: the lists
# that are there may do.
apt_get update || :
if ! apt_get install $missing || [ -n "$(missing_packages)" ]; then
	tail -n 20 "$log" >&2
	refuse "apt could not install them (its last words stand above)" "$missing"
fi
for service in $new_services; do
	case $service in
	*.timer) $root systemctl disable "$service" ;;
	*)       $root update-rc.d "$service" disable ;;
	esac >/dev/null 2>&1 || :
done
