"""The `workflow` commands about runs, and patch: every operation and every field of its answer, against the second service."""
import copy
import os
import re
import signal
import sys
import unittest

import flowsync
from test_workflow_commands import WorkflowCase

sys.path.insert(0, str(flowsync.ROOT / "tests/peer"))
from peer import SIGNATURE, Peer     # noqa: E402

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NOBODY_ID = "00000000-0000-4000-8000-000000000000"

BODY = {
    "name": "night", "tags": [{"name": "team"}, {"name": "flowsync-default"}], "watchers": [],
    "triggers": [{"cron": "0 1 * * *"}, {"webhook": True}], "metadata": {"allowConcurrentExecution": True},
    "retryOptions": {"numberOfRetries": 4},
    "steps": {
        "get": {"imageId": 7, "command": "curl https://me:pw@example.com/x?key=1", "stepTimeout": 90,
                "clearImageCache": True, "resources": {"instanceTypeId": 23, "storage": "20GB"},
                "repository": {"url": "https://example.com/r", "branch": "main", "token": "git"},
                "parameters": {"env": {"N": "8"}}},
        "left": {"imageId": 7, "command": "make left", "parents": ["get"]},
        "right": {"type": "http", "method": "get", "url": "https://example.com", "parents": ["get"]},
        "end": {"imageId": 7, "command": "make end", "parents": ["left", "right"]},
    },
}


class PeerCase(WorkflowCase):
    habits = ()

    def setUp(self):
        super().setUp()
        self.peer = Peer(self.token_file().read_text().strip(), self.habits).start()
        self.addCleanup(self.peer.stop)
        self.addCleanup(self.good_manners)
        self.id = self.peer.add(copy.deepcopy(BODY)).id

    def good_manners(self):
        self.assertEqual((self.peer.complaints, self.peer.broken), ([], []))

    def flowsync(self, *args, **options):
        return super().flowsync(*args, **{"endpoint": self.peer.url, **options})

    def start(self, *args, **options):
        return super().start(*args, **{"endpoint": self.peer.url, **options})

    def stand_still(self):
        """now: from here on it is now[0], in seconds, on the peer's clocks."""
        now = [1700000000.0]
        self.peer.clock = self.peer.now = lambda: now[0]
        return now

    def kept(self):
        return self.peer.workflows[self.id]

    def run_id(self, *args):
        return self.workflow("execute", "night", *args, "-o", "json").json()["executionId"]

    def sent(self):
        """The body of the newest request that is no GET."""
        return self.peer.writes()[-1].body


class ExecuteTest(PeerCase):
    def test_a_run_is_started_and_its_id_printed(self):
        said = self.workflow("execute", "night").out
        run = self.kept().executions[0].id
        self.assertEqual(said, f'started execution {run} of workflow {self.id} "night"\n')
        self.assertEqual(self.sent(), {})
        said = self.workflow("execute", self.id, "-o", "json").json()
        self.assertEqual(said, {"executionId": self.kept().executions[0].id})
        said = self.workflow("execute", self.id, "-o", "yaml").out
        self.assertEqual(said, f"executionId: {self.kept().executions[0].id}\n")

    def test_parameters_and_steps_are_sent_as_the_contract_has_them(self):
        self.workflow("execute", "night", "--param", "AS_OF=2024-05-31", "--param", "EMPTY=", "--param", "EQ=a=b",
                      "--step-param", "left.EPOCHS=5", "--step-param", "end.X.Y=no", code=1)
        self.assertEqual(self.peer.writes(), [])    # "end.X" is no step
        self.workflow("execute", "night", "--param", "AS_OF=2024-05-31", "--param", "EMPTY=", "--param", "EQ=a=b",
                      "--step-param", "left.EPOCHS=5", "--step-param", "left.SEED=7", "--step", "left:dag",
                      "--step", "get")
        self.assertEqual(self.sent(), {
            "params": {"global": {"AS_OF": "2024-05-31", "EMPTY": "", "EQ": "a=b"},
                       "stepWise": {"left": {"EPOCHS": "5", "SEED": "7"}}},
            "stepsToRun": [{"stepName": "left", "runDAG": True}, {"stepName": "get", "runDAG": False}]})
        self.assertEqual(set(self.kept().executions[0].parents), {"get", "left", "end"})

    def test_a_file_holds_the_body_and_options_add_to_it(self):
        self.write({"run.yaml": "body:\n  params: {global: {AS_OF: '{{ day }}', A: '1'}}\n"
                                "  stepsToRun: [{stepName: left, runDAG: true}]\n",
                    "bad.yaml": "param: {}\nstepsToRun: [{runDAG: true}]\n"}, "runs")
        self.workflow("execute", "night", "runs/run.yaml", "--set", "day=2024-05-31", "--param", "A=2", "--step", "get")
        self.assertEqual(self.sent(), {
            "params": {"global": {"AS_OF": "2024-05-31", "A": "2"}},
            "stepsToRun": [{"stepName": "left", "runDAG": True}, {"stepName": "get", "runDAG": False}]})
        self.assertEqual(self.workflow("execute", "night", "runs/bad.yaml", code=65).err,
                         'flowsync: error: runs/bad.yaml:1:1: body: unknown field "param"; did you mean "params"?\n'
                         'flowsync: error: runs/bad.yaml:2:14: body/stepsToRun/0: "stepName" is missing\n')

    def test_what_is_wrong_is_said_before_anything_is_sent(self):
        for args, code, sentence in (
                (("--param", "x"), 64, '--param: expected KEY=VALUE, found "x"'),
                (("--param", "=x"), 64, '--param: expected KEY=VALUE, found ""'),
                (("--step-param", "x=y"), 64, '--step-param: expected STEP.KEY=VALUE, found "x"'),
                (("--step-param", "get.=y"), 64, '--step-param: expected KEY=VALUE, found ""'),
                (("--step", "lift"), 1,
                 f'workflow {self.id} "night" has no step "lift"; there are: get, left, right, end'),
                (("--step-param", "lift.A=1"), 1,
                 f'workflow {self.id} "night" has no step "lift"; there are: get, left, right, end')):
            with self.subTest(args):
                self.assertEqual(self.refused(code, "execute", "night", *args), sentence)
        self.assertEqual(self.refused(1, "execute", "nigh"), 'the service has no workflow called "nigh"')
        self.assertEqual(self.peer.writes(), [])

    def test_a_variable_chooses_no_step(self):
        result = self.workflow("execute", "night", env={"FLOWSYNC_STEP": "left", "FLOWSYNC_PARAM": "A=1"})
        self.assertEqual(self.sent(), {})
        self.assertEqual(set(self.kept().executions[0].parents), set(BODY["steps"]))
        for name in "step", "param":
            self.assertIn(f"flowsync: warning: variable FLOWSYNC_{name.upper()} is not used: --{name} is read from "
                          "the command line only\n", result.err)

    def test_a_secret_parameter_is_in_no_message(self):
        value = self.secret("parameter")
        fake = self.fake(lambda request: (400, {"detail": f"bad value {value}"}))
        said = self.refused(1, "execute", "1", "--param", f"DB_PASSWORD={value}", endpoint=fake.endpoint)
        self.assertEqual(said, "execute workflow 1: the service answered 400 (bad request): bad value (masked #1)")
        said = self.refused(64, "execute", "1", "--param", f"={value}", endpoint=fake.endpoint)
        self.assertEqual(said, '--param: expected KEY=VALUE, found ""')

    def test_what_the_service_refuses(self):
        self.kept().body["metadata"] = {}
        self.peer.set_habits("runs=600000")
        self.run_id()
        self.assertEqual(self.refused(1, "execute", "night"),
                         f'execute workflow {self.id} "night": the service answered 409 (conflict): workflow {self.id} '
                         "is running")

    def test_an_answer_that_was_lost_is_not_asked_for_again(self):
        fake = self.fake(lambda request: (500, {"detail": "oops"}))
        self.assertEqual(self.refused(1, "execute", "1", endpoint=fake.endpoint),
                         "execute workflow 1: the service answered 500 (internal error): oops; the workflow may "
                         "have been started: check with `flowsync workflow executions`")
        self.assertEqual(fake.told(), ["POST /workflows/1/execute"] * 2)    # once a command
        fake = self.fake(lambda request: (200, {}))
        self.assertEqual(self.refused(1, "execute", "1", endpoint=fake.endpoint),
                         'execute workflow 1: expected an "executionId", found an answer of another shape')

    def test_waiting_for_success(self):
        self.peer.set_habits("runs=700")
        result = self.workflow("execute", "night", "--wait")
        run = self.kept().executions[0].id
        self.assertEqual(result.out, f'started execution {run} of workflow {self.id} "night"\n'
                                     f"execution {run}: Success after 1.0s\n")
        told = re.findall(r"step (\w+): (\w+)", result.err)
        for name in BODY["steps"]:
            self.assertEqual([state for step, state in told if step == name][-1], "Success", result.err)
        document = self.workflow("execute", "night", "--wait", "-o", "json").json()
        run = self.kept().executions[0]
        self.assertEqual(document, run.details(self.peer.clock(), self.peer.stamp) | {
            "steps": [{**s, **({"command": "curl https://(masked #1)@example.com/x?(masked #1)"} if s["name"] == "get" else {})}
                      for s in run.details(self.peer.clock(), self.peer.stamp)["steps"]]})

    def test_waiting_for_failure_and_for_what_somebody_stops(self):
        self.peer.set_habits("fail-step=left")
        result = self.workflow("execute", "night", "--wait", code=4)
        self.assertIn(": Failed after 1.0s\n", result.out)
        self.assertEqual(self.workflow("execute", "night", "--wait", "-o", "json", code=4).json()["status"], "Failed")
        self.peer.set_habits("runs=600000")
        process = self.start("workflow", "execute", "night", "--wait")
        process.stdout.readline()
        self.kept().executions[0].stop(self.peer.clock(), "ann@example.com")
        result = self.finish(process)
        self.assertEqual(result.code, 4)
        self.assertRegex(result.out, r"\Aexecution \S+: Stopped after \S+\n\Z")

    def test_an_interrupt_ends_the_waiting_and_the_run_goes_on(self):
        self.peer.set_habits("runs=600000")
        for output, number, code in (("table", signal.SIGINT, 130), ("json", signal.SIGTERM, 143)):
            process = self.start("workflow", "execute", "night", "--wait", "-o", output)
            line = process.stderr.readline()        # the first step runs
            self.assertEqual(line, "flowsync: step get: Running\n")
            run = self.kept().executions[0]
            self.interrupt(process, number)
            result = self.finish(process)
            self.assertEqual(result.code, code)
            self.assertEqual(result.err, f"flowsync: warning: no longer waiting; execution {run.id} goes on\n")
            if output == "json":
                self.assertEqual(result.json(), {"executionId": run.id})
            self.assertEqual(run.status(self.peer.clock()), "Running")

    def test_a_run_that_is_not_there_yet_is_waited_for(self):
        asked = []

        def answer(request):
            asked.append(request.method)
            if request.method == "POST":
                return 200, {"executionId": "r-1"}
            return (404, {"detail": "no"}) if len(asked) < 4 else (200, {"runId": "r-1", "status": "Success", "steps": []})
        fake = self.fake(answer)
        self.assertEqual(self.workflow("execute", "1", "--wait", endpoint=fake.endpoint).out,
                         "started execution r-1 of workflow 1\nexecution r-1: Success\n")

    def test_following_shows_each_line_once(self):
        for habits in (("runs=900", "log-lines=3", "log-page=2"), ("runs=900", "log-lines=3", "no-log-token")):
            with self.subTest(habits):
                self.peer.set_habits(*habits, "fail-step=right")
                result = self.workflow("execute", "night", "--follow", "--param", "A=b", code=4)
                lines = result.out.splitlines()[1:-1]
                self.assertEqual(sorted(re.sub(STAMP, "T", line) for line in lines), sorted(
                    f"{step} | T {text}" for step in ("get", "left", "right")
                    for text in (f"step {step} ran", "A=b", "line 1", "line 2", "line 3")))
                self.assertRegex(result.out.splitlines()[-1], r"\Aexecution \S+: Failed after 1\.0s\Z")
        self.assertEqual(len(self.peer.writes()), 2)
        self.peer.set_habits("runs=300", "log-lines=3")
        both = self.workflow("execute", "night", "--follow", terminal=True).out
        for step in BODY["steps"]:
            self.assertLess(both.rindex(f"{step} | "), both.index(f"flowsync: step {step}: Success"), both)
        document = self.workflow("execute", "night", "--follow", "-o", "json", code=64).json()
        self.assertEqual(document["errors"][0]["message"],
                         "--follow prints log lines and cannot be combined with -o: use --wait")
        self.assertEqual(len(self.peer.writes()), 3)


class ExecutionsTest(PeerCase):
    def test_every_field_of_a_run_is_shown(self):
        now = self.stand_still()
        self.peer.set_habits("runs=60000")
        first = self.run_id()
        now[0] += 90
        second = self.run_id()
        now[0] += 5
        run = self.kept().executions[0]
        run.stop(now[0], "ann@example.com")
        third = self.run_id()
        self.kept().executions[2].reruns = [
            {"rerunId": "r-1", "executedAt": "2023-11-14T23:00:00.000Z", "finishedAt": "2023-11-14T23:00:09.000Z",
             "duration": "00:00:09", "status": "Failed", "stoppedBy": "bob@example.com"}]
        self.assertEqual(self.workflow("executions", "night").out, f"""\
EXECUTION                             STATUS   STARTED                   FINISHED                  TIME      STOPPED BY       RERUNS
{third}  Running  2023-11-14T22:14:55.000Z  -                         -         -                0
{second}  Stopped  2023-11-14T22:14:50.000Z  2023-11-14T22:14:55.000Z  00:00:05  ann@example.com  0
{first}  Success  2023-11-14T22:13:20.000Z  2023-11-14T22:14:20.000Z  00:01:00  -                1
""")
        listed = [
            {"executionId": third, "executedAt": "2023-11-14T22:14:55.000Z", "status": "Running", "reruns": []},
            {"executionId": second, "executedAt": "2023-11-14T22:14:50.000Z", "finishedAt": "2023-11-14T22:14:55.000Z",
             "duration": "00:00:05", "status": "Stopped", "stoppedBy": "ann@example.com", "reruns": []},
            {"executionId": first, "executedAt": "2023-11-14T22:13:20.000Z", "finishedAt": "2023-11-14T22:14:20.000Z",
             "duration": "00:01:00", "status": "Success", "reruns": self.kept().executions[2].reruns}]
        self.assertEqual(self.workflow("executions", self.id, "-o", "json").json()["executions"], listed)
        self.assertIn(f"  - executionId: {third}\n    executedAt: ", self.workflow("executions", "night", "-o", "yaml").out)
        last = self.workflow("list", "-o", "json").json()["workflows"][0]["lastExecution"]
        self.assertEqual(last, {"executionId": third, "executedAt": "2023-11-14T22:14:55.000Z", "status": "Running"})

    def test_filters(self):
        now = self.stand_still()
        runs = []
        for status in ("Success", "Failed", "Success"):
            self.peer.set_habits(*["fail-step=get"][:status == "Failed"])
            runs.insert(0, self.run_id())
            now[0] += 60
        for args, found in (((), runs),
                            (("--status", "Failed"), runs[1:2]),
                            (("--status", "failed", "--status", "Success"), runs),
                            (("--status", "Running"), []),
                            (("--count", "2"), runs[:2]),
                            (("--date-from", "2023-11-14T22:14:20Z"), runs[:2]),
                            (("--date-to", "2023-11-14T22:14:20.000Z"), runs[1:]),
                            (("--page-size", "1"), runs),
                            (("--page-size", "2", "--page-number", "2"), runs[2:]),
                            (("--page-number", "7"), [])):
            with self.subTest(args):
                listed = self.workflow("executions", "night", *args, "-o", "json").json()["executions"]
                self.assertEqual([run["executionId"] for run in listed], found)
        self.assertIn("&count=2&statuses=Success&statuses=Failed&dateTo=2023-11-14T23%3A00%3A00.000Z&dateFrom=",
                      self.asked("--count", "2", "--status", "Success", "--status", "Failed",
                                 "--date-to", "2023-11-14T23:00:00.000Z", "--date-from", "2023-11-14T22:00:00.000Z"))
        self.assertIn("&dateTo=2023-11-14T00%3A00%3A00.000Z&dateFrom=2023-11-13T22%3A30%3A00.000Z",
                      self.asked("--date-to", "2023-11-14", "--date-from", "2023-11-14T00:30:00+02:00"))
        self.assertEqual(self.refused(64, "executions", "night", "--date-from", "then"),
                         "--date-from: expected a date and time such as 2024-01-07T18:00:00.000Z, or a date, found "
                         '"then"')
        self.assertEqual(self.refused(64, "executions", "night", "--status", "Fail"),
                         '--status: "Fail" is not one of Success, Running, Stopped, Stopping, Failed; did you mean "Failed"?')

    def asked(self, *args):
        self.workflow("executions", self.id, *args)
        return self.peer.requests[-1].path

    def test_a_run_that_begins_while_pages_are_read_comes_once(self):
        runs = [{"executionId": f"e-{i}", "status": "Success"} for i in range(5)]

        def answer(request):
            page = int(request.path.split("pageNumber=")[1])
            part = runs[:2] if page == 1 else ([{"executionId": "new"}, *runs])[(page - 1) * 2:page * 2]
            return 200, {"executions": part, "pageCount": 3}
        fake = self.fake(answer)
        listed = self.workflow("executions", "1", "-o", "json", endpoint=fake.endpoint).json()["executions"]
        self.assertEqual(listed, runs)

    def test_answers_of_another_shape(self):
        for said, wanted in ((7, 'a list under "executions"'), ({"executions": 7}, 'a list under "executions"'),
                             ({"executions": [7]}, 'executions with an "executionId"')):
            fake = self.fake(lambda request, said=said: (200, said))
            self.assertEqual(self.refused(1, "executions", "1", endpoint=fake.endpoint),
                             f"list executions of workflow 1, page 1: expected {wanted}, found an answer of another shape")
        for said in (7, {}, {"status": 7}):
            fake = self.fake(lambda request, said=said: (200, said))
            self.assertEqual(self.refused(1, "execution", "1", "x", endpoint=fake.endpoint),
                             'get execution x of workflow 1: expected an object with a text under "status", found an '
                             "answer of another shape")

    def test_a_workflow_of_the_local_service_that_never_ran(self):
        self.service.create(BODY | {"tags": []})
        endpoint = self.service.endpoint
        self.assertEqual(self.workflow("executions", "night", endpoint=endpoint).out,
                         "EXECUTION  STATUS  STARTED  FINISHED  TIME  STOPPED BY  RERUNS\n")
        self.assertEqual(self.refused(1, "execution", "night", NOBODY_ID, endpoint=endpoint),
                         f'get execution {NOBODY_ID} of workflow 1 "night": the service answered 404 (not found): '
                         "workflow 1 has no execution with this executionId; `flowsync workflow executions` lists the executions")


class ExecutionTest(PeerCase):
    def test_a_run_is_drawn_as_it_goes_on(self):
        now = self.stand_still()
        self.peer.set_habits("runs=90000", "fail-step=right")
        run = self.run_id()
        now[0] += 45
        said = self.workflow("execution", "night", run).out
        self.assertRegex(said, rf"""\AEXECUTION                             STATUS   STARTED                   FINISHED  TIME
{run}  Running  2023-11-14T22:13:20\.000Z  -         \S+

STEP         STATE    STARTED                   TIME +NOTE
\*     get    Success  2023-11-14T22:13:20\.000Z  30s +-
\+--\+
\*  \|  left   Running  2023-11-14T22:13:50\.000Z  \S+ +-
\|  \*  right  Running  2023-11-14T22:13:50\.000Z  \S+ +-
\+--\+
\*     end    Skipped  -                         - +-
\Z""")
        now[0] += 45
        self.assertEqual(self.workflow("execution", self.id, run).out, f"""\
EXECUTION                             STATUS  STARTED                   FINISHED                  TIME
{run}  Failed  2023-11-14T22:13:20.000Z  2023-11-14T22:14:50.000Z  1m30s

STEP         STATE    STARTED                   TIME  NOTE
*     get    Success  2023-11-14T22:13:20.000Z  30s   -
+--+
*  |  left   Success  2023-11-14T22:13:50.000Z  30s   -
|  *  right  Failed   2023-11-14T22:13:50.000Z  30s   exit code 1
+--+
*     end    Skipped  -                         -     -
""")

    def test_every_field_of_the_details_is_shown(self):
        self.stand_still()
        run = self.run_id("--step", "get")
        self.kept().executions[0].reruns = [{"rerunId": "r-1", "status": "Success"}]
        wanted = {
            "executionId": run, "status": "Success",
            "executedAt": "2023-11-14T22:13:20.000Z", "finishedAt": "2023-11-14T22:13:21.000Z",
            "steps": [{
                "name": "get", "stepType": "standard", "status": "Success",
                "startedAt": "2023-11-14T22:13:20.000Z", "finishedAt": "2023-11-14T22:13:21.000Z",
                "children": ["left", "right"], "command": "curl https://(masked #1)@example.com/x?(masked #1)",
                "image": "registry.example.com/image-7:latest", "output": {"exitCode": "0", "message": "terminated"},
                "resources": {"instanceTypeId": 23, "storage": "20 GB"}, "rerunId": "r-1",
                "source": {"type": "GITHUB", "url": "https://example.com/r", "filePath": ""}}]}
        self.assertEqual(self.workflow("execution", "night", run, "-o", "json").json(), wanted)
        said = self.workflow("execution", "night", run, "-o", "yaml").out
        self.assertIn(f"executionId: {run}\nstatus: Success\n", said)
        self.assertNotIn("me:pw", said)
        listed = self.workflow("list", "-o", "json").json()["workflows"][0]["lastExecution"]
        self.assertEqual(listed["rerunId"], "r-1")

    def test_odd_graphs(self):
        def answer(steps):
            return lambda request: (200, {"status": "Success", "steps": steps})
        many = [{"name": f"s{i}", "children": ["end"]} for i in range(25)] + [{"name": "end"}]
        wide = [{"name": "a", "children": [f"s{i}" for i in range(25)]}, *({"name": f"s{i}"} for i in range(25))]
        for steps, lines in (
                ([{"name": "a", "children": ["b", "gone", 7]}, {"name": "b", "children": ["a"]}], ["*  a  -      -        -     -",
                                                                                          "*  b  -      -        -     -"]),
                ([{"output": {"exitCode": "137", "message": "oom"}}, 7],
                 ["*  -  -      -        -     exit code 137: oom", "", "*  -  -      -        -     -"]),
                (many, None), (wide, None)):
            fake = self.fake(answer(steps))
            said = self.workflow("execution", "1", "x", endpoint=fake.endpoint).out
            if lines:
                self.assertEqual(said.splitlines()[4:], lines)
            elif steps is wide:
                self.assertIn("\ns24   -      -        -     -     a\n", said)
            else:
                self.assertEqual(len([line for line in said.splitlines() if re.search(r"\* +(s\d+|end) ", line)]), 26)
        fake = self.fake(lambda request: (200, {"status": "Running"}))
        self.assertEqual(len(self.workflow("execution", "1", "x", endpoint=fake.endpoint).out.splitlines()), 2)

    def test_who_is_not_found(self):
        self.assertEqual(self.refused(1, "execution", "night", NOBODY_ID),
                         f'get execution {NOBODY_ID} of workflow {self.id} "night": the service answered 404 (not found): '
                         f"execution {NOBODY_ID} not found; `flowsync workflow executions` lists the executions")
        for command in ("execution", "logs"):
            for id in ("..", "a/b", ""):
                self.assertEqual(self.refused(64, command, "night", id),
                                 f'"{id}" is not the ID of an execution; `flowsync workflow executions` lists the executions')
            self.assertEqual(self.refused(1, command, "night"), f'workflow {self.id} "night" has no executions')
        self.assertEqual(self.refused(64, "stop", "night"), '"workflow stop" needs ID|NAME EXECUTION')

    def test_the_latest_and_the_beginning_of_an_id_name_one(self):
        runs = [self.run_id("--step", step) for step in ("get", "end")]
        for args in ((), ("latest",), (runs[1][:12],), (runs[1],)):
            found = self.workflow("execution", "night", *args, "-o", "json").json()
            self.assertEqual(found["executionId"], runs[1])
            self.assertRegex(self.workflow("logs", "night", *args).out, r"\Aend \| ")
        self.assertRegex(self.workflow("logs", "night", runs[0][:12]).out, r"\Aget \| ")
        beginning = runs[1][:8]
        self.kept().executions[1].id = beginning + "-0"
        self.assertEqual(self.refused(1, "logs", "night", beginning),
                         f'the IDs of 2 executions of workflow {self.id} "night" begin with "{beginning}": give more of '
                         "the ID")


class LogsTest(PeerCase):
    def test_pages_are_joined(self):
        self.stand_still()
        for habits in (("log-lines=5", "log-page=2"), ("log-lines=5",), ("log-lines=5", "no-log-token")):
            with self.subTest(habits):
                self.peer.set_habits(*habits)
                run = self.run_id("--step", "get", "--step", "end")
                texts = ["step get ran", *(f"line {i}" for i in range(1, 6))]
                self.assertEqual(self.workflow("logs", "night", run, "--step", "get").out,
                                 "".join(f"2023-11-14T22:13:20.00{i}Z {text}\n" for i, text in enumerate(texts)))
                self.assertEqual(self.workflow("logs", "night", run).out, "".join(
                    f"{step} | 2023-11-14T22:13:20.{ms + i:03}Z {text.replace('get', step)}\n"
                    for step, ms in (("get", 0), ("end", 0)) for i, text in enumerate(texts)))
                logs = [{"message": text, "timestamp": 1700000000000 + i} for i, text in enumerate(texts)]
                whole = {"logs": logs, "nextToken": None if "no-log-token" in habits else "f/6/s",
                         "stepRunStatus": "Success"}
                self.assertEqual(self.workflow("logs", "night", run, "--step", "get", "-o", "json").json(), whole)
                both = self.workflow("logs", "night", run, "-o", "json").json()
                self.assertEqual([s["name"] for s in both["steps"]], ["get", "end"])
                self.assertEqual(both["steps"][0], {"name": "get", **whole})

    def test_from_a_token_on(self):
        self.stand_still()
        self.peer.set_habits("log-lines=5", "log-page=2")
        run = self.run_id("--step", "get")
        said = self.workflow("logs", "night", run, "--step", "get", "--next-token", "f/4/s").out
        self.assertEqual(said, "2023-11-14T22:13:20.004Z line 4\n2023-11-14T22:13:20.005Z line 5\n")
        self.assertIn("logs?stepName=get&nextToken=f%2F4%2Fs", [r.path for r in self.peer.requests][-2])
        for args in ((), ("--step", "get", "--follow"), ("--step", "get", "--out", "x")):
            self.assertEqual(self.expect(64, "workflow", "logs", "night", run, "--next-token", "t", *args).err,
                             "flowsync: error: --next-token needs --step and cannot be combined with --follow or --out\n")

    def test_following_ends_with_the_run_or_the_step(self):
        self.peer.set_habits("runs=1500", "log-lines=2", "log-page=1")
        run = self.run_id()
        said = self.workflow("logs", "night", run, "--step", "get", "--follow").out
        self.assertEqual([line.split(" ", 1)[1] for line in said.splitlines()], ["step get ran", "line 1", "line 2"])
        said = self.workflow("logs", "night", run, "--follow").out
        self.assertEqual(sorted(re.sub(STAMP, "T", line) for line in said.splitlines()), sorted(
            f"{step} | T {text}" for step in BODY["steps"] for text in (f"step {step} ran", "line 1", "line 2")))
        for args in (("--follow",), ("--out", "x")):
            self.assertEqual(self.expect(64, "workflow", "logs", "night", run, *args, "-o", "json").json()["errors"][0]
                             ["message"], "--follow and --out write log lines and cannot be combined with -o")

    def test_following_ends_when_the_reader_is_gone(self):
        self.peer.set_habits("runs=600000")
        run = self.run_id()
        read, write = os.pipe()
        os.close(read)
        process = self.start("workflow", "logs", "night", run, "--follow", stdout=write)
        os.close(write)
        result = self.finish(process)
        self.assertEqual((result.code, result.err), (0, ""))

    def test_an_interrupt_ends_the_following(self):
        self.peer.set_habits("runs=600000")
        run = self.run_id()
        process = self.start("workflow", "logs", "night", run, "--follow")
        self.assertRegex(process.stdout.readline(), rf"\Aget \| {STAMP} step get ran\n\Z")
        self.interrupt(process, signal.SIGINT)
        result = self.finish(process)
        self.assertEqual((result.code, result.out, result.err), (130, "", ""))

    def test_lines_cannot_harm_a_terminal_and_stand_in_a_file_as_they_are(self):
        message = "a\tb\x1b[31mred\r\nsecond\u202e\n"

        def answer(request):
            if "/logs" not in request.path:
                return 200, {"status": "Success", "steps": [{"name": "s|t", "startedAt": "x"}]}
            return 200, {"logs": [{"message": message, "timestamp": 0}, {"message": ""}, {}], "stepRunStatus": "Success"}
        fake = self.fake(answer)
        self.assertEqual(self.workflow("logs", "1", "x", endpoint=fake.endpoint).out,
                         "s|t | 1970-01-01T00:00:00.000Z a\tb\\x1b[31mred\n"
                         "s|t | 1970-01-01T00:00:00.000Z second\\u202e\ns|t | \ns|t | \n")
        self.assertEqual(self.workflow("logs", "1", "x", "--out", "lines", endpoint=fake.endpoint).out, "")
        self.assertEqual((self.tmp / "lines").read_bytes().decode(),
                         "s|t | 1970-01-01T00:00:00.000Z a\tb\x1b[31mred\n"
                         "s|t | 1970-01-01T00:00:00.000Z second\u202e\ns|t | \ns|t | \n")
        self.assertIn("stepName=s%7Ct", fake.requests[-1].path)

    def test_the_file_that_the_service_offers(self):
        self.peer.set_habits("log-lines=2")
        run = self.run_id()
        self.secrets.append(SIGNATURE)
        result = self.workflow("logs", "night", run, "--step", "get", "--out", "log.txt")
        self.assertEqual((result.out, result.err), ("", ""))
        self.assertEqual((self.tmp / "log.txt").read_text(), "step get ran\nline 1\nline 2\n")
        self.assertEqual((self.tmp / "log.txt").stat().st_mode & 0o777, 0o600)
        what = f'download the log of step "get" of execution {run}'
        self.assertEqual(
            self.workflow("logs", "night", run, "--step", "no", "--out", "x", code=1).err,
            f'flowsync: error: download the log of step "no" of execution {run}: the service answered 404 (not found): '
            'no step "no" in this execution\n')
        self.peer.downloads.clear()
        for url, sentence in (
                ("http://example.com/log", "the service offers the log for download over plain http, which is accepted from this machine only"),
                ("ftp://example.com/log", "the service offers the log for download at an invalid address"),
                ("https://me:pw@example.com/log", "the service offers the log for download at an invalid address"),
                ("log", "the service offers the log for download at an invalid address"),
                (f"{self.peer.url}/download/gone?signature={SIGNATURE}",
                 f"{what}: the service answered 404 (not found): nothing is at /download/gone"),
                (7, f'{what}: expected a "downloadUrl", found an answer of another shape')):
            fake = self.fake(lambda request, url=url: (200, {"downloadUrl": url}))
            with self.subTest(url):
                result = self.workflow("logs", "1", run, "--step", "get", "--out", "log.txt", code=1, endpoint=fake.endpoint)
                self.assertEqual(result.err, f"flowsync: error: {sentence}\n")
        self.assertEqual((self.tmp / "log.txt").read_text(), "step get ran\nline 1\nline 2\n")
        whole = self.workflow("logs", "night", run, "--step", "get", "--out", "-").out
        self.assertEqual(whole, "step get ran\nline 1\nline 2\n")
        self.assertEqual(self.workflow("logs", "night", run, "--out", "-").out, self.workflow("logs", "night", run).out)
        self.assertFalse((self.tmp / "-").exists())

    def test_what_cannot_be_written(self):
        run = self.run_id()
        for args in ((), ("--step", "get")):
            result = self.workflow("logs", "night", run, *args, "--out", "none/x", code=1)
            self.assertRegex(result.err, r"\Aflowsync: error: write none/x: .*No such file or directory\n\Z")

    def test_answers_of_another_shape(self):
        for said in (7, {"logs": 7}):
            fake = self.fake(lambda request, said=said: (200, said))
            self.assertEqual(self.refused(1, "logs", "1", "x", "--step", "s", endpoint=fake.endpoint),
                             'get logs of execution x of workflow 1, step "s": expected a list under "logs", found an '
                             "answer of another shape")

    def test_a_service_that_always_has_an_empty_page_more(self):
        fake = self.fake(lambda request: (200, {"logs": [], "nextToken": f"t{len(fake.requests)}", "stepRunStatus": "x"}))
        self.assertEqual(self.workflow("logs", "1", "x", "--step", "s", endpoint=fake.endpoint).out, "")


class PatchTest(PeerCase):
    def patched(self, *args, **options):
        self.assertEqual(self.workflow("patch", *args, **options).out, f'patched workflow {self.id} "night"\n')
        return self.kept().body["steps"]

    def test_each_argument_goes_to_the_steps_that_can_have_it(self):
        webhook = list(self.kept().webhooks)
        steps = self.patched("night", "--command", "make", "--repository", "https://example.com/q", "--branch", "b",
                             "--token-name", "cred", "--image-id", "9", "--image-version-id", "3",
                             "--instance-type-id", "24", "--storage", "30GB", "--step-timeout", "0",
                             "--clear-image-cache", "no")
        wanted = {"type": "standard", "command": "make", "imageId": 9, "imageVersionId": 3, "stepTimeout": 0,
                  "clearImageCache": False, "resources": {"instanceTypeId": 24, "storage": "30GB"},
                  "repository": {"url": "https://example.com/q", "branch": "b", "token": "cred"}}
        self.assertEqual(steps["get"], {**wanted, "parameters": {"env": {"N": "8"}}})
        self.assertEqual(steps["left"], {**wanted, "parents": ["get"]})
        self.assertEqual(steps["right"], BODY["steps"]["right"])
        body = self.kept().body
        for key in ("tags", "metadata", "retryOptions", "watchers"):
            self.assertEqual(body[key], BODY[key], key)
        self.assertEqual(body["triggers"], BODY["triggers"])
        self.assertEqual(self.kept().webhooks, webhook)

    def test_only_the_steps_that_are_named(self):
        steps = self.patched(self.id, "--step", "left", "--step", "end", "--image-id", "9")
        self.assertEqual([steps[name].get("imageId") for name in BODY["steps"]], [7, 9, None, 9])
        for args, sentence in (
                (("--step", "x", "--image-id", "9"), 'the workflow has no step "x"'),
                (("--step", "right", "--image-id", "9"), 'step "right" is of type http, which takes no "imageId"')):
            self.assertEqual(self.refused(1, "patch", "night", *args), f'patch workflow {self.id} "night": {sentence}')
        self.assertEqual(len(self.peer.writes()), 1)

    def test_a_name_and_a_file_and_who_wins(self):
        file = self.write({"p.yaml": """
            body:
              name: day
              triggers: []
              steps:
                left: {command: '{{ what }}', parameters: {env: {A: "1"}}}
                more: {imageId: 8, command: make more, parents: [end]}
        """}) / "p.yaml"
        said = self.workflow("patch", "night", file, "--set", "what=make it", "--name", "noon", "--step", "more",
                             "--image-id", "5", "-o", "json").json()
        self.assertEqual(said, {"id": self.id})
        body = self.kept().body
        self.assertEqual((body["name"], body["triggers"], list(body["steps"])),
                         ("noon", [], ["get", "left", "right", "end", "more"]))
        self.assertEqual(body["steps"]["left"], {"type": "standard", "imageId": 7, "command": "make it", "parents": ["get"],
                                                 "parameters": {"env": {"A": "1"}}})
        self.assertEqual(body["steps"]["more"], {"imageId": 5, "command": "make more", "parents": ["end"]})

    def test_the_answer_names_the_webhook_where_that_is_asked_for(self):
        said = self.workflow("patch", "night", "--image-id", "8", "-o", "json").json()
        self.assertEqual(said, {"id": self.id, "triggers": [{"webhook": "(masked #1)"}]})
        said = self.workflow("patch", "night", "--image-id", "8", "-o", "json", "--show-masked").json()
        self.assertEqual(said["triggers"], [{"webhook": self.kept().webhooks[0]}])

    def test_variables_patch_nothing(self):
        env = {"FLOWSYNC_BRANCH": "prod", "FLOWSYNC_NAME": "x*", "FLOWSYNC_COMMAND": "rm"}
        steps = self.patched("night", "--image-id", "8", env=env)
        self.assertEqual((steps["get"]["repository"]["branch"], steps["get"]["command"]),
                         ("main", BODY["steps"]["get"]["command"]))

    def test_what_is_wrong_is_said_before_anything_is_sent(self):
        self.write({"bad.yaml": "steps: {a: {imageld: 7}}\n", "two.yaml": "name: a\n---\nname: b\n"})
        for args, code, sentence in (
                ((), 64, "no change is given: a FILE, or an option such as --image-id"),
                (("--step", "get"), 64, "--step needs another option to apply to these steps, such as --image-id"),
                (("--image-id", "x"), 64, '--image-id: "x" is not a whole number from 0 to 999999999'),
                (("--clear-image-cache", "x"), 64, '--clear-image-cache: "x" is not one of yes, no')):
            self.assertEqual(self.refused(code, "patch", "night", *args), sentence)
        for file, sentence in (("bad.yaml", 'specs/bad.yaml:1:13: /steps/a: unknown field "imageld"; did you mean "imageId"?'),
                               ("two.yaml", "specs/two.yaml: expected one workflow, found 2")):
            self.assertEqual(self.workflow("patch", "night", f"specs/{file}", code=65).err, f"flowsync: error: {sentence}\n")
        self.assertEqual(self.peer.requests, [])

    def test_what_the_service_does_not_show_may_be_lost_and_that_is_said(self):
        self.peer.set_habits("hide-retry")
        said = self.workflow("patch", "night", "--image-id", "8").err
        self.assertEqual(said, "flowsync: warning: the service does not return /retryOptions: if the workflow has it, the "
                               "patch removes it unless a file declares it again\n")

    def test_the_local_service_is_patched_alike(self):
        self.service.create(BODY | {"tags": [{"name": "team"}]})
        before = self.service.describe("night")
        self.workflow("patch", "night", "--command", "make", endpoint=self.service.endpoint)
        after = self.service.describe("night")
        self.assertEqual({name: step.get("command") for name, step in after["steps"].items()},
                         {"get": "make", "left": "make", "right": None, "end": "make"})
        for key in ("triggers", "tags", "metadata", "retryOptions"):
            self.assertEqual([t.get("webhook") for t in after[key]] if key == "triggers" else after[key],
                             [t.get("webhook") for t in before[key]] if key == "triggers" else before[key], key)


class CreateOrUpdateTest(PeerCase):
    def test_by_its_exact_name(self):
        self.write({"a.yaml": "name: nigh\nsteps: {s: {imageId: 1, command: c}}\n",
                    "b.yaml": "name: night\ntriggers: [{webhook: true}]\nsteps: {s: {imageId: 1, command: c}}\n"})
        self.assertEqual(self.workflow("create-or-update", "specs/a.yaml").out, f'created workflow {self.id + 1} "nigh"\n')
        webhook = list(self.kept().webhooks)
        said = self.workflow("create-or-update", "specs/b.yaml", "-o", "json").json()
        self.assertEqual(said, {"id": self.id, "triggers": [{"webhook": "(masked #1)"}]})
        self.assertEqual(list(self.kept().body["steps"]), ["s"])
        self.assertEqual((self.kept().webhooks, self.kept().body["tags"]), (webhook, [{"name": "flowsync-default"}]))
        self.assertEqual(self.workflow("create-or-update", "specs/b.yaml").out, f'updated workflow {self.id} "night"\n')
        self.assertEqual(len(self.peer.workflows), 2)

    def test_two_of_the_name_are_a_conflict(self):
        self.peer.add(copy.deepcopy(BODY))
        self.write({"b.yaml": "name: night\nsteps: {s: {imageId: 1, command: c}}\n"})
        said = self.refused(5, "create-or-update", "specs/b.yaml")
        self.assertEqual(said, f'the service has 2 workflows called "night" (ids {self.id}, {self.id + 1}): it is unclear '
                               "which one is meant")
        self.assertEqual(self.peer.writes(), [])


class TableTest(PeerCase):
    def test_the_table_of_operations_has_a_row_for_each_command_with_all_its_options(self):
        text = (flowsync.ROOT / "agent/docs/sdk-operations.md").read_text()
        rows = re.findall(r"^\| `?\S.*$", text, re.M)
        told = {}
        for row in rows:
            for words in re.findall(r"`workflow ([^`]*)`", row):
                command, _, rest = words.partition(" ")
                told.setdefault(command, set()).update(re.findall(r"--[a-z-]+", rest))
        commands = re.findall(r"^  ([a-z-]+) .*$", self.expect(0, "workflow", "--help").out.split("commands:")[1], re.M)
        self.assertEqual(sorted(told), sorted(commands))
        general = {"--set", "--vars", "--passthrough", "--sync", "--output", "--show-masked"}
        for command in commands:
            own = self.workflow(command, "--help").out.split("global options:")[0]
            options = set(re.findall(r"^ .*?(--[a-z-]+)", own, re.M)) - general
            self.assertEqual(told[command], options, command)
        sdk = {"list", "create", "describe", "update", "create_or_update", "patch", "delete", "pause", "resume", "execute"}
        for operation in [f"{name}_workflow" for name in sdk - {"list"}] + [
                "list_workflows", "list_executions", "get_execution_details", "get_execution_logs", "list_resources",
                "get_default_resource"]:
            self.assertTrue(any(f"`{operation}`" in row.split("|")[1] for row in rows), operation)

    def test_workflows_are_found_by_how_their_last_run_ended_and_by_whom_they_were_changed(self):
        self.peer.set_habits("fail-step=get")
        self.run_id()
        for args, found in ((("--last-execution-status", "Failed"), ["night"]),
                            (("--last-execution-status", "Success", "--last-execution-status", "failed"), ["night"]),
                            (("--last-execution-status", "Success"), []), (("--last-modified-by", "a+b@c"), ["night"])):
            listed = self.workflow("list", *args, "-o", "json").json()["workflows"]
            self.assertEqual([w["name"] for w in listed], found, args)
        self.assertIn("&lastModifiedBy=a%2Bb%40c&", self.peer.requests[-1].path)
        self.assertRegex(self.workflow("list").out, rf"\n{self.id} +night +Available .* Failed  +{STAMP} ")


if __name__ == "__main__":
    unittest.main()
