#!/bin/sh
# Holds the house against its rules: each library has one home, and the core is pure.
# Wants a build of libreconcile.a in build/, or in the folder named.
set -u
cd "$(dirname "$0")/.." || exit 1
library=${1:-build}/libreconcile.a
bad=0

# home HEADER FILE...: no other source includes the library's header.
home() {
	header=$1
	shift
	wrong=$(grep -lE "^#[[:space:]]*include[[:space:]]*[<\"]$header" \
	             reconcile/*/*.[ch] agent/*/*.[ch] agent/*/*/*.[ch] 2>/dev/null |
	        grep -vxF "$(printf '%s\n' "$@")")
	[ -z "$wrong" ] && return
	echo "$header is included outside of $*:" $wrong
	bad=1
}

home 'yaml\.h'        reconcile/tree/yaml.c
home 'json-c/'        reconcile/tree/json.c
home 'curl/'          agent/net/curl_common.c agent/net/curl_common.h agent/net/http_client.c agent/net/http_headers.c \
                      agent/net/mail_client.c agent/net/url.c
home 'git2'           agent/git/file_history.c agent/git/mirror.c agent/git/git_transport.c agent/git/git_transport.h \
                      agent/git/git_repo.c agent/git/git_repo.h agent/git/git_repack.c agent/git/git_repack.h \
                      agent/git/git_loose_guard.c agent/git/git_loose_guard.h agent/git/git_checkout.c \
                      agent/git/id_set.h agent/git/local_fetch.h agent/git/pack_stream.c agent/git/pack_stream.h \
                      agent/git/tree_versions.h agent/git/history_repository.h
home 'zlib\.h'        agent/git/git_loose_guard.c agent/git/pack_stream.c
home 'libssh2'        agent/git/known_hosts.c
home 'sqlite3\.h'     agent/state/database.c
home 'nettle/'        reconcile/schema/digest.c agent/util/base64.c agent/git/pack_copy.c agent/git/pack_stream.c
home 'sys/inotify\.h' agent/source/dir_watch.c
home 'microhttpd\.h'  agent/net/http_server.c
home 'libsmartcols/' agent/util/table.c
home 'systemd/'       agent/util/systemd_notify.c agent/util/id128.c

wrong=$(grep -nE '\b(clock_gettime|gettimeofday)\(|[^_[:alnum:]]time\(NULL\)' agent/*/*.c agent/*/*/*.c |
        grep -v '^agent/util/clock\.c:')
if [ -n "$wrong" ]; then
	printf 'clocks are read outside of agent/util/clock.c:\n%s\n' "$wrong"
	bad=1
fi

wrong=$(grep -nE '^#[[:space:]]*include[[:space:]]*["<](agent/|unistd\.h|fcntl\.h|poll\.h|signal\.h|sys/)' \
             reconcile/*/*.[ch])
if [ -n "$wrong" ]; then
	printf 'the core reaches outside:\n%s\n' "$wrong"
	bad=1
fi

# What the core calls is what counts, so the linker's names are asked: no file, socket, clock,
# environment or log.
wrong=$(nm -A -u "$library" | awk '
	{ object = $1; sub(/^[^:]*:/, "", object); sub(/:.*/, "", object); name = $NF
	  sub(/^__/, "", name); sub(/@.*/, "", name); sub(/_chk$/, "", name)
	  sub(/_2$/, "", name); sub(/64$/, "", name) }
	name ~ /^(f|fd|fre|fmem)open$|^open(at|dir|_memstream)?$|^(creat|close|read|write|pread|pwrite)$/ ||
	name ~ /^(l|f)?stat(at)?$|^(access|unlink|rename|readdir|mkdir|mkstemp|tmpfile|realpath)$/ ||
	name ~ /^(socket|connect|bind|listen|accept|send|recv|poll|select|getaddrinfo)$/ ||
	name ~ /^(time|clock|clock_gettime|gettimeofday|localtime|localtime_r|nanosleep|sleep|usleep)$/ ||
	name ~ /^((secure_)?getenv|setenv|environ|rand|random|getrandom)$/ ||
	name ~ /^(stdin|stdout|v?f?printf|puts|putchar|fputc|putc|fread|fgets|perror|v?syslog)$/ ||
	name ~ /^(system|popen|fork|signal|sigaction|pthread_create)$/ { print object ": " name }')
if [ -n "$wrong" ]; then
	printf 'the core calls what is outside of it:\n%s\n' "$wrong"
	bad=1
fi

# Only the end of memory may be told to stderr, before it ends the process.
wrong=$(grep -nE '(stderr|fputs|fwrite)\b' reconcile/*/*.[ch] | grep -vF 'fputs("out of memory\n", stderr);')
if [ -n "$wrong" ]; then
	printf 'the core prints:\n%s\n' "$wrong"
	bad=1
fi
exit $bad
