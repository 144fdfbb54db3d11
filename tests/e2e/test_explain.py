"""flowsync explain: each field of a workflow with its values on all sides, where they are from, and the rule."""
import re
import textwrap

from git_source import GitCase

SPEC = textwrap.dedent("""\
    name: hello
    steps:
      greet:
        imageId: 7
        command: |
          echo one
          echo two
        stepTimeout: 30
    """)


class ExplainCase(GitCase):
    def explain(self, *args, code=0, **options):
        return self.expect(code, "explain", *args, "-o", "json", **options).json()

    def field(self, path, *args, **options):
        """The one field at path of hello."""
        fields = self.explain("hello", path, *args, **options)["fields"]
        self.assertEqual([f["path"] for f in fields], [path])
        return fields[0]

    def commit_as(self, author, files):
        for name, text in files.items():
            (self.repo / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x", "--author", f"{author} <x@example.com>")
        return self.head()

    def assert_fits(self, text):
        """Lines of at most 80 columns, in which no text of a value acts on a terminal or on a CI runner."""
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)
            self.assertFalse(line.lstrip().startswith("::"), line)
            self.assertNotIn("##[", line)
        self.assertNotIn("\x1b", text)

    def entries(self):
        """All that is in the state directory but its lock, with its content."""
        return {p.relative_to(self.state): p.read_bytes() for p in self.state.rglob("*") if p.is_file()}


class SourceTest(ExplainCase):
    def test_a_work_tree_names_the_commit_of_each_line_and_what_is_not_committed(self):
        one = self.commit_as("Ann Lee", {"a.yaml": SPEC})
        two = self.commit_as("Bob", {"a.yaml": SPEC.replace("two", "2")})
        self.expect(0, "sync", self.repo)
        image = self.field("/steps/greet/imageId", "--dir", self.repo)
        self.assertEqual(image, {
            "path": "/steps/greet/imageId", "rule": "equal", "why": "both sides are equal", "section": "5.1",
            "declared": 7, "file": f"{self.repo}/a.yaml", "line": 4,
            "commit": {"id": one, "author": "Ann Lee", "date": image["commit"]["date"]},
            "observed": 7, "recorded": 7})
        self.assertRegex(image["commit"]["date"], r"^2001-09-09T01:46:4\d\.000Z$")
        # Of a value of several lines the newest change counts.
        command = self.field("/steps/greet/command", "--dir", self.repo)
        self.assertEqual((command["line"], command["commit"]["id"], command["commit"]["author"]), (5, two, "Bob"))
        (self.repo / "a.yaml").write_text("# new\n" + SPEC.replace("two", "2").replace("7", "8"))
        image = self.field("/steps/greet/imageId", "--dir", self.repo)
        self.assertEqual((image["line"], image["uncommitted"], image["rule"]), (5, True, "declared"))
        self.assertNotIn("commit", image)
        self.assertEqual(self.field("/steps/greet/stepTimeout", "--dir", self.repo)["commit"]["id"], one)
        text = self.expect(0, "explain", "hello", "steps/greet", "--dir", self.repo).out
        self.assertIn("\n            not committed yet\n", text)
        self.assertIn(f"\n            {one[:10]} of 2001-09-09T01:46:4", text)
        (self.repo / "b.yaml").write_text(SPEC.replace("hello", "other"))
        fields = self.explain("other", "/name", "--dir", self.repo)["fields"]
        self.assertIs(fields[0]["uncommitted"], True)

    def test_a_git_url_names_the_commit_as_a_work_tree_does(self):
        one = self.commit_as("Ann Lee", {"a.yaml": SPEC})
        self.commit_as("Bob", {"a.yaml": SPEC.replace("two", "2")})
        for source in (["--git", self.repo], ["--git", self.repo, "--state-dir", self.tmp / "other"]):
            image = self.field("/steps/greet/imageId", *source)
            self.assertEqual((image["file"], image["line"], image["commit"]["id"]), ("a.yaml", 4, one))
        # The revision that was chosen counts, not the newest.
        command = self.field("/steps/greet/command", "--git", self.repo, "--commit", one)
        self.assertEqual(command["commit"]["author"], "Ann Lee")

    def test_a_plain_directory_has_lines_and_no_commits(self):
        specs = self.write({"a.yaml": SPEC})
        image = self.field("/steps/greet/imageId", "--dir", specs)
        self.assertEqual((image["file"], image["line"], image["rule"]), (f"{specs}/a.yaml", 4, "declared"))
        self.assertNotIn("commit", image)
        self.assertNotIn("uncommitted", image)
        text = self.expect(0, "explain", "hello", "--dir", specs).out
        self.assertIn("  service   the workflow is not there yet\n", text)
        self.assertIn("  plan      create, planned\n", text)

    def test_a_history_that_cannot_be_read_is_said_once(self):
        self.commit_as("Ann", {"a.yaml": SPEC})
        self.commit_as("Bob", {"a.yaml": SPEC.replace("7", "8")})
        self.git("clone", "-q", "--depth", "1", f"file://{self.repo}", self.tmp / "shallow", cwd=self.tmp)
        document = self.explain("hello", "--dir", self.tmp / "shallow")
        self.assertFalse([f for f in document["fields"] if "commit" in f])
        self.assertIn("this clone is shallow", document["workflow"]["history_error"])


class RuleTest(ExplainCase):
    def test_drift_kept_defaults_ignored_and_removed(self):
        specs = self.write({"a.yaml": SPEC})
        self.expect(0, "sync", specs)
        step = {"type": "standard", "imageId": 7, "command": "by hand", "clearImageCache": True, "stepTimeout": 60}
        tags = self.service.describe("hello")["tags"]
        self.service.update("hello", {"name": "hello", "steps": {"greet": step}, "tags": tags})
        self.write({"a.yaml": SPEC.replace("    stepTimeout: 30\n", "") + "flowsync: {ignore: [/steps/*/imageId]}\n"})
        fields = {f["path"]: f for f in self.explain("hello", "--dir", specs)["fields"]}
        rules = {path: (f["rule"], f["section"]) for path, f in fields.items()}
        self.assertEqual(rules["/steps/greet/command"], ("drift", "5.5"))
        self.assertEqual(rules["/steps/greet/clearImageCache"], ("kept", "5.1"))
        self.assertEqual(rules["/steps/greet/stepTimeout"], ("undeclared", "5.5"))
        self.assertEqual(rules["/steps/greet/imageId"], ("ignored", "4.2"))
        self.assertEqual(rules["/watchers"], ("default", "5.2"))
        command = fields["/steps/greet/command"]
        self.assertEqual((command["declared"], command["observed"], command["recorded"]),
                         ("echo one\necho two\n", "by hand", "echo one\necho two\n"))
        timeout = fields["/steps/greet/stepTimeout"]
        self.assertEqual((timeout["observed"], timeout["recorded"], "declared" in timeout), (60, 30, False))

    def test_a_settled_difference(self):
        specs = self.write({"a.yaml": SPEC})

        def hook(request, pass_on):
            if request.method != "GET":
                return None
            status, body, headers = pass_on(request)
            return status, body.replace("echo one", "sh -c 'echo one'"), headers
        fake = self.between(hook)
        self.expect(0, "sync", specs, endpoint=fake.endpoint)
        command = self.field("/steps/greet/command", "--dir", specs, endpoint=fake.endpoint)
        self.assertEqual((command["rule"], command["section"]), ("settled", "5.4"))
        self.assertEqual(command["observed"], "sh -c 'echo one'\necho two\n")

    def test_who_changed_it_if_the_service_says_so(self):
        specs = self.write({"a.yaml": SPEC})
        self.expect(0, "sync", specs)

        def hook(request, pass_on):
            status, body, headers = pass_on(request)
            return status, body.replace('"createdAt"', '"updatedBy":"ann@example.com","createdAt"'), headers
        text = self.expect(0, "explain", "hello", "--dir", specs, endpoint=self.between(hook).endpoint).out
        self.assertRegex(text, r"\n  service   changed last 20\S+Z by ann@example\.com\n")

    def test_a_conflict_and_a_suspended_workflow_are_not_compared(self):
        specs = self.write({"a.yaml": SPEC})
        self.expect(0, "sync", specs, "--owner", "one")
        document = self.explain("hello", "--dir", specs, "--owner", "two", code=5)
        self.assertEqual({f["rule"] for f in document["fields"]}, {"not compared"})
        self.assertIn('it belongs to owner "one"', document["workflow"]["error"])
        self.write({"a.yaml": SPEC + "flowsync: {suspend: true}\n"})
        document = self.explain("hello", "--dir", specs)
        self.assertEqual(document["workflow"]["result"], "suspended")


class VariableTest(ExplainCase):
    def test_a_variable_is_named_with_the_place_of_its_value_and_never_with_a_secret(self):
        secret = self.secret()
        specs = self.write({"a.yaml": SPEC.replace("one", "{{ region }}").replace("30", "{{ limit }}") +
                            "    parameters:\n      env:\n        API_TOKEN: '{{ token }}'\n"
                            "        HOME_DIR: '{{ os_env.WHERE }}'  # not {{ region }}\n        PLAIN: x\n"})
        vars_file = self.tmp / "prod.yaml"
        vars_file.write_text("# values\nregion: eu\n")
        args = ["--dir", specs, "--vars", vars_file, "--set", f"token={secret}", "--set", "limit=30"]
        env = {"WHERE": "/srv"}
        self.expect(0, "sync", specs, *args[2:], env=env)
        fields = {f["path"].rpartition("/")[2]: f for f in self.explain("hello", *args, env=env)["fields"]}
        self.assertEqual(fields["command"]["variables"],
                         [{"name": "region", "from": "--vars", "file": str(vars_file), "line": 2}])
        self.assertEqual(fields["stepTimeout"]["variables"], [{"name": "limit", "from": "--set"}])
        self.assertEqual(fields["API_TOKEN"]["variables"], [{"name": "token", "from": "--set"}])
        self.assertEqual(fields["HOME_DIR"]["variables"], [{"name": "os_env.WHERE", "from": "the environment"}])
        self.assertNotIn("variables", fields["PLAIN"])
        token = fields["API_TOKEN"]
        self.assertEqual((token["declared"], token["observed"], token["recorded"]), ("(masked #1)",) * 3)
        text = self.expect(0, "explain", "hello", *args, env=env).out
        self.assertIn("\n            {{ token }} is from --set\n", text)
        self.assert_fits(text.replace(str(self.tmp), ""))
        # Another secret: that it changed is visible, neither of them is.
        args[args.index(f"token={secret}")] = f"token={self.secret()}"
        token = self.field("/steps/greet/parameters/env/API_TOKEN", *args, env=env)
        self.assertEqual((token["declared"], token["observed"], token["rule"]),
                         ("(masked #2)", "(masked #1)", "declared"))

    def test_a_variable_of_the_configuration_and_a_workflow_that_only_leaves_out(self):
        specs = self.write({"a.yaml": SPEC.replace("30", "{{ limit }}")})
        config = self.tmp / "flowsync.yaml"
        config.write_text(f"syncs:\n  - name: team\n    owner: team\n    source: {{dir: {specs}}}\n"
                          "    only: [x*]\n    vars:\n      limit: 30\n")
        document = self.explain("hello", "/steps/greet/stepTimeout", "--config", config)
        self.assertEqual(document["fields"][0]["variables"],
                         [{"name": "limit", "from": "syncs.vars", "file": str(config), "line": 7}])
        self.assertEqual([w["message"] for w in document["warnings"]],
                         ['only: does not select "hello": a sync leaves it alone'])

    def test_a_value_of_several_lines_does_not_move_the_lines_after_it(self):
        specs = self.write({"a.yaml": "name: hello\nsteps: {{ steps }}\ntags: [{name: x}]\n"})
        steps = "\n  s:\n    imageId: 7\n    command: run"
        args = ["--dir", specs, "--set", f"steps={steps}"]
        self.assertEqual(self.field("/tags/0/name", *args)["line"], 3)
        command = self.field("/steps/s/command", *args)
        self.assertEqual(command["line"], 2)


class NameTest(ExplainCase):
    def test_a_name_without_a_spec_is_one_clear_sentence(self):
        specs = self.write({"a.yaml": SPEC})
        self.service.create({"name": "by-hand", "steps": {"s": {"type": "standard", "imageId": 7, "command": "c"}}})
        wid = self.service.id_of("by-hand")
        none = "no spec declares a workflow called"
        for name, text in (("helo", f'{none} "helo"; did you mean "hello"?'), ("zzz", f'{none} "zzz"'),
                           ("by-hand", f'{none} "by-hand", which is on the service (id {wid})'), ("hel*", None)):
            with self.subTest(name=name):
                result = self.expect(65, "explain", name, "--dir", specs)
                self.assertEqual(result.out, "")
                self.assertEqual(len(result.err.splitlines()), 1, result)
                if text:
                    self.assertEqual(result.err, f"flowsync: error: {text}\n")
                document = self.explain(name, "--dir", specs, code=65)
                self.assertEqual((document["exit_code"], len(document["errors"])), (65, 1))

    def test_several_of_one_name_are_a_conflict(self):
        specs = self.write({"a.yaml": SPEC})
        for _ in range(2):
            self.service.create({"name": "hello", "steps": {"s": {"type": "standard", "imageId": 7, "command": "c"}}})
        document = self.explain("hello", "--dir", specs, code=5)
        self.assertEqual(document["workflow"]["result"], "conflict")

    def test_a_path_limits_the_fields(self):
        specs = self.write({"a.yaml": SPEC})
        for path, count in (("/steps", 4), ("steps/greet/", 4), ("/steps/greet/step", 1), ("/name", 1)):
            self.assertEqual(len(self.explain("hello", path, "--dir", specs)["fields"]), count, path)
        result = self.expect(64, "explain", "hello", "/steps/greet/comand", "--dir", specs)
        self.assertEqual(result.err, 'flowsync: error: workflow "hello" has no field at "/steps/greet/comand"; did you '
                                     'mean "/steps/greet/command"?\n')

    def test_invalid_specs_and_a_service_that_is_not_there(self):
        specs = self.write({"a.yaml": SPEC, "b.yaml": "name: x\n"})
        self.assertIn("errors", self.explain("hello", "--dir", specs, code=65))
        (specs / "b.yaml").unlink()
        result = self.expect(1, "explain", "hello", "--dir", specs, endpoint="http://127.0.0.1:1")
        self.assertEqual(result.out, "")
        self.expect(64, "explain", "--dir", specs)
        self.expect(64, "explain", "hello", "--dir", specs, "--only", "x")


class HarmlessTest(ExplainCase):
    def test_nothing_is_written(self):
        specs = self.write({"a.yaml": SPEC})
        self.expect(0, "sync", specs)
        before = self.entries()
        self.write({"a.yaml": SPEC.replace("7", "8"), "b.yaml": SPEC.replace("hello", "new")})
        fake = self.between(lambda request, _: None)
        for name in ("hello", "new", "none"):
            self.expect(65 if name == "none" else 0, "explain", name, "--dir", specs, "--prune", "--owner", "default",
                        endpoint=fake.endpoint)
        self.assertEqual({r.method for r in fake.requests}, {"GET"})
        self.assertEqual(self.entries(), before)

    def test_hostile_texts_do_nothing(self):
        hostile = "\\e[31mred\\n::error file=x::boo\\n##[error]boo\\u202e"
        name = "::error::x ##[error]y"
        specs = self.write({"a.yaml": f'name: "{name}"\nsteps:\n  "::error::step":\n    imageId: 7\n'
                                      f'    command: "{hostile}"\n    parameters:\n      env: {{K: "{hostile * 9}", COLONS: "{":" * 150}"}}\n'})
        self.git("init", "-q", specs, cwd=self.tmp)
        self.git("add", "-A", cwd=specs)
        self.git("commit", "-q", "-m", "x", "--author", "::error::\x1b[31m ##[error] <a@b>", cwd=specs)
        for _ in range(2):
            text = self.expect(0, "explain", name, "--dir", "specs").out
            self.assertIn("\n.           :::", text)
            self.assertIn("/steps/::error::step/command", text)
            self.assert_fits(text)
            self.expect(0, "sync", "specs")

    def test_colours_and_none(self):
        specs = self.write({"a.yaml": SPEC})
        plain = self.expect(0, "explain", "hello", "--dir", specs).out
        coloured = self.expect(0, "explain", "hello", "--dir", specs, "--color", "always").out
        self.assertIn("\x1b[33mdeclared: ", coloured)
        self.assertEqual(re.sub(r"\x1b\[\d+m", "", coloured), plain)
        self.assert_fits(plain.replace(str(specs), "specs"))
