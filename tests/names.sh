#!/bin/sh
# Holds the names to two rules, for agent/ and reconcile/ together, so that a name in a backtrace or a search leads to
# one place: no static function has the name of another file's function, and no struct is defined in two files.
set -u
cd "$(dirname "$0")/.." || exit 1

find agent reconcile -name '*.[ch]' | sort | xargs awk '
	# A definition begins in column 1; its name is the word before the first "(" that is not part of an attribute.
	{ sub(/PRINTF\([^)]*\) /, "") }
	# "bool (err_set)(" defines a function that a macro of the same name covers; "(*const assess[])(" is a variable.
	/^[a-z]+ \([a-z0-9_]+\)\(/ { sub(/ \(/, " "); sub(/\)\(/, "(") }
	/^static [^(]*\(\*/ { next }
	/^static [^=;]*\(/ && !/;[[:space:]]*$/ {
		name = $0
		sub(/\(.*/, "", name)
		sub(/.*[^A-Za-z0-9_]/, "", name)
		kind = "static function"
		note()
	}
	/^[A-Za-z][^=;{]*\(/ && !/^static / && !/;[[:space:]]*$/ && FILENAME ~ /\.c$/ {
		name = $0
		sub(/\(.*/, "", name)
		sub(/.*[^A-Za-z0-9_]/, "", name)
		kind = "function"
		note()
	}
	/(^|[[:space:]])struct [a-z0-9_]+ \{/ {
		name = $0
		sub(/ \{.*/, "", name)
		sub(/.*struct /, "", name)
		kind = "struct"
		note()
	}
	function note(	key) {
		key = (kind == "struct" ? "struct " : "") name
		if (!(key in file)) {
			file[key] = FILENAME
			first_kind[key] = kind
		} else if (file[key] != FILENAME && (kind != "function" || first_kind[key] != "function")) {
			print FILENAME ": " kind " " name " has the name of a " first_kind[key] " in " file[key]
			bad = 1
		}
	}
	END { exit bad }'
