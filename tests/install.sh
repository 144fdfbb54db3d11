#!/bin/sh
# Installs into an empty root, runs what was installed, uninstalls: nothing of ours may stay.
set -eu
cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

make -s install DESTDIR="$root" PREFIX=/usr
find "$root" -type f | sed "s|^$root||" | sort
[ "$("$root/usr/bin/flowsync" version)" = "flowsync $(make -s --no-print-directory version)" ]
for file in bin/flowsync share/doc/flowsync/README.md share/doc/flowsync/LICENSE \
            share/doc/flowsync/examples/README.md share/doc/flowsync/examples/fields.txt \
            share/doc/flowsync/systemd/README.md share/doc/flowsync/systemd/notify-reload.conf \
            share/doc/flowsync/agent/docs/3-commands.md share/doc/flowsync/reconcile/docs/README.md \
            lib/systemd/system/flowsync-sync.timer; do
	[ -f "$root/usr/$file" ] || { echo "not installed: $file"; exit 1; }
done
for file in examples/serve.yaml examples/workflows/* examples/runs/*.yaml examples/runs/queries/*; do
	cmp "$file" "$root/usr/share/doc/flowsync/$file"
done

# Units know where the program is.
for unit in flowsync flowsync-sync flowsync-serve; do
	grep -q '^ExecStart=/usr/bin/flowsync ' "$root/usr/lib/systemd/system/$unit.service"
done
if grep /usr/local "$root"/usr/lib/systemd/system/*; then exit 1; fi

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
