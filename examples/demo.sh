#!/bin/sh
# A tour of flowsync, about a minute: sh examples/demo.sh
# It leaves nothing behind but build/ and the packages that it needed.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL BUILD SAN

# A person gets the time to read what came before.
say() {
	[ ! -t 1 ] || sleep 3
	echo
	for line; do
		echo "$line"
	done
}

# show COMMAND...: as one would type it.
show() {
	line='$'
	for word; do
		case $word in
		*[!a-zA-Z0-9_./:=-]*) line="$line '$word'" ;;
		*)                    line="$line $word" ;;
		esac
	done
	printf '\n%s\n' "$line"
}

stop() {
	echo "The demo stops here: $1" >&2
	exit 1
}

# run CODE COMMAND...: shows the command and what it says, and holds it to its exit code.
run() {
	want=$1
	shift
	show "$@"
	"$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	cat "$tmp/out" "$tmp/err"
	[ "$got" -eq "$want" ] || stop "\"$*\" ended with exit code $got, not $want."
}

# shown TEXT: holds the last command to what the tour says about it.
shown() {
	grep -qF -- "$1" "$tmp/out" || stop "the last command did not show \"$1\"."
}

clean_up() {
	[ -z "$service" ] || { kill "$service"; wait "$service"; } 2>/dev/null
	rm -rf "$tmp"
}

# Port 0 is any free one; the service says which.
start_service() {
	printf '\n$ flowsync serve --listen 127.0.0.1:0 &\n'
	: >"$tmp/serve.out"	# the shell in the background may be late with it
	flowsync serve --listen 127.0.0.1:0 >>"$tmp/serve.out" 2>"$tmp/serve.err" &
	service=$!
	tries=0
	while [ "$(wc -l <"$tmp/serve.out")" -lt 2 ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt 100 ] || ! kill -0 "$service" 2>/dev/null; then
			cat "$tmp/serve.err" >&2
			stop "the local service did not start."
		fi
		sleep 0.1
	done
	cat "$tmp/serve.out"
	FLOWSYNC_ENDPOINT=$(sed -n 's/^listening on //p' "$tmp/serve.out")
	FLOWSYNC_TOKEN_FILE=$(sed -n 's/^token in //p' "$tmp/serve.out")
	export FLOWSYNC_ENDPOINT FLOWSYNC_TOKEN_FILE
	show export "FLOWSYNC_ENDPOINT=$FLOWSYNC_ENDPOINT"
	show export "FLOWSYNC_TOKEN_FILE=$FLOWSYNC_TOKEN_FILE"
}

# hook NAME: the address of a workflow's webhook.
hook() {
	uuid=$(flowsync workflow describe "$1" --show-masked -o yaml | sed -n 's/.*webhook: *"\{0,1\}\([0-9a-f-]\{36\}\).*/\1/p')
	echo "${FLOWSYNC_ENDPOINT%%/workflows/*}/hooks/$uuid"
}

# pull_webhook NAME PAYLOAD: by curl, where there is one; its run is over when this returns.
pull_webhook() {
	if command -v curl >/dev/null 2>&1; then
		run 0 curl -sS -d "$2" "$(hook "$1")"
		echo
		shown executionId
		execution=$(sed -n 's/.*"executionId": *"\([^"]*\)".*/\1/p' "$tmp/out")
		run 0 flowsync workflow logs "$1" "$execution" --follow
	else
		say "There is no curl here to send something with, so it is done by hand."
		run 0 flowsync workflow execute "$1" --follow --param "payload=$2"
	fi
	shown "called with $2"
}

service=
tmp=$(mktemp -d) || exit 1
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

echo "flowsync makes the workflows of a workflow service what files say they are."
say "First it is built; on Debian and Ubuntu, packages that are missing are installed."
sh tests/setup.sh build || exit 1
make || stop "flowsync could not be built."
PATH=$PWD/build:$PATH
export PATH

# An environment of our own: nobody's settings come in, and nothing goes to a real service.
for name in $(env | sed -n 's/^\(FLOWSYNC_[A-Z_]*\)=.*/\1/p') \
            PEAK_AUTH_TOKEN API_KEY PEAK__STAGE STAGE; do
	unset "$name"
done
export FLOWSYNC_STATE_DIR=state
cp -R examples/workflows examples/runs "$tmp"
top=$PWD
# The paths in the tour are short ones.
cd "$tmp" || exit 1

say "flowsync brings a service for one machine along.  Here it is started with an empty" \
    "database and a token of its own, in a folder that goes away after the tour.  Two" \
    "variables tell the commands that follow where it is, and which token to use."
start_service

say "These files say which workflows there are to be:"
run 0 ls workflows
say "Here is the smallest of them."
run 0 cat workflows/hello.yaml

say "1. What would be done?  plan only looks."
run 0 flowsync plan workflows
shown '7 to create'

say "2. Do it.  sync makes the service what the files say."
run 0 flowsync sync workflows
shown '7 created'

say "3. The service has them now; its own commands show that."
run 0 flowsync workflow list
shown nightly-forecast
run 0 flowsync workflow describe hello -o yaml
shown 'echo "hello, world"'

say "4. All is as declared, so a second sync finds nothing to do."
run 0 flowsync sync workflows
shown '0 created, 0 changed, 0 deleted; 7 unchanged'

say "5. Change a file: the greeting becomes another one.  plan shows the line that it comes" \
    "from, the old value and the new one."
run 0 sed -i 's/hello, world/good morning, world/' workflows/hello.yaml
run 0 flowsync plan workflows
shown 'hello.yaml:3'
shown 'good morning, world'
run 0 flowsync sync workflows
shown '1 changed'

say "6. Now somebody changes the workflow on the service, past these files."
cat >by-hand.yaml <<'END'
name: hello
steps:
  greet:
    imageId: 7
    command: echo "nobody knows about this"
END
run 0 cat by-hand.yaml
run 0 flowsync workflow update hello by-hand.yaml

say "That is drift.  plan shows it; with --detailed-exitcode, exit code 2 says so to a script."
run 2 flowsync plan --detailed-exitcode workflows
shown 'nobody knows about this'

say "A sync heals it, and leaves a report for whoever was not there."
run 0 flowsync sync --report report.json workflows
shown '1 changed'
run 0 flowsync plan --detailed-exitcode workflows
shown '7 unchanged'
run 0 flowsync workflow describe hello -o yaml
shown 'good morning, world'

say "7. The report, as JSON: what was done, to which workflow, and from which line."
run 0 cat report.json
shown '"outcome": "applied"'
shown '"path": "/steps/greet/command"'

say "8. Now something runs.  Here is a workflow that does what any machine can: its steps" \
    "follow on each other, one fails twice and is tried again, one is left out."
run 0 cat runs/pipeline.yaml
run 0 flowsync workflow create runs/pipeline.yaml
say "It is run and followed.  What is before a bar is the step that a line comes from."
run 0 flowsync workflow execute pipeline --follow
shown '1 + 2 + ... + 12 = 78'
shown 'there it is, at attempt 3'
execution=$(sed -n 's/^started execution \([^ ]*\) .*/\1/p' "$tmp/out")

say "So it went, as a picture: side by side stands what ran side by side."
run 0 flowsync workflow execution pipeline "$execution"
shown 'sample          Skipped'
say "What a step has printed is kept, for 90 days."
run 0 flowsync workflow logs pipeline "$execution" --step fetch
shown 'nothing there yet'

say "9. A parameter for this one run: fetch is to fail for good.  Exit code 4 says so, and" \
    "the step that cleans up has its turn."
run 4 flowsync workflow execute pipeline --follow --step-param fetch.READY_AT=9
shown 'clean-up |'
run 0 flowsync workflow executions pipeline
shown Failed

say "10. Others start a workflow by its webhook.  Its address is a secret, so that it is shown" \
    "only to whoever asks for it; what is sent there comes to the steps as \$payload."
run 0 flowsync workflow create runs/on-call.yaml
pull_webhook on-call '{"severity": "high"}'
run 0 flowsync workflow list --name on-call
shown Success

say "That was the tour.  Go on with files of your own:" \
    "" \
    "  cp -r $top/examples/workflows my-workflows" \
    "  $top/build/flowsync plan --endpoint local my-workflows" \
    "" \
    "README.md tells how to go on from there."
