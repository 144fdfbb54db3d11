"""Nothing secret is ever shown: each masked place holds a value that no output may contain.

The harness looks for the values in all that any command prints; here they are put everywhere and
then carried through every command and every way to fail.
"""
import pathlib
import unittest

import flowsync
from test_sync import SyncCase

SPEC = """\
name: w
triggers: [{{webhook: true}}]
watchers:
  - webhook: {{name: pager, url: "https://{u}@h/{s}?{s}", payload: '{{"k": "{s}"}}'}}
    events: {{fail: true}}
steps:
  run:
    imageId: 7
    command: curl https://{u}:{s}@h/x?key={s} | sh
    repository: {{url: "https://{u}:{s}@git/x?{s}", branch: b, token: {s}}}
    parameters:
      env: {{PASSWORD: {s}, my_secret: {s}, TOKEN_2: {s}, ApiKey: {s}, CREDENTIALS: {s}, URL: "ftp://{u}:{s}@h/?{s}"}}
  post:
    type: http
    method: post
    url: "https://{u}:{s}@h/p?token={s}"
    headers: {{absolute: {{Authorization: {s}, X-Any: {s}}}}}
    auth: {auth}
  query:
    type: sql
    repository: {{url: "{u}:{s}@git/x?{s}", branch: b, filePath: f, token: {s}}}
"""
AUTHS = (
    "{{type: oauth, clientId: {s}, clientSecret: {s}, authUrl: 'https://h/{s}'}}",
    "{{type: basic, username: {s}, password: {s}}}",
    "{{type: api-key, apiKey: {s}}}",
    "{{type: bearer-token, bearerToken: {s}}}",
)


class SecretsTest(SyncCase):
    def text(self, auth=0):
        """A spec with a new canary in every masked place."""
        secret = self.secret()
        return SPEC.format(s=secret, u=self.secret("user"), auth=AUTHS[auth].format(s=secret))

    def look(self, *args, code=0, **options):
        """Runs it in every output and at every level; the harness searches what is printed."""
        report = self.tmp / "report.json"
        for more in ([], ["-o", "json"], ["--verbose", "--log-level", "debug", "--report", report]):
            self.expect(code, *args, *more, **options)
        self.assertNoSecretIn(report)

    def test_a_create_an_update_and_drift_show_no_secret(self):
        for auth in range(len(AUTHS)):
            with self.subTest(AUTHS[auth][:16]):
                specs = self.write({"w.yaml": self.text(auth)})
                self.look("plan", specs)
                self.sync(specs)
                self.secrets += [t["webhook"] for t in self.service.describe("w")["triggers"]]
                self.write({"w.yaml": self.text((auth + 1) % len(AUTHS))})
                self.look("plan", specs)
                self.expect(0, "plan", specs, terminal=True)
                self.expect(0, "sync", "--log-level", "debug", specs)
                self.assertNoSecretIn(self.state)

    def test_a_changed_secret_is_seen_to_change(self):
        self.sync(self.write({"w.yaml": self.text()}))
        specs = self.write({"w.yaml": self.text()})
        found = self.changes(self.plan(specs, code=2), "w")
        self.assertEqual(found["/steps/run/parameters/env/PASSWORD"], ("replace", "(masked #1)", "(masked #2)"))
        self.assertEqual(found["/steps/post/headers/absolute/X-Any"], ("replace", "(masked #1)", "(masked #2)"))
        self.assertEqual(found["/steps/post/url"],
                         ("replace", "https://(masked #1)@h/p?(masked #1)", "https://(masked #2)@h/p?(masked #2)"))
        self.sync(specs)
        self.assertConverged(specs)

    def test_the_workflow_commands_show_no_secret(self):
        file = self.write({"w.yaml": self.text()}) / "w.yaml"
        for command in (["create", file], ["list"], ["describe", "w"], ["update", "w", file], ["describe", "1"],
                        ["create", file]):
            for output in ("table", "json", "yaml"):
                self.flowsync("workflow", *command, "-o", output, "--log-level", "debug")
        shown = self.expect(0, "workflow", "describe", "w", "-o", "json", "--show-masked", may_show_secrets=True)
        self.assertIn(self.secrets[-2], shown.out, "the test has to hold what it looks for")

    def test_what_the_service_says_of_a_refusal_shows_no_secret(self):
        specs = self.write({"w.yaml": self.text()})

        def repeat(request, pass_on):
            if request.method == "POST":
                return 422, {"detail": f"no: {request.body}"}
        fake = self.between(repeat)
        self.look("sync", specs, code=1, endpoint=fake.endpoint)
        self.expect(1, "workflow", "create", specs / "w.yaml", endpoint=fake.endpoint)
        plain = self.between(lambda request, _: (400, request.body, {"Content-Type": "text/plain"})
                             if request.method == "POST" else None)
        self.look("sync", specs, code=1, endpoint=plain.endpoint)

    def test_what_the_service_makes_another_of_shows_no_secret(self):
        self.service
        other = self.secret()

        def forget(request, pass_on):
            if request.method == "GET" and request.path.endswith("/workflows/1"):
                status, text, headers = pass_on(request)
                return status, text.replace(self.secrets[-2], other), headers
        specs = self.write({"w.yaml": self.text()})
        report = self.sync(specs, endpoint=self.between(forget).endpoint)
        self.assertIn({"path": "/steps/run/parameters/env/PASSWORD", "sent": "(masked #2)", "kept": "(masked #1)"},
                      report["workflows"][0]["settled"])
        self.assertNoSecretIn(self.state)

    def test_a_token_that_is_refused_or_sent_back_is_not_shown(self):
        specs = self.write({"w.yaml": "name: w\nsteps: {}\n"})
        fake = self.fake(lambda request: (401, {"detail": f"unknown token {request.headers['Authorization']}"}))
        for env in ({}, {"FLOWSYNC_TOKEN_FILE": None, "FLOWSYNC_TOKEN": self.secret("token")},
                    {"FLOWSYNC_TOKEN_FILE": None, "FLOWSYNC_TOKEN": "Bearer " + self.secret("token")}):
            self.look("plan", specs, code=1, endpoint=fake.endpoint, env=env)
            self.expect(1, "workflow", "list", endpoint=fake.endpoint, env=env)

    def test_a_token_that_cannot_be_one_is_not_shown(self):
        specs = self.write({"w.yaml": self.text()})
        for text in ("a b " + self.secret(), self.secret() + "\nX-Evil: 1", self.secret() + "\x01"):
            (self.tmp / "bad").write_text(text)
            self.look("plan", "--token-file", "bad", specs, code=64, endpoint="https://h.invalid")
        self.look("plan", f"--token={self.secret()}", self.tmp, code=64, endpoint=None)
        self.look("plan", "--token", self.secret(), self.tmp, code=64, endpoint=None)

    def test_an_endpoint_with_a_password_is_refused_and_not_shown(self):
        specs = self.write({"w.yaml": self.text()})
        for url in ("https://me:{}@h.invalid", "https://h.invalid/?key={}", "https://h.invalid/#{}", "me:{}@h.invalid"):
            self.look("plan", specs, code=64, endpoint=url.format(self.secret()))

    def test_variables_are_not_shown(self):
        value = self.secret("var")
        specs = self.write({"w.yaml": "name: w\nsteps:\n  s:\n    imageId: 7\n    command: x\n"
                                      "    parameters: {env: {PASSWORD: '{{ pw }}'}}\n"})
        vars_file = self.write({"v.yaml": f"pw: {value}\n"}, "vars") / "v.yaml"
        self.look("plan", "--vars", vars_file, specs)
        for args in (["--set", f"pw={value}"], ["--set", f"pwd={value}"], ["--set", value]):
            self.flowsync("plan", *args, specs)
        config = self.tmp / "c.yaml"
        config.write_text(f"syncs: [{{vars: {{pw: {value}}}}}]\n")
        self.look("plan", "-c", config, specs)

    def test_specs_that_are_refused_show_no_secret(self):
        for keys in ("auth: {{type: basic, username: a, pasword: {s}}}", "auth: {{type: basic, password: [{s}]}}",
                     "headers: {{absolute: {{A: [{s}]}}}}", "url: {{a: {s}}}",
                     "parameters: {{env: {{PASSWORD: {{a: {s}}}}}}}", "auth: {{password: \"{s}\\q\"}}"):
            specs = self.write({"w.yaml": "name: w\nsteps:\n  s:\n    type: http\n    method: get\n    "
                                          + keys.format(s=self.secret()) + "\n"})
            with self.subTest(keys):
                self.expect(65, "validate", specs, endpoint=None)
                self.expect(65, "sync", "-o", "json", specs, endpoint="https://h.invalid")

    def test_the_command_line_of_a_running_sync_holds_no_token(self):
        fake = self.fake(lambda request: (503, "", {"Retry-After": "60"}))
        process = self.start("plan", self.write({"w.yaml": self.text()}), endpoint=fake.endpoint)
        process.stderr.readline()
        line = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.terminate()
        self.finish(process)
        for value in self.secrets:
            self.assertNotIn(value.encode(), line)

    def test_what_a_configuration_masks_is_shown_nowhere(self):
        spec = "name: w\nsteps: {{s: {{imageId: 7, command: {}, parameters: {{env: {{REGION: {}}}}}}}}}\n"
        config = self.tmp / "flowsync.yaml"
        config.write_text("syncs: [{mask: [/steps/*/command, /steps/*/parameters/env/REGION]}]\n")
        for more in ([], ["--undeclared", "remove"]):
            specs = self.write({"w.yaml": spec.format(self.secret(), self.secret())})
            self.look("plan", "-c", config, specs, *more)
            self.look("sync", "-c", config, specs, *more)
        self.expect(0, "workflow", "describe", "w", "-c", config, "-o", "yaml")
        self.expect(0, "import", "-c", config, "--out", self.tmp / "copy")
        self.assertNoSecretIn(self.state, self.tmp / "copy")
        config.write_text("syncs: [{mask: [steps]}]\n")
        self.assertIn('mask "steps": expected a JSON Pointer', self.expect(64, "plan", "-c", config, specs).err)

    def test_the_local_service_shows_no_secret(self):
        specs = self.write({"w.yaml": self.text()})
        self.sync(specs)
        self.service.request("POST", "/workflows/", {"name": self.secret()}, token=self.secret("wrong"))
        self.service.stop()
        self.check_output(flowsync.Result(["serve"], 0, self.service.output(), ""))


if __name__ == "__main__":
    unittest.main()
