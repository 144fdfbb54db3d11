#!/bin/sh
# Runs the README's two commands in fresh minimal systems of Debian 12 and 13, where nothing was installed
# before: make roots. It takes an hour or more, needs root, debootstrap and a Debian mirror, and changes
# nothing outside of its folder.
#   RELEASES   the releases, default "bookworm trixie"
#   COMMANDS   the commands, separated by semicolons, default "sh examples/demo.sh; sh tests/run.sh"
#   ROOTS      the folder for logs and for one tarball of each release, which later runs use again;
#              default build/roots
#   MIRROR, SECURITY   the archives, default those that apt uses on this machine
#   UPDATES=no         leaves out updates and security updates: a system as debootstrap makes it
set -eu
cd "$(dirname "$0")/.."
LC_ALL=C.UTF-8
export LC_ALL

stop() {
	echo "roots: $1" >&2
	exit 1
}

# ---- in the namespaces of one command: all that is mounted and started there ends with it ----

if [ "${1-}" = --inside ]; then
	root=$2
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
	mount -t tmpfs tmpfs "$root/dev/shm"
	exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
		chroot "$root" sh -c "cd /root/flowsync && $3"
fi

# ---- outside ----

releases=${RELEASES:-bookworm trixie}
commands=${COMMANDS:-sh examples/demo.sh; sh tests/run.sh}
roots=${ROOTS:-build/roots}
made= running=

# What is mounted in the namespaces is not seen here, so nothing but our own files is removed.
tidy() {
	[ -z "$running" ] || kill -KILL "$running" 2>/dev/null || :
	[ -z "$running" ] || wait "$running" 2>/dev/null || :
	[ -z "$made" ] || rm -rf --one-file-system "$made"
	running= made=
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# archive SUITE: where apt on this machine has it from.
archive() {
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v suite="$1" '$1 == suite && $2 == "main" { print $3; exit }'
}

[ "$(id -u)" = 0 ] || stop "must be run as root, for debootstrap and chroot"
command -v debootstrap >/dev/null || stop "debootstrap is missing: apt-get install debootstrap"
unshare --mount --pid --fork true 2>/dev/null || stop "this machine does not allow new namespaces (unshare)"

here=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
mirror=${MIRROR:-$(archive "$here")}
security=${SECURITY:-$(archive "$here-security")}
updates=$(archive "$here-updates")
[ -n "$mirror" ] || stop "apt on this machine uses no Debian mirror: give MIRROR=URL"
if [ "${UPDATES-}" = no ]; then
	security= updates=
fi

mkdir -p "$roots"
roots=$(cd "$roots" && pwd)

# Makes the tarball of a release, unless it is there.
bootstrap() {
	[ ! -e "$roots/$1.tar" ] || return 0
	echo "$1: debootstrap"
	made=$(mktemp -d "$roots/new.XXXXXX")
	chmod 755 "$made"
	unshare --mount --pid --fork --kill-child debootstrap --variant=minbase "$1" "$made" "$mirror" \
		>"$roots/$1-debootstrap.log" 2>&1 &
	running=$!
	wait "$running" || stop "debootstrap failed: see $roots/$1-debootstrap.log"
	running=
	tar -C "$made" --numeric-owner -cf "$roots/$1.tar.new" .
	mv "$roots/$1.tar.new" "$roots/$1.tar"
	tidy
}

# A fresh system of the release, with a clean checkout of HEAD.
unpack() {
	made=$(mktemp -d "$roots/run.XXXXXX")
	tar -C "$made" --numeric-owner -xf "$roots/$1.tar"
	{
		echo "deb $mirror $1 main"
		[ -z "$updates" ] || echo "deb $updates $1-updates main"
		[ -z "$security" ] || echo "deb $security $1-security main"
	} >"$made/etc/apt/sources.list"
	cp /etc/resolv.conf /etc/hosts "$made/etc/"
	mkdir "$made/root/flowsync"
	git -c safe.directory="$PWD" archive HEAD | tar -C "$made/root/flowsync" -xf -
}

# run RELEASE COMMAND LOG
run() {
	begin=$(date +%s)
	code=0
	unshare --mount --pid --fork --kill-child sh tests/roots.sh --inside "$made" "$2" >"$3" 2>&1 </dev/null &
	running=$!
	wait "$running" || code=$?
	running=
	echo "$1: $2: exit $code after $(($(date +%s) - begin)) s: $(tail -n 1 "$3")"
	[ "$code" -eq 0 ] || failed=1
}

failed=0
for release in $releases; do
	bootstrap "$release"
	unpack "$release"
	number=0
	while [ "$number" -lt "$(echo "$commands" | tr ';' '\n' | wc -l)" ]; do
		number=$((number + 1))
		command=$(echo "$commands" | tr ';' '\n' | sed -n "$number{s/^ *//;s/ *$//;p;}")
		[ -z "$command" ] || run "$release" "$command" "$roots/$release-$number.log"
	done
	tidy
done
exit "$failed"
