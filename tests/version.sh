#!/bin/sh
# What a build calls itself: by git's tags in a checkout, else by the number in the Makefile.
set -eu
cd "$(dirname "$0")/.."
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
number=$(sed -n 's/^NUMBER *:= *//p' Makefile)
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
unset GIT_DIR GIT_WORK_TREE MAKEFLAGS MFLAGS
git='git -c user.name=a -c user.email=a@example.com -c init.defaultBranch=main -c protocol.file.allow=always'

# expect WHAT FOLDER VERSION [MAKE-ARGUMENT]: make there has to say so.
expect() {
	found=$(make --no-print-directory -s -C "$2" ${4+"$4"} version)
	[ "$found" = "$3" ] || { echo "$1: expected \"$3\", found \"$found\""; exit 1; }
}

mkdir -p "$top/one/archive"
cp Makefile "$top/one/"
cp Makefile "$top/one/archive/"
cd "$top/one"
expect 'no repository' . "$number"
$git init -q
$git add Makefile
$git commit -q -m one
expect 'no tag' . "$number"
$git tag -a -m 'another kind of tag' nightly
expect 'a tag that is no version' . "$number"
$git tag -a -m 'a version' v7.8.9
expect 'a tag' . 7.8.9
expect 'the word of a packager' . 5.5 VERSION=5.5
expect 'a copy inside of another repository' archive "$number"
echo '# changed' >>Makefile
expect 'a change that is not committed' . 7.8.9-dirty
$git commit -q -a -m two
commit=$($git rev-parse --short=12 HEAD)
expect 'a commit after the tag' . "7.8.9-1-g$commit"
$git clone -q --depth 1 --no-tags "file://$top/one" "$top/shallow"
expect 'a shallow clone' "$top/shallow" "$number"
PATH=$top/none:$PATH
mkdir "$top/none"
printf '#!/bin/sh\nexit 127\n' >"$top/none/git"
chmod 755 "$top/none/git"
expect 'no git' . "$number"
