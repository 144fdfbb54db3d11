"""What steps of each type find and do on a real service: secrets, images, repositories, http, sql and export."""
import base64
import json
import unittest
import urllib.parse

import git_servers
from run_case import RunCase, command_lines, step


class SecretTest(RunCase):
    def setUp(self):
        super().setUp()
        self.value = self.secret("password")
        self.serve_args = ["--secrets-dir", self.make_secrets(db_password=self.value)]

    def test_a_secret_reaches_the_step_and_nobody_else(self):
        self.create("w", one=step('echo "it is $DB_PASSWORD."; printf %s "$DB_PASSWORD_CUSTOM" | base64 > ~/found; env',
                                  secrets=["db-password"]),
                    two=step('echo "[$DB_PASSWORD]"', "one"))
        details = self.run_to("Success", "w")
        self.assertEqual(base64.b64decode((self.home / "found").read_text()).decode(), self.value)
        logs = self.logs("w", details)
        self.assertEqual(logs["two"], ["[]"])
        self.assertRegex(logs["one"][0], r"\Ait is \S*\.\Z")
        self.assertNotIn(self.value, str(logs) + str(details))
        self.workflow("logs", "w", details["executionId"])      # looks for secrets itself
        self.service.stop()
        self.assertNoSecretIn(*(f for f in self.service.folder.glob("service.db*") if f.is_file() and "wake" not in f.name))

    def test_a_parameter_whose_name_tells_is_masked_too(self):
        value = self.secret("parameter")
        self.create("w", one=step('echo "<$API_KEY>"'))
        details = self.run_to("Success", "w", params={"global": {"API_KEY": value}})
        self.assertNotIn(value, str(self.logs("w", details)))

    def test_one_that_is_missing_fails_the_step_and_says_so(self):
        self.create("w", retry={"numberOfRetries": 5, "duration": 60},
                    one=step("true", secrets=["db-password", "other"]), two=step("true", secrets=["../token"]))
        details = self.run_to("Failed", "w")
        self.assertEqual(self.messages(details)["one"], f'secret "other" was not found: expected a file of that name in '
                                                        f"{self.tmp}/secrets")
        self.assertIn("the name of a secret is not a file name", self.messages(details)["two"])
        self.assertEqual([s["attempts"] for s in details["steps"]], [1, 1])

    def test_a_credential_of_systemd_is_a_secret_as_well(self):
        self.serve_args = []
        folder, given = self.make_secrets(), self.environment
        self.environment = lambda **more: given(CREDENTIALS_DIRECTORY=folder, **more)
        self.create("w", one=step('test -n "$DB_PASSWORD"', secrets=["db-password"]))
        self.run_to("Success", "w")


class ConfiguredTest(RunCase):
    """What a configuration says of images, and of sql and export steps."""

    SQL = {"type": "sql", "sqlQueryPath": "q/a.sql", "parameters": {"env": {"REGION": "emea"}}}
    EXPORT = {"type": "export", "schema": "s", "table": "t", "sortBy": "c", "sortOrder": "desc", "compression": True}

    def configure(self, **more):
        (self.tmp / "serve.yaml").write_text(json.dumps(more))
        self.serve_args = ["--config", self.tmp / "serve.yaml"]

    def test_an_image_goes_before_the_command(self):
        script = self.tmp / "container"
        script.write_text('#!/bin/sh\necho "container $1"; shift; "$@"; echo "left with $?"\n')
        script.chmod(0o755)
        self.configure(images={"7": f"'{script}' seven", "7:2": f"'{script}' 'seven two'", "*": f"{script} any"})
        command = "echo it\\'s \"$A\"; exit 3"
        self.create("w", seven=step(command, imageId=7, env={"A": "a  b"}), two=step(command, imageId=7, imageVersionId=2),
                    one=step(command))
        details = self.run_to("Success", "w")
        self.assertEqual(self.logs("w", details), {
            "seven": ["container seven", "it's a  b", "left with 3"], "two": ["container seven two", "it's ", "left with 3"],
            "one": ["container any", "it's ", "left with 3"]})

    def test_sql_and_export_by_the_operators_commands(self):
        self.configure(serve={"sql": 'echo "query $SQL_QUERY_PATH of $REGION for $BATCH"',
                              "export": 'set | grep ^EXPORT_ | sort; exit 4'})
        self.create("w", sql=self.SQL, export={**self.EXPORT, "parents": ["sql"]})
        details = self.run_to("Failed", "w", params={"global": {"BATCH": "9"}})
        self.assertEqual(self.logs("w", details), {"sql": ["query q/a.sql of emea for 9"], "export": [
            "EXPORT_COMPRESSION='true'", "EXPORT_SCHEMA='s'", "EXPORT_SORT_BY='c'", "EXPORT_SORT_ORDER='desc'",
            "EXPORT_TABLE='t'"]})
        self.assertEqual(self.steps(details)["export"]["output"]["exitCode"], "4")

    def test_without_a_command_they_fail_and_say_so(self):
        self.create("w", sql=self.SQL, export=self.EXPORT)
        self.assertEqual(self.messages(self.run_to("Failed", "w")), {
            "sql": "this service cannot run sql steps: set serve.sql to the command for them",
            "export": "this service cannot run export steps: set serve.export to the command for them"})

    def test_a_query_from_a_repository(self):
        self.configure(serve={"sql": 'cat "$SQL_QUERY_PATH"'})
        repository = git_servers.Repository(self.tmp / "sql.git")
        repository.commit({"month/close.sql": "SELECT 1;\n"}, branch="release")
        self.create("w", one={"type": "sql", "repository": {
            "url": f"file://{repository.path}", "branch": "release", "filePath": "month/close.sql"}})
        details = self.run_to("Success", "w")
        self.assertEqual(self.log("w", details["executionId"], "one")[-1], "SELECT 1;")
        self.assertEqual(self.steps(details)["one"]["source"]["filePath"], "month/close.sql")

    def test_without_limits_nothing_is_said_of_them(self):
        self.configure(serve={"cgroup": "none"})
        self.create("w", one=step("true"))
        self.run_to("Success", "w")
        self.assertNotIn("limits", self.service.output())

    def test_where_limits_cannot_be_that_is_said_once(self):
        self.configure(serve={"cgroup": str(self.tmp / "no-cgroup")})
        self.create("w", one=step("true"))
        self.run_to("Success", "w")
        self.run_to("Success", "w")
        self.assertEqual(self.service.output().count("steps run without CPU and memory limits"), 1)


class RepositoryTest(RunCase):
    def setUp(self):
        super().setUp()
        self.repository = git_servers.Repository(self.tmp / "site/jobs.git")
        self.repository.commit({"job.sh": "echo one\n", "sub/data": "12\n"})
        server = git_servers.Daemon(self.tmp, self.tmp / "site")
        self.addCleanup(server.stop)
        self.url = server.url("jobs.git")

    def checkout(self, command, branch="main"):
        return step(command, repository={"url": self.url, "branch": branch})

    def test_the_newest_commit_is_there_at_each_run(self):
        self.create("w", one=self.checkout("sh job.sh; cat sub/data; ls -A; echo more >> job.sh"))
        for text in "one", "two":
            commit = self.repository.commit({"job.sh": f"echo {text}\n"})
            details = self.run_to("Success", "w")
            self.assertEqual(self.log("w", details["executionId"], "one"),
                             [f"checked out main of {self.url} at {commit[:10]}", text, "12", "job.sh", "sub"])
        self.assertEqual(self.steps(details)["one"]["source"], {"type": "GIT", "url": self.url, "filePath": ""})

    def test_what_is_not_there_fails_the_step_before_its_command(self):
        self.create("w", retry={"numberOfRetries": 5, "duration": 60}, one=self.checkout("touch ~/ran", "none"))
        details = self.run_to("Failed", "w")
        self.assertRegex(self.messages(details)["one"], "none")
        self.assertEqual(self.steps(details)["one"]["attempts"], 1)
        self.assertFalse((self.home / "ran").exists())


class HttpTest(RunCase):
    def setUp(self):
        super().setUp()
        self.keys = {name: self.secret(name) for name in ("password", "token", "id", "client")}
        self.serve_args = ["--secrets-dir", self.make_secrets(**self.keys)]
        self.answers = {}
        self.server = self.fake(self.answer)

    def answer(self, request):
        if request.path == "/login":
            return 200, {"access_token": self.keys["token"], "token_type": "Bearer"}
        return self.answers.get(request.path, (200, {"said": request.body}))

    def http(self, path, auth, method="get", **more):
        return {"type": "http", "method": method, "url": self.server.endpoint + path, "auth": auth} | more

    def test_who_asks_says_who_he_is(self):
        self.create("w", basic=self.http("/basic", {"type": "basic", "username": "me", "password": "password"}),
                    bearer=self.http("/bearer", {"type": "bearer-token", "bearerToken": "token"}),
                    key=self.http("/key", {"type": "api-key", "apiKey": "token"}),
                    oauth=self.http("/oauth", {"type": "oauth", "clientId": "id", "clientSecret": "client",
                                               "authUrl": self.server.endpoint + "/login"}),
                    none=self.http("/none", {"type": "no-auth"}))
        details = self.run_to("Success", "w")
        came = {r.path: r for r in self.server.requests}
        pair = base64.b64encode(f"me:{self.keys['password']}".encode()).decode()
        self.assertEqual({path: r.headers["Authorization"] for path, r in came.items() if path not in ("/login", "/key")}, {
            "/basic": f"Basic {pair}", "/bearer": f"Bearer {self.keys['token']}", "/oauth": f"Bearer {self.keys['token']}",
            "/none": None})
        self.assertEqual(came["/key"].headers["x-api-key"], self.keys["token"])
        form = urllib.parse.parse_qs(came["/login"].body)
        self.assertEqual(form, {"grant_type": ["client_credentials"], "client_id": [self.keys["id"]],
                                "client_secret": [self.keys["client"]]})
        for value in self.keys.values():
            self.assertNotIn(value, str(self.logs("w", details)) + str(details))

    def test_what_was_answered_goes_on_to_the_next_step(self):
        self.create("w", ask=self.http("/a", {"type": "no-auth"}, "post", payload='{"n": "{{n}}"}',
                                       headers={"absolute": {"X-Team": "data", "Content-Type": "application/json"}},
                                       parameters={"env": {"n": "7"}}, outputParameters={"REPLY": "response.txt"}),
                    tell=step('echo "$REPLY"', "ask", inherit={"REPLY": "REPLY"}))
        details = self.run_to("Success", "w")
        self.assertEqual(self.log("w", details["executionId"], "tell"), [json.dumps({"said": '{"n": "7"}'})])
        [request] = self.server.requests
        self.assertEqual((request.method, request.body, request.headers["X-Team"]), ("POST", '{"n": "7"}', "data"))

    def test_an_answer_that_is_no_success_is_tried_again_by_its_status(self):
        self.answers = {"/503": (503, "later"), "/404": (404, "nothing"), "/302": (302, "", {"Location": "/basic"})}
        retry = {"runConfiguration": {"retryOptions": {"numberOfRetries": 2, "duration": 0, "exitCodes": [503]}}}
        self.create("w", **{f"s{code}": self.http(f"/{code}", {"type": "no-auth"}, **retry) for code in (503, 404, 302)})
        details = self.run_to("Failed", "w")
        self.assertEqual({n: (s["attempts"], s["output"]["exitCode"]) for n, s in self.steps(details).items()},
                         {"s503": (3, "503"), "s404": (1, "404"), "s302": (1, "302")})
        self.assertEqual(sorted(self.server.told()), ["GET /302", "GET /404", "GET /503", "GET /503", "GET /503"])

    def test_a_request_that_hangs_shows_no_secret_and_is_stopped(self):
        silent = git_servers.Silent()
        self.addCleanup(silent.stop)
        self.create("w", one=self.http("/", {"type": "bearer-token", "bearerToken": "token"},
                                       url=f"http://{silent.host}:{silent.port}/"))
        run = self.begin("w")
        silent.wait(silent.came)
        lines = [line for line in command_lines() if "step-http" in line]
        self.assertTrue(lines)
        self.assertNotIn(self.keys["token"], "".join(lines))
        self.workflow("stop", "w", run)
        self.wait_over("w", run, "Stopped")


if __name__ == "__main__":
    unittest.main()
