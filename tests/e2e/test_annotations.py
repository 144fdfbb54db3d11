"""Annotations for GitHub's runner: errors and refused fields at their lines, and nothing else that is a command."""
import json
import re

from git_source import GitCase, spec

# As the runner reads a line: a command at its beginning, after blanks, or one of the older form anywhere.
COMMAND = re.compile(r"^\s*::|##\[")


class AnnotationTest(GitCase):
    def run_as_action(self, code, *args, **options):
        env = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": self.tmp, **options.pop("env", {})}
        return self.expect(code, *args, env=env, **options)

    def commands(self, result):
        self.assertFalse([line for line in result.out.splitlines() if COMMAND.search(line)], result)
        return [line for line in result.err.splitlines() if COMMAND.search(line)]

    def test_faults_of_specs_are_shown_at_their_lines(self):
        specs = self.write({"sub/a.yaml": "name: a\nstepz: {}\n", "b.yaml": spec("b")})
        found = ["::error file=specs/sub/a.yaml,line=2,col=1::"]
        for code, args in ((65, ["validate", specs]), (65, ["validate", "specs"]), (65, ["plan", specs]),
                           (65, ["sync", specs]), (65, ["validate", "specs", "-o", "json"])):
            with self.subTest(args=args):
                commands = self.commands(self.run_as_action(code, *args))
                self.assertEqual([c[:len(found[0])] for c in commands if "line=2" in c], found)
        result = self.run_as_action(65, "validate", "sub", cwd=specs)
        self.assertIn(found[0], result.err)

    def test_files_of_a_repository_are_named_from_its_top(self):
        self.commit({"workflows/a.yaml": "name: a\nstepz: {}\n"})
        result = self.run_as_action(65, "plan", "--git", self.repo, "--path", "workflows")
        self.assertIn("::error file=workflows/a.yaml,line=2,col=1::", result.err)

    def test_a_refused_field_is_shown_at_its_line(self):
        specs = self.write({"a.yaml": spec("a")})

        def hook(request, pass_on):
            if request.method != "GET" or "/workflows/1" not in request.path:
                return None
            status, body, headers = pass_on(request)
            return status, re.sub(r'"imageId": ?7\b', '"imageId":8', body), headers
        fake = self.between(hook)
        for command in ("sync", "plan", "sync"):
            result = self.run_as_action(4, command, specs, endpoint=fake.endpoint)
            self.assertEqual(self.commands(result), [
                '::error file=specs/a.yaml,line=4,col=14::workflow "a": /steps/one/imageId is refused by the service: '
                "it was sent 7 and kept 8"], result)

    def test_a_conflict_is_shown_at_its_spec(self):
        specs = self.write({"a.yaml": spec("a")})
        self.expect(0, "sync", specs, "--owner", "one")
        result = self.run_as_action(5, "plan", specs, "--owner", "two")
        self.assertRegex("\n".join(self.commands(result)), r'^::error file=specs/a\.yaml,line=1,col=1::workflow "a": '
                                                           r'it belongs to owner "one"')

    def test_when_they_are_printed(self):
        specs = self.write({"a.yaml": "name: a\nstepz: {}\n"})
        for args, env, wanted in (
                ([], {}, False), ([], {"GITHUB_ACTIONS": "true"}, True), ([], {"GITHUB_ACTIONS": "false"}, False),
                (["--annotations", "off"], {"GITHUB_ACTIONS": "true"}, False), (["--annotations", "github"], {}, True),
                (["--log-format", "json"], {"GITHUB_ACTIONS": "true"}, False),
                ([], {"FLOWSYNC_ANNOTATIONS": "github"}, True)):
            with self.subTest(args=args, env=env):
                result = self.expect(65, "validate", specs, *args, env=env, endpoint=None)
                self.assertEqual("::error file=" in result.err, wanted, result)
        self.expect(64, "validate", specs, "--annotations", "gitlab", endpoint=None)
        self.expect(64, "workflow", "list", "--annotations", "off")

    def test_the_summary_of_a_step_is_appended(self):
        secret = self.secret()
        specs = self.write({"a.yaml": spec("a") + "    parameters: {env: {TOKEN: " + secret + "}}\n"})
        summary = self.tmp / "summary.md"
        summary.write_text("before\n")
        env = {"GITHUB_STEP_SUMMARY": summary}
        self.run_as_action(0, "plan", specs, env=env)
        self.assertRegex(summary.read_text(), r"^before\n\n### flowsync plan `default`\n[^#]*\| create \| `a` \|")
        self.run_as_action(0, "sync", specs, env=env)
        text = summary.read_text()
        self.assertEqual((text.count("### flowsync plan "), text.count("### flowsync sync ")), (1, 1))
        self.assertIn("(masked #1)", text)
        self.assertNotIn(secret, text)
        for args, more in (["--annotations", "off"], {}), ([], {"GITHUB_ACTIONS": None}), ([], {"GITHUB_STEP_SUMMARY": ""}):
            self.run_as_action(0, "plan", specs, *args, env={**env, **more})
        self.assertEqual(summary.read_text(), text)
        summary.unlink()
        result = self.run_as_action(0, "plan", specs, env=env)
        self.assertIn(f"no summary for GitHub: GITHUB_STEP_SUMMARY: {summary}: No such file or directory", result.err)
        self.assertFalse(summary.exists())

    def test_hostile_values_make_no_command(self):
        hostile = r"x\n::error::y\r##[error]z %0A::add-mask::w \e[31m"
        specs = self.write({"::error::a.yaml": f'name: "::error::n ##[error]m"\nsteps:\n  "::set-output name=x::s":\n'
                            f'    imageId: 7\n    command: "{hostile}"\n',
                            "b.yaml": f'name: b\n"{hostile}": 1\n"::error::": 2\n'})
        for args in (["validate", "."], ["validate", "::error::a.yaml", "b.yaml"], ["plan", "."],
                     ["validate", ".", "-o", "json"], ["plan", ".", "-o", "json"]):
            with self.subTest(args=args):
                result = self.run_as_action(65, *args, cwd=specs)
                for line in self.commands(result):
                    self.assertTrue(line.startswith(("::error file=", "::warning file=", "::error::")), line)
                    self.assertNotIn("##[", line)
                    self.assertNotIn("\x1b", line)
        (specs / "b.yaml").unlink()
        for args in (["plan", "."], ["plan", ".", "-o", "json"], ["sync", "."], ["plan", "-v", "."],
                     ["explain", "::error::n ##[error]m", "--dir", "."],
                     ["explain", "::error::n ##[error]m", "--dir", ".", "-o", "json"]):
            with self.subTest(args=args):
                result = self.run_as_action(0, *args, cwd=specs)
                self.assertEqual(self.commands(result), [], result)
                if "json" in args:
                    self.assertIn("##[error]m", json.dumps(result.json()))

    def test_secrets_are_in_no_annotation(self):
        secret = self.secret()
        specs = self.write({"a.yaml": spec("a") + "    parameters: {env: {TOKEN: [" + secret + "]}}\n"})
        self.assertTrue(self.commands(self.run_as_action(65, "validate", specs)))
