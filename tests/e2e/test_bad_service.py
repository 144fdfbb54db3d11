"""A service that is away, slow, wrong or hostile: the exit code, the one sentence, and nothing half done."""
import itertools
import signal
import ssl
import time
import unittest

import flowsync
from test_serve import CERTIFICATE, KEY
from test_sync import SyncCase, body, spec

PAGE = {"workflows": [], "pageCount": 1, "pageNumber": 1, "pageSize": 100, "workflowsCount": 0}
FIRST = "list workflows, page 1: "


def item(number, name):
    return {"id": number, "name": name, "status": "Available", "triggers": [], "tags": []}


def page_number(request):
    return int(request.path.split("pageNumber=")[1])


class BadAnswerCase(SyncCase):
    def setUp(self):
        super().setUp()
        self.specs = self.write({"a.yaml": spec("a")})

    def only_error(self, code, *args, **options):
        """The one sentence that is logged as an error; the report says the same."""
        result = self.expect(code, *args, "-o", "json", **options)
        errors = [line for line in result.err.splitlines() if line.startswith("flowsync: error: ")]
        self.assertEqual(len(errors), 1, result)
        sentence = errors[0].removeprefix("flowsync: error: ")
        self.assertEqual([e["message"] for e in result.json()["errors"]], [sentence])
        self.assertEqual(result.json()["exit_code"], code)
        self.sent = result.json()["requests"]["total"]
        return sentence


class NoServiceTest(BadAnswerCase):
    def test_no_service_is_chosen(self):
        self.assertEqual(self.only_error(64, "plan", self.specs, endpoint=None),
                         "no service is chosen: give --endpoint URL, --endpoint local for the built-in local "
                         "service, or --stage NAME (such as prod) for the hosted one")

    def test_a_stage_of_the_command_line_beats_an_endpoint_of_the_environment(self):
        self.assertEqual(self.only_error(64, "plan", "--stage", "A", self.specs, endpoint="local"),
                         'the stage is "A": expected lower-case letters, digits and hyphens, such as prod')
        self.assertEqual(self.only_error(64, "plan", "--stage", "prod", "--endpoint", "local", self.specs),
                         "--endpoint and --stage name two services: give one of them")

    def test_the_token_file_of_the_local_service_is_named(self):
        env = {"FLOWSYNC_TOKEN_FILE": None}
        none = "no token: give --token-file FILE or set FLOWSYNC_TOKEN"
        arguments = ("plan", "--state-dir", f"{self.tmp}/state-of-serve", self.specs)
        self.assertEqual(self.only_error(64, *arguments, endpoint="http://127.0.0.1:1", env=env), none)
        token = self.tmp / "state-of-serve" / "service-token"
        token.parent.mkdir()
        token.write_text(self.secret())
        self.assertEqual(self.only_error(64, *arguments, endpoint="http://127.0.0.1:1", env=env),
                         f"{none}; the token of flowsync serve on this machine is in {token}")
        self.assertEqual(self.only_error(64, *arguments, endpoint="https://example.invalid", env=env), none)

    def test_no_token_is_given(self):
        env = {"FLOWSYNC_TOKEN_FILE": None}
        self.assertEqual(self.only_error(64, "plan", self.specs, endpoint="https://example.invalid", env=env),
                         "no token: give --token-file FILE or set FLOWSYNC_TOKEN")
        self.assertEqual(self.only_error(64, "plan", "--stage", "prod", self.specs, endpoint=None),
                         "no token: give --token-file FILE, or set FLOWSYNC_TOKEN, PEAK_AUTH_TOKEN or API_KEY")
        self.assertEqual(self.only_error(64, "plan", "--token-file", "none", self.specs,
                                         endpoint="https://example.invalid"),
                         'token file "none": cannot be read: No such file or directory')

    def test_a_token_file_that_others_can_read_is_warned_of(self):
        fake = self.fake(lambda request: (200, PAGE))
        shared = self.tmp / "shared"
        shared.write_text(self.secret())
        env = {"FLOWSYNC_TOKEN_FILE": None}
        for mode, warned in (0o644, True), (0o640, True), (0o600, False):
            shared.chmod(mode)
            result = self.expect(0, "plan", "--token-file", shared, self.specs, endpoint=fake.endpoint, env=env)
            self.assertEqual(result.err.count(f'warning: token file "{shared}" can be read by others: chmod 600 it\n'),
                             warned, result.err)

    def test_a_token_for_hosts_of_peak_is_sent_to_no_other(self):
        fake = self.fake(lambda request: (200, PAGE))
        for name in ("PEAK_AUTH_TOKEN", "API_KEY"):
            env = {"FLOWSYNC_TOKEN_FILE": None, name: self.secret("peak")}
            self.assertEqual(self.only_error(64, "plan", self.specs, endpoint=fake.endpoint, env=env),
                             f"no token: give --token-file FILE or set FLOWSYNC_TOKEN; {name} is set, "
                             "but is sent to hosts under peak.ai only")
        self.assertEqual(fake.requests, [])
        env = {"FLOWSYNC_TOKEN_FILE": None, "FLOWSYNC_TOKEN": self.secret(), "API_KEY": self.secret("peak")}
        self.expect(0, "plan", self.specs, endpoint=fake.endpoint, env=env)
        self.assertEqual([r.headers["Authorization"] for r in fake.requests], [env["FLOWSYNC_TOKEN"]])

    def test_plain_http_goes_to_this_machine_only(self):
        for host in ("example.invalid", "192.0.2.1", "localhost.example.invalid"):
            self.assertEqual(self.only_error(64, "plan", self.specs, endpoint=f"http://{host}"),
                             "the endpoint is plain http: a token is sent over http to this machine only; use "
                             "https")

    def test_what_is_no_endpoint(self):
        expected = 'a URL such as https://host/workflows/api/v1, "local" or unix:PATH'
        for endpoint, sentence in (("service.example", f'the endpoint "service.example" has no https:// before it: '
                                                       f"expected {expected}"),
                                   ("localhost:8484", f'the endpoint "localhost:8484" has no http:// before it: '
                                                      f"expected {expected}"),
                                   ("loacl", f'the endpoint "loacl" is not {expected}; did you mean "local"?'),
                                   ("Local", f'the endpoint "Local" is not {expected}; did you mean "local"?'),
                                   ("ftp://example.invalid", "the endpoint's scheme is ftp: it has to be https or "
                                                             "http")):
            self.assertEqual(self.only_error(64, "plan", self.specs, endpoint=endpoint), sentence)

    def test_a_host_that_nobody_knows_is_looked_up_again_as_the_name_server_may_have_failed(self):
        host = "x" * 70     # longer than a label may be: no name server has to be asked
        result = self.expect(1, "plan", "--timeout", "2s", self.specs, endpoint=f"https://{host}")
        # What is left of the two seconds when the first look-up has failed.
        self.assertRegex(result.err, f"^flowsync: could not resolve host {host}; trying for [0-9.]+ s\n"
                                     f"flowsync: error: {FIRST}could not resolve host {host}\n$")

    def test_a_socket_that_is_not_there(self):
        sentence = self.only_error(1, "plan", "--timeout", "2s", self.specs,
                                   endpoint=f"unix:{self.tmp}/socket")
        self.assertEqual(sentence, FIRST + f"could not connect to {self.tmp}/socket: No such file or directory; "
                         "is `flowsync serve` running?")

    def test_a_service_that_is_down_is_waited_for_and_that_is_told_at_once(self):
        address = self.service.address
        self.service.stop()
        process = self.start("plan", "-o", "json", self.specs)
        self.assertEqual(process.stderr.readline(),
                         f"flowsync: connection refused by {address}; is `flowsync serve` running? trying for 10 s\n")
        self.service.start()
        result = self.finish(process)
        self.assertEqual((result.code, result.err, result.json()["outcome"]), (0, "", "changes-pending"))

    def test_a_service_that_stays_down_is_given_up_when_the_time_is_over(self):
        address = self.service.address
        self.service.stop()
        self.assertIn(self.only_error(1, "sync", "--timeout", "1s", self.specs),
                      (FIRST + f"connection refused by {address}; is `flowsync serve` running?",
                       # It was just trying again.
                       FIRST + f"no connection to {address} before the time was over"))


class BadListTest(BadAnswerCase):
    """What is wrong with a list keeps anything from being planned: unknown is not empty."""

    def test_answers_that_are_no_list_of_workflows(self):
        shape = "found an answer of another shape"
        unreadable = "the answer cannot be read: "
        html = "expected JSON, found a web page (HTML); is the endpoint right?"
        cases = {
            "wrong token": ((401, {"detail": "who?"}),
                            "the service answered 401 (the token is not accepted): who?"),
            "forbidden": ((403, {"message": "not you"}), "the service answered 403 (forbidden): not you"),
            "not found": ((404, "<html>no</html>", {"Content-Type": "text/html"}),
                          "the service answered 404 (not found); the address was "
                          "http://ADDRESS/workflows/api/v1/workflows/: is the path of --endpoint right?"),
            "detail on lines": ((400, "a\nb\x1b[31mc", {"Content-Type": "text/plain"}),
                                "the service answered 400 (bad request): a b [31mc"),
            "teapot": ((418, {"title": "tea"}), "the service answered 418 (unexpected): tea"),
            "html": ((200, "<!DOCTYPE html><html>", {"Content-Type": "text/html"}), html),
            "html that says nothing of it": ((200, "\n <html>"), html),
            "nothing": ((200, ""), "expected JSON, found an empty answer"),
            "no content": ((204, ""), "expected JSON, found an empty answer"),
            "truncated": ((200, '{"workflows": ['), unreadable + "not JSON: it ends too early"),
            "not utf-8": ((200, b'{"pageCount": 1, "workflows": [{"id": 1, "name": "\xff"}]}'),
                          f'expected workflows with an "id" and a "name", {shape}'),
            "an id past 64 bits": ((200, {**PAGE, "workflows": [{"id": 1 << 64, "name": "a"}]}),
                                   f'expected workflows with an "id" and a "name", {shape}'),
            "too deep": ((200, "[" * 100000), unreadable + "not JSON: it ends too early"),
            "too deep, to its end": ((200, "[" * 100000 + "]" * 100000), f'expected a list under "workflows", {shape}'),
            "too large": ((200, b" " * (33 << 20)), "the answer is larger than 32 MiB"),
            "a list": ((200, []), f'expected a list under "workflows", {shape}'),
            "null": ((200, "null"), f'expected a list under "workflows", {shape}'),
            "no pages": ((200, {"workflows": []}), f'expected a number under "pageCount", {shape}'),
            "ids as text": ((200, {**PAGE, "workflows": [{"id": "1", "name": "a"}]}),
                            f'expected workflows with an "id" and a "name", {shape}'),
            "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer of ADDRESS is not HTTP"),
        }
        for what, (answer, sentence) in cases.items():
            with self.subTest(what):
                fake = self.fake(lambda request: answer)
                self.assertEqual(self.only_error(1, "sync", self.specs, endpoint=fake.endpoint),
                                 FIRST + sentence.replace("ADDRESS", fake.endpoint[7:]))
                self.assertEqual(len(fake.requests), 1)

    def test_answers_that_may_be_better_the_next_time(self):
        cases = {
            "dropped": (b"", "the connection to ADDRESS broke before a whole answer came"),
            "short": (b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"workflows": [',
                      "the answer of ADDRESS was cut short"),
            "busy": ((429, {"detail": "slowly"}), "the service answered 429 (too many requests): slowly"),
            "broken": ((500, {"detail": "oh"}), "the service answered 500 (internal error): oh"),
            "gateway": ((502, "<html>bad</html>", {"Content-Type": "text/html"}),
                        "the service answered 502 (bad gateway)"),
            "away": ((503, ""), "the service answered 503 (unavailable)"),
            "late": ((504, ""), "the service answered 504 (gateway timeout)"),
        }
        for what, (answer, sentence) in cases.items():
            with self.subTest(what):
                answers = [answer]
                fake = self.fake(lambda request: answers.pop() if answers else (200, PAGE))
                report = self.expect(0, "plan", "-o", "json", self.specs, endpoint=fake.endpoint).json()
                self.assertGreaterEqual(report["requests"].pop("waited_s"), 0)
                self.assertEqual(report["requests"].pop("concurrency"), 8)
                self.assertEqual(report["requests"], {"total": 2, "by_operation": {"list_workflows": 2},
                                                      "retries": 1})
                always = self.fake(lambda request: answer)
                process = self.start("sync", "-o", "json", self.specs, endpoint=always.endpoint)
                self.assertIn("; trying again in ", process.stderr.readline())
                self.interrupt(process, signal.SIGTERM)
                errors = self.finish(process).json()["errors"]
                self.assertEqual([e["message"] for e in errors],
                                 [FIRST + sentence.replace("ADDRESS", always.endpoint[7:])])

    def test_retry_after_is_waited_out(self):
        answers = [(503, {"detail": "later"}, {"Retry-After": "1"})]
        fake = self.fake(lambda request: answers.pop() if answers else (200, PAGE))
        begun = time.monotonic()
        result = self.expect(0, "plan", self.specs, endpoint=fake.endpoint)
        self.assertGreaterEqual(time.monotonic() - begun, 1)
        self.assertEqual(result.err, f"flowsync: {FIRST}the service answered 503; trying again in 1.0 s\n")

    def test_no_wait_is_begun_that_would_outlast_the_time(self):
        fake = self.fake(lambda request: (503, {"detail": "later"}, {"Retry-After": "3600"}))
        self.assertEqual(self.only_error(1, "plan", self.specs, endpoint=fake.endpoint),
                         FIRST + "the service answered 503 (unavailable): later")
        self.assertEqual(len(fake.requests), 1)

    def test_a_redirect_is_not_followed(self):
        thief = self.fake(lambda request: (200, PAGE))
        for status in (301, 302, 307, 308):
            fake = self.fake(lambda request: (status, "", {"Location": thief.endpoint + request.path}))
            self.assertEqual(self.only_error(1, "plan", self.specs, endpoint=fake.endpoint),
                             FIRST + f"the service answered {status} (a redirect, which is not followed)")
        self.assertEqual(thief.requests, [])

    def test_a_page_that_is_missing(self):
        def answer(request):
            if page_number(request) == 2:
                return 404, {"detail": "no such page"}
            return 200, {**PAGE, "pageCount": 2, "workflowsCount": 2, "workflows": [item(1, "x")]}
        self.assertEqual(self.only_error(1, "sync", self.specs, endpoint=self.fake(answer).endpoint),
                         "list workflows, page 2: the service answered 404 (not found): no such page")

    def test_a_list_that_does_not_hold_what_it_says(self):
        fake = self.fake(lambda request: (200, {**PAGE, "workflowsCount": 7}))
        self.assertEqual(self.only_error(1, "sync", self.specs, endpoint=fake.endpoint),
                         "list workflows: the service counts 7 of them and listed 0, in 3 readings")
        fake = self.fake(lambda request: (200, {**PAGE, "pageCount": 2, "workflowsCount": 2,
                                                "workflows": [item(4, "x")]}))
        self.assertEqual(self.only_error(1, "sync", self.specs, endpoint=fake.endpoint),
                         "list workflows: workflow 4 came twice in 3 readings")
        self.assertEqual(len(fake.requests), 6)

    def test_pages_that_shift_once_are_read_again(self):
        count = itertools.count()

        def answer(request):
            lies = next(count) == 0
            return 200, {**PAGE, "workflowsCount": 2 if lies else 0}
        fake = self.fake(answer)
        self.expect(0, "plan", self.specs, endpoint=fake.endpoint)
        self.assertEqual(len(fake.requests), 2)

    def test_pages_without_end_are_not_read_for_ever(self):
        def answer(request):
            number = page_number(request)
            return 200, {**PAGE, "pageCount": number + 1, "workflows": [item(number, f"w{number}")]}
        sentence = self.only_error(1, "plan", "--timeout", "2s", self.specs, endpoint=self.fake(answer).endpoint)
        self.assertRegex(sentence, r"\Alist workflows")


class BadWriteTest(BadAnswerCase):
    def step(self, code, hook, *args, name="a"):
        """The step of one workflow in the report of a sync through hook."""
        fake = self.between(hook)
        report = self.sync(*args, self.specs, code=code, endpoint=fake.endpoint)
        self.told = fake.told
        return next(w for w in report["workflows"] if w["name"] == name)

    def test_a_create_whose_answer_is_lost_is_looked_up_and_not_sent_again(self):
        lost = {
            "dropped": b"", "short": b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{",
            "gateway": (502, "<html>"), "broken": (500, {"detail": "oh"}), "late": (504, ""),
            "of another shape": (201, {"ok": True}), "unreadable": (201, "created"),
            "too large": (201, b" " * (33 << 20)),
        }
        for number, (what, said) in enumerate(lost.items()):
            with self.subTest(what):
                def hook(request, pass_on):
                    if request.method == "POST":
                        pass_on(request)
                        return said
                self.write({"a.yaml": spec(f"a{number}")})
                step = self.step(0, hook, name=f"a{number}")
                self.assertEqual((step["result"], step["attempts"]), ("applied", 1))
                self.assertEqual(self.told("POST"), ["POST /workflows/"])
                self.assertEqual(self.service.id_of(f"a{number}"), step["id"])

    def test_a_create_that_did_not_arrive_is_not_sent_again_before_the_next_sync(self):
        count = itertools.count()

        def hook(request, pass_on):
            if request.method == "POST" and next(count) == 0:
                return 502, ""
        step = self.step(1, hook, "--timeout", "1s")
        self.assertEqual((step["result"], step["attempts"]), ("failed", 1))
        self.assertRegex(step["error"], r'\Acreate workflow "a": the service answered 502 \(bad gateway\); .*'
                                        r'it may have been created; the next cycle looks again\Z')
        self.assertEqual(len(self.told("POST")), 1)
        self.assertEqual(len(self.service.workflows()), 0)

    def test_writes_of_unknown_result_are_known_to_the_next_sync(self):
        lost = {"POST": (502, "")}

        def hook(request, pass_on):
            if request.method == "PUT" and "PUT" in lost:
                pass_on(request)
            return lost.get(request.method)
        fake = self.between(hook)

        def step(code):
            report = self.sync("--timeout", "1s", "--verbose", self.specs, code=code, endpoint=fake.endpoint)
            return report["workflows"][0]
        self.assertEqual(step(1)["result"], "failed")
        self.assertEqual(step(4)["result"], "deferred")     # it is looked up for longer than a second
        self.assertEqual(len(fake.told("POST")), 1)
        self.service.create(body("a", "make all"))
        self.assertEqual(step(0)["result"], "unchanged")
        lost = {"PUT": (504, "")}
        self.write({"a.yaml": spec("a") + "\nretryOptions: {duration: 9}\n"})
        self.assertEqual(step(1)["result"], "failed")
        lost = {}
        self.write({"a.yaml": spec("a")})
        self.assertEqual([(c["op"], c["path"], c["reason"]) for c in step(0)["changes"]],
                         [("remove", "/retryOptions", "undeclared")])

    def test_a_create_that_is_refused_is_not_sent_again(self):
        for status, words in ((400, "bad request"), (422, "not a valid workflow"), (413, "too large"),
                              (409, "conflict"), (404, "not found")):
            step = self.step(1, lambda request, _: (status, {"detail": "no"}) if request.method == "POST" else None)
            self.assertEqual((step["result"], step["http_status"]), ("failed", status))
            self.assertEqual(step["error"], f'create workflow "a": the service answered {status} ({words}): no')
            self.assertEqual(len(self.told("POST")), 1)

    def test_a_name_that_somebody_else_takes_meanwhile_is_not_doubled(self):
        count = itertools.count()

        def hook(request, pass_on):
            if request.path.startswith(flowsync.BASE + "/workflows/?") and next(count) == 1:
                self.service.create(body("a", "make theirs"))
        step = self.step(0, hook)
        self.assertEqual(step["result"], "applied")
        self.assertEqual(self.told("POST"), [])
        self.assertEqual(self.service.describe("a")["steps"]["only"]["command"], "make all")

    def test_a_workflow_that_runs_is_deferred_when_the_time_is_over(self):
        self.service.create(body("a", "make none"))
        busy = lambda request, _: (409, {"detail": "it runs"}) if request.method == "PUT" else None
        step = self.step(4, busy, "--timeout", "3s")
        self.assertEqual((step["result"], step["http_status"]), ("deferred", 409))
        self.assertRegex(step["error"], r'\Aupdate workflow 1 "a": the service answered 409 \(conflict\): it runs\Z')

    def test_a_workflow_that_runs_for_a_moment_is_changed_after_it(self):
        self.service.create(body("a", "make none"))
        count = itertools.count()

        def hook(request, pass_on):
            if request.method == "PUT" and next(count) == 0:
                return 409, {"detail": "it runs"}
        self.assertEqual(self.step(0, hook)["result"], "applied")
        self.assertEqual(len(self.told("PUT")), 2)

    def test_a_workflow_that_changed_since_the_plan_is_planned_again(self):
        self.service.create(body("a", "make none"))
        count = itertools.count()

        def hook(request, pass_on):
            if request.path.endswith("/workflows/1") and next(count) == 1:
                self.service.update("a", body("a", "make all"))
        step = self.step(0, hook, "--verbose")
        self.assertEqual((step["action"], step["result"]), ("none", "unchanged"))
        self.assertEqual(self.told("PUT"), [])

    def test_a_workflow_that_vanished_since_it_was_listed_is_made_anew(self):
        self.service.create(body("a", "make none"))
        count = itertools.count()

        def hook(request, pass_on):
            if request.path.endswith("/workflows/1") and next(count) == 0:
                self.service.delete("a")
        step = self.step(0, hook)
        self.assertEqual((step["action"], step["result"]), ("create", "applied"))

    def test_one_that_is_forbidden_fails_and_the_others_are_applied(self):
        self.write({"a.yaml": spec("a"), "b.yaml": spec("b")})
        step = self.step(4, lambda request, _: (403, {"detail": "not yours"}) if '"a"' in request.body else None)
        self.assertEqual((step["result"], step["error"]),
                         ("failed", 'create workflow "a": the service answered 403 (forbidden): not yours'))
        self.assertEqual([w["name"] for w in self.service.workflows()], ["b"])

    def test_five_that_are_forbidden_in_a_row_stop_the_cycle(self):
        self.write({f"{i}.yaml": spec(f"w{i}") for i in range(9)})
        fake = self.between(lambda request, _: (403, {"detail": "no"}) if request.method == "POST" else None)
        self.assertEqual(self.only_error(1, "sync", "--concurrency", "1", self.specs, endpoint=fake.endpoint),
                         "the service forbade five workflows in a row: the cycle was stopped")
        self.assertEqual(len(fake.told("POST")), 5)

    def test_a_token_that_expires_in_the_middle_stops_the_cycle(self):
        self.write({f"{i}.yaml": spec(f"w{i}") for i in range(9)})
        count = itertools.count()
        fake = self.between(lambda request, _: (401, {"detail": "expired"})
                            if request.method == "POST" and next(count) >= 3 else None)
        result = self.expect(1, "sync", "--concurrency", "1", "-o", "json", self.specs, endpoint=fake.endpoint)
        self.assertEqual(result.err, "flowsync: error: the service no longer accepts the token: the cycle was stopped\n")
        found = [w["result"] for w in result.json()["workflows"]]
        self.assertEqual((found.count("applied"), found.count("failed"), found.count("deferred")), (3, 1, 6))
        self.assertEqual(len(fake.told("POST")), 4)
        self.assertEqual(len(self.service.workflows()), 3)

    def test_a_value_that_the_service_does_not_keep_is_told_and_not_fought_for(self):
        def hook(request, pass_on):
            if request.method == "GET" and request.path.endswith("/workflows/1"):
                status, text, headers = pass_on(request)
                return status, text.replace('"imageId":7', '"imageId":8'), headers
        step = self.step(4, hook)
        self.assertEqual((step["result"], step["error"]),
                         ("refused", "refused by the service: /steps/only/imageId"))
        self.assertEqual(step["refused"], [{"path": "/steps/only/imageId", "sent": 7, "kept": 8}])
        # "Written a second time at once" before it is judged, and never again.
        self.assertEqual((len(self.told("POST")), len(self.told("PUT"))), (1, 1))
        again = self.step(4, hook)
        self.assertEqual((again["action"], again["result"], again["error"]),
                         ("none", "refused", "refused by the service: /steps/only/imageId"))
        self.assertEqual((len(self.told("POST")), len(self.told("PUT"))), (0, 0))

    def test_a_describe_that_makes_no_sense_fails_that_workflow_only(self):
        self.service.create(body("a", "make none"))
        shape = "found an answer of another shape"
        cases = (
            ((200, {"id": 1, "name": "a"}), f'expected an object under "steps", {shape}'),
            ((200, []), f"expected an object, {shape}"),
            ((200, {"id": 2, "name": "a", "steps": {}}), None),
            # Such that no waiting is worth while.
            ((500, "", {"Retry-After": "3600"}), "the service answered 500 (internal error)"),
            ((200, "<html>"), "expected JSON, found a web page (HTML); is the endpoint right?"),
        )
        for number, (answer, sentence) in enumerate(cases):
            with self.subTest(answer):
                self.write({"a.yaml": spec("a") + "---\n" + spec(f"b{number}")})
                step = self.step(4, lambda request, _: answer if request.path.endswith("/workflows/1") else None)
                self.assertEqual(step["result"], "failed")
                if sentence:
                    self.assertEqual(step["error"], f'describe workflow 1 "a": {sentence}')
                self.assertIn(f"b{number}", {w["name"] for w in self.service.workflows()})
        self.assertEqual(self.service.describe("a")["steps"]["only"]["command"], "make none")


class TlsTest(BadAnswerCase):
    def setUp(self):
        super().setUp()
        self.certificate, self.key = self.tmp / "cert.pem", self.tmp / "key.pem"
        self.certificate.write_text(CERTIFICATE)
        self.key.write_text(KEY)
        self.server = self.tls("127.0.0.1")
        self.port = self.server.server.server_port

    def tls(self, host):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        fake = self.fake(lambda request: (200, PAGE), host=host)
        fake.server.socket = context.wrap_socket(fake.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        return fake

    def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(self):
        self.assertEqual(self.only_error(1, "plan", self.specs, endpoint=f"https://localhost:{self.port}"),
                         FIRST + f"the certificate of localhost:{self.port} is not trusted: give --ca-file if a "
                         "private authority signed it")
        self.assertEqual(self.sent, 1)
        self.assertEqual(self.server.requests, [])

    def test_with_its_authority_it_is_trusted(self):
        self.expect(0, "plan", "--ca-file", self.certificate, self.specs, endpoint=f"https://localhost:{self.port}")
        self.assertEqual(len(self.server.requests), 1)

    def test_a_certificate_for_another_name_is_refused(self):
        other = self.tls("127.0.0.2")
        address = other.endpoint.removeprefix("http://")
        self.assertEqual(self.only_error(1, "plan", "--ca-file", self.certificate, self.specs,
                                         endpoint=f"https://{address}"),
                         FIRST + f"the certificate of {address} is for another host name")
        self.assertEqual(other.requests, [])

    def test_a_file_of_authorities_that_is_not_there(self):
        sentence = self.only_error(64, "plan", "--ca-file", "nowhere.pem", self.specs,
                                   endpoint=f"https://localhost:{self.port}")
        self.assertEqual(sentence, "open nowhere.pem, the file of certificate authorities: No such file or directory")


if __name__ == "__main__":
    unittest.main()
