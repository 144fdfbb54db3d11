#!/bin/sh
# Installs into an empty root, runs what was installed, uninstalls: nothing of ours may stay.
set -eu
cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

make -s install DESTDIR="$root" PREFIX=/usr
find "$root" -type f | sed "s|^$root||" | sort
"$root/usr/bin/flowsync" version
for file in bin/flowsync share/doc/flowsync/README.md share/doc/flowsync/LICENSE \
            share/doc/flowsync/examples/README.md share/doc/flowsync/examples/fields.txt; do
	[ -f "$root/usr/$file" ] || { echo "not installed: $file"; exit 1; }
done
for file in examples/workflows/*; do
	cmp "$file" "$root/usr/share/doc/flowsync/$file"
done

# A stranger's file in our folder stays, and its folder with it.
touch "$root/usr/share/doc/flowsync/stranger"
make -s uninstall DESTDIR="$root" PREFIX=/usr
left=$(find "$root" -type f)
[ "$left" = "$root/usr/share/doc/flowsync/stranger" ] || { echo "left behind: $left"; exit 1; }

rm "$root/usr/share/doc/flowsync/stranger"
make -s install DESTDIR="$root" PREFIX=/usr
make -s uninstall DESTDIR="$root" PREFIX=/usr
left=$(find "$root" -type f -o -name 'flowsync*')
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
