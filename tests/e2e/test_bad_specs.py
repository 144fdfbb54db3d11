"""Specs that are refused: each fault is one line with its place, and nothing is sent to the service."""
import os
import unittest

import flowsync
from test_sync import spec

GOOD = "name: a\nsteps:\n  s: {imageId: 7, command: x}\n"


def step(keys):
    return f"name: a\nsteps:\n  s: {{{keys}}}\n"


# Name of the file: its text, and what is told of it behind "NAME.yaml:".
REFUSED = {
    # YAML
    "a-tab": ("name: a\nsteps:\n\ts: x\n", "3:1: found a tab where indentation was expected"),
    "alias-cycle": ("name: a\nsteps: &s\n  s: *s\n", '3:6: the alias "*s" is inside the value that it refers to'),
    "alias-bomb": ("name: a\nx0: &x0 [a,a,a,a,a,a,a,a,a,a]\n" + "".join(
        f"x{i}: &x{i} [{','.join(10 * [f'*x{i - 1}'])}]\n" for i in range(1, 9)),
        "7:10: more than 200000 values in one file, with aliases expanded"),
    "alias-unknown": ("name: *a\n", '1:7: an alias that has no anchor before it: quote what begins with "*" if it is text'),
    "big-number": (step("imageId: 99999999999999999999, command: x"), "3:16: found an integer past 64 bits"),
    "braces": ("name: {{ name }}\nsteps: {}\n",
               '1:7: unknown variable "name": give it with --set or --vars, or --passthrough name '
               "(vars_passthrough:) if the service should get it as it is"),
    "colon": ("name: a: b\n", '1:8: found ": " where it cannot stand: quote the text that it is part of, '
                              "or check the indentation"),
    "cron-unquoted": ("name: a\ntriggers: [{cron: * * * * *}]\n",
                      '2:19: found "*", which begins an alias: quote the text if none is meant'),
    "deep": ("name: a\nsteps: " + "[" * 100 + "]" * 100, "2:71: nested more than 64 deep"),
    "duplicate": (GOOD + "name: b\n", '4:1: duplicate key "name", given first in line 1, column 1'),
    "duplicate-step": (GOOD + "  s: {}\n", '4:3: duplicate key "s", given first in line 3, column 3'),
    "masked": (step("imageId: 7, command: x, repository: {url: u, branch: b, token: '(masked #1)'}"),
               '3:70: /steps/s/repository/token: found "(masked #...)", which stands for a secret that was not shown; write the '
               "secret itself"),
    "merge": ("name: a\n<<: 7\n", '2:5: "<<" merges mappings, found a number'),
    "not-ended": ("name: a\nsteps: {s: {imageId: 7\n", '3:1: found something else where "," or "}" was expected'),
    "quote": ("name: \"a\nsteps: {}\n", "1:7: this quoted text does not end"),
    "tag": ("name: !secret a\n", '1:7: unknown tag: quote what begins with "!" if it is text'),
    "tag-python": ("name: !!python/object:os.system a\n", '1:7: unknown tag: quote what begins with "!" if it is text'),
    # no text
    "binary": (b"\x7fELF\x00\x01", "1:5: this is not text: found a NUL character"),
    "control": ("name: a\x07\n", "1:8: found the control character U+0007, which YAML takes only escaped "
                                 "in double quotes"),
    "empty": ("", " the file is empty: expected a workflow"),
    "comments-only": ("# nothing\n---\n", " the file is empty: expected a workflow"),
    "large": ("# " + "x" * (1 << 20) + "\n" + GOOD, " larger than 1 MiB"),
    "latin-1": ("name: a\nsteps: {s: {command: 'caf\u00e9'}}\n".encode("latin-1"), "2:27: this is not UTF-8"),
    "utf-16": (GOOD.encode("utf-16"), " this is UTF-16, not UTF-8"),
    # no workflow
    "body": ("body: 7\n", "1:7: body: expected a mapping, found a number"),
    "list": ("- name: a\n", "1:1: expected a workflow, which is a mapping, found a list"),
    "text": ("hello\n", "1:1: expected a workflow, which is a mapping, found a text"),
    "name-none": ("steps: {}\n", '1:1: workflow: "name" is missing'),
    "name-empty": ("name: ''\nsteps: {}\n", "1:7: /name: expected a name, found an empty text"),
    "name-lines": ('name: "a\\nb"\nsteps: {}\n',
                   "1:7: /name: expected a name on one line, found a control character"),
    "steps-none": ("name: a\n", '1:1: workflow: "steps" is missing'),
    # fields
    "unknown": (GOOD + "trigers: []\n", '4:1: workflow: unknown field "trigers"; did you mean "triggers"?'),
    "unknown-far": (GOOD + "zzzzzzzz: []\n", '4:1: workflow: unknown field "zzzzzzzz"'),
    "unknown-deep": (step("imageId: 7, command: x, parameters: {envs: {}}"),
                     '3:44: /steps/s/parameters: unknown field "envs"; did you mean "env"?'),
    "type": (step("imageId: '7', command: x"), "3:16: /steps/s/imageId: expected a whole number, found a text"),
    "type-list": ("name: a\nsteps: []\n", "2:8: /steps: expected a mapping, found a list"),
    "missing": (step("imageId: 7"), '3:6: /steps/s: "command" is missing'),
    "word": (step("type: htpp, method: get, url: x"),
             '3:13: /steps/s/type: expected standard, http, export or sql, found "htpp"; did you mean "http"?'),
    "range": (GOOD + "retryOptions: {duration: 121}\n",
              "4:26: /retryOptions/duration: expected a number from 0 to 120, found 121"),
    "kind": (step("type: http, method: get, url: x, imageId: 7"),
             '3:40: /steps/s: "imageId" is not allowed in a step of type http, only in standard'),
    "kind-export": (step("type: export, schema: a, table: b, sortBy: c, parameters: {}"),
                    '3:53: /steps/s: "parameters" is not allowed in a step of type export, '
                    "only in standard, http, sql"),
    "get-payload": (step("type: http, method: get, url: x, payload: '1'"),
                    '3:40: /steps/s: "payload" is not allowed with method get'),
    "one-of": (step("type: sql, sqlQueryPath: a, repository: {url: a, branch: b, filePath: c}"),
               '3:6: /steps/s: expected exactly one of "repository", "sqlQueryPath", found more than one'),
    "read-only": (GOOD + "id: 7\n", '4:1: workflow: "id" is set by the service and cannot be declared'),
    "own-tag": (GOOD + "tags: [{name: flowsync-x}]\n",
                '4:8: /tags/0: tags that begin with "flowsync-" are reserved for flowsync'),
    # steps among themselves
    "parent": (step("imageId: 7, command: x, parents: [t]"), '3:41: /steps/s/parents/0: no step is called "t"'),
    "circle": (step("imageId: 7, command: x, parents: [t]") + "  t: {imageId: 7, command: x, parents: [s]}\n",
               "4:41: /steps/t/parents: steps wait for each other in a circle: s -> t -> s"),
    "circle-of-one": (step("imageId: 7, command: x, parents: [s]"),
                      "3:41: /steps/s/parents: steps wait for each other in a circle: s -> s"),
    # our own block
    "block": ("flowsync: {prune: maybe}\n" + GOOD,
              "1:19: flowsync/prune: expected true or false, found a text"),
    "block-unknown": ("flowsync: {suspended: true}\n" + GOOD,
                      '1:12: flowsync: unknown field "suspended"; did you mean "suspend"?'),
    "block-pointer": ("flowsync: {ignore: [steps]}\n" + GOOD,
                      "1:21: flowsync/ignore/0: expected a JSON Pointer, such as /steps/train/command"),
}


class RefusedCase(flowsync.ServiceCase):
    def setUp(self):
        super().setUp()
        self.deaf = self.fake(lambda request: (500, ""))
        self.addCleanup(lambda: self.assertEqual(self.deaf.requests, [], "something was sent"))

    def validate(self, code, *paths, **options):
        return self.expect(code, "validate", *paths, endpoint=None, **options)

    def sync_errors(self, code, *args, **options):
        """The lines that a sync logs; it must not get as far as the service."""
        result = self.expect(code, "sync", *args, endpoint=self.deaf.endpoint, **options)
        self.assertEqual(result.out, "Sync: nothing was written\n")
        return result.err


class RefusedTest(RefusedCase):
    def test_every_fault_of_every_file_is_one_line_with_its_place(self):
        specs = self.write({f"{name}.yaml": text for name, (text, _) in REFUSED.items()})
        lines = [f"specs/{name}.yaml:{told}\n" for name, (_, told) in sorted(
            REFUSED.items(), key=lambda item: item[0] + ".yaml")]
        result = self.validate(65, "specs")
        self.assertEqual(result.out, "".join(lines))
        self.assertEqual(result.err, f"flowsync: 0 valid specs in {len(lines) - 1} files, {len(lines)} errors, "
                                     "0 warnings\n")
        self.assertEqual(self.sync_errors(65, "specs"),
                         "".join(f"flowsync: error: {line}" for line in lines))

    def test_each_alone_is_refused_too(self):
        for name in ("duplicate", "empty", "binary", "alias-bomb", "deep", "circle", "large"):
            text, told = REFUSED[name]
            self.write({"x.yaml": text})
            self.assertEqual(self.validate(65, "specs/x.yaml").out, f"specs/x.yaml:{told}\n")
            self.assertEqual(self.sync_errors(65, "specs"), f"flowsync: error: specs/x.yaml:{told}\n")

    def test_all_faults_of_one_file_are_told_together(self):
        self.write({"x.yaml": "name: 7\nsteps:\n  s: {imageId: 7, comand: x, stepTimeout: soon}\n---\ntagz: 1\n"})
        self.assertEqual(self.validate(65, "specs").out, """\
specs/x.yaml:1:7: /name: expected text, found a number; quote it if it is meant as text
specs/x.yaml:3:6: /steps/s: "command" is missing
specs/x.yaml:3:19: /steps/s: unknown field "comand"; did you mean "command"?
specs/x.yaml:3:43: /steps/s/stepTimeout: expected a whole number such as 600 (seconds), found a text
specs/x.yaml:5:1: workflow: unknown field "tagz"; did you mean "tags"?
specs/x.yaml:5:1: workflow: "name" is missing
specs/x.yaml:5:1: workflow: "steps" is missing
""")

    def test_one_bad_file_keeps_the_good_ones_from_being_applied(self):
        self.write({"bad.yaml": "name: 7\n", "good.yaml": GOOD})
        report = self.expect(65, "sync", "-o", "json", "specs", endpoint=self.deaf.endpoint).json()
        self.assertEqual(report["outcome"], "invalid")
        self.assertEqual([(e["file"], e["line"], e["column"]) for e in report["errors"]],
                         [("specs/bad.yaml", 1, 1), ("specs/bad.yaml", 1, 7)])

    def test_two_specs_of_one_name(self):
        self.write({"a.yaml": spec("x"), "b/c.yml": spec("y") + "---\n" + spec("x")})
        line = 'specs/b/c.yml:7:1: a workflow "x" is declared already at specs/a.yaml:1:1\n'
        self.assertEqual(self.validate(65, "specs").out, line)
        self.assertEqual(self.sync_errors(65, "specs"), "flowsync: error: " + line)

    def test_an_old_name_that_is_still_declared(self):
        self.write({"a.yaml": "flowsync: {renamed_from: old}\n" + spec("new"), "b.yaml": spec("old")})
        self.assertEqual(self.sync_errors(65, "specs"), 'flowsync: error: specs/a.yaml:1:1: renamed_from: "old" '
                                                        "is still declared at specs/b.yaml:1:1\n")

    def test_what_may_be_meant_otherwise_is_warned_of_and_taken(self):
        self.write({"a.yaml": GOOD + "metadata: {allowConcurrentExecution: yes}\n",
                    "b.yaml": "name: b\nsteps:\n  s: {imageId: 012, command: x, parameters: {env: {A: 1}}}\n"
                              "triggers: [{cron: 1 2 3}]\n",
                    "c.yaml": "extra: 1\nbody:\n  name: c\n  steps: {}\n"})
        result = self.validate(0, "specs")
        self.assertEqual(result.out, """\
specs/a.yaml:4:38: warning: this is true here, as in YAML 1.1, but text in YAML 1.2: quote it if text is meant
specs/b.yaml:3:16: warning: this is an octal number here, as in YAML 1.1, but a decimal number in YAML 1.2: """
                         """quote it if text is meant
specs/b.yaml:3:55: warning: /steps/s/parameters/env/A: expected text, found a number; quote it, it is sent as text
specs/b.yaml:4:19: warning: /triggers/0/cron: "1 2 3" never fires: expected five cron fields, or six or seven with seconds first and a """
                         """year last, found 3
specs/c.yaml:1:1: warning: "extra" is beside body: and is ignored, as the service's own tool ignores it
""")
        self.assertEqual(result.err, "flowsync: 3 valid specs in 3 files, 0 errors, 5 warnings\n")
        self.expect(0, "sync", "specs")
        self.assertEqual(self.service.describe("b")["steps"]["s"]["imageId"], 10)
        self.assertEqual(self.service.describe("b")["steps"]["s"]["parameters"]["env"], [{"A": "1"}])

    def test_validate_as_json(self):
        self.write({"a.yaml": "name: yes\nsteps: {}\n"})
        result = self.expect(65, "validate", "-o", "json", "specs", endpoint=None)
        self.assertEqual(result.json(), {
            "report_version": 1, "exit_code": 65,
            "errors": [{"message": "/name: expected text, found yes or no; quote it if it is meant as text",
                        "file": "specs/a.yaml", "line": 1, "column": 7}],
            "warnings": [{"message": "this is true here, as in YAML 1.1, but text in YAML 1.2: quote it if text is "
                                     "meant", "file": "specs/a.yaml", "line": 1, "column": 7}],
            "files": 1, "specs": 0})

    def test_values_of_names_come_from_stdin_too(self):
        specs = self.write({"a.yaml": "name: '{{ x }}'\nsteps: {}\n"}, "named")
        self.expect(0, "validate", specs, "--vars", "-", stdin="x: hello\n", endpoint=None)
        wrong = self.expect(64, "validate", specs, "--vars", "-", stdin="- x\n", endpoint=None)
        self.assertIn("<stdin>:1:1: --vars: expected a mapping", wrong.err)
        refused = self.expect(64, "agent", "--dir", specs, "--vars", "-", "--http", "none", stdin="x: hello\n")
        self.assertIn("error: --vars -: the agent reads its variables again and again: give a file\n", refused.err)

    def test_stdin_is_a_file_too(self):
        result = self.expect(65, "validate", "-", "-", stdin="name: 1\nsteps: {}\n", endpoint=None)
        self.assertEqual(result.out, "<stdin>:1:7: /name: expected text, found a number; quote it if it is meant as text\n")
        self.assertEqual(result.err, "flowsync: 0 valid specs in 1 file, 1 error, 0 warnings\n")

    def test_variables_that_nobody_knows(self):
        self.write({"a.yaml": 'name: "{{ nam }}"\nsteps:\n  s: {imageId: 7, command: "{% if x %}{{ a.b }}"}\n'})
        self.assertEqual(self.sync_errors(65, "--set", "name=a", "specs"), """\
flowsync: error: specs/a.yaml:1:8: unknown variable "nam", did you mean "name"? Give it with --set or --vars, or \
--passthrough nam (vars_passthrough:) if the service should get it as it is
flowsync: error: specs/a.yaml:3:29: found "{%": only "{{ name }}" is supported, no other template syntax; \
{{ '{%' }} is the text itself
flowsync: error: specs/a.yaml:3:39: found "{{ a.b }}": expected the name of a variable between the braces, or \
--passthrough 'a.b' (vars_passthrough:) if the service should get it as it is
""")

    def test_variables_that_cannot_be_read(self):
        self.write({"a.yaml": GOOD + "---\nname: x{{ a }}\nsteps: {}\n", "vars.txt": "a: [1]\n", "list.txt": "- a\n"})
        for args, sentence in (
                (("--set", "novalue"), '--set: expected KEY=VALUE, found no "="'),
                (("--set", "=x"), "--set: expected KEY=VALUE, found no key"),
                (("--vars", "none.txt"), "none.txt: --vars: cannot be read: No such file or directory"),
                (("--vars", "specs/list.txt"), "specs/list.txt:1:1: --vars: expected a mapping of names to texts, "
                                               "found a list")):
            result = self.expect(64, "sync", *args, "specs", endpoint=self.deaf.endpoint)
            self.assertEqual(result.err, f"flowsync: error: {sentence}\n")
        self.assertIn(':5:8: the variable "a" is a list, which cannot be filled in\n',
                      self.sync_errors(65, "--vars", "specs/vars.txt", "specs"))


class DirectoryTest(RefusedCase):
    def error(self, code, directory, **options):
        line = self.sync_errors(code, directory, **options)
        self.assertEqual(line.count("\n"), 1, line)
        return line.removeprefix("flowsync: error: ").rstrip("\n")

    def test_that_is_not_there(self):
        self.assertEqual(self.error(64, "none"), "none: No such file or directory")
        self.assertEqual(self.validate(65, "none").out, "none: cannot be read: No such file or directory\n")

    def test_that_is_a_file(self):
        self.write({"a.yaml": GOOD})
        self.assertEqual(self.error(64, "specs/a.yaml"),
                         "specs/a.yaml: expected a directory of specs, found a file")

    def test_that_is_empty(self):
        self.write({"README.md": "no spec", ".hidden.yaml": GOOD, ".git/a.yaml": GOOD, "sub/a.txt": GOOD})
        self.assertEqual(self.error(65, "specs"), "specs: has no *.yaml or *.yml file: no workflow is declared")
        self.assertEqual(self.validate(65, "specs").out, "specs: has no *.yaml or *.yml file\n")

    def test_that_is_unreadable(self):
        specs = self.write({"a.yaml": GOOD})
        specs.chmod(0)
        self.assertEqual(self.error(65, "specs", unprivileged=True), "specs: cannot be read: Permission denied")

    def test_with_a_folder_or_a_file_that_is_unreadable(self):
        specs = self.write({"a.yaml": GOOD, "b.yaml": GOOD, "c/d.yaml": GOOD})
        (specs / "b.yaml").chmod(0)
        (specs / "c").chmod(0)
        self.assertEqual(self.sync_errors(65, "specs", unprivileged=True),
                         "flowsync: error: specs/b.yaml: cannot be read: Permission denied\n"
                         "flowsync: error: specs/c: cannot be read: Permission denied\n")

    def test_with_what_is_no_file(self):
        specs = self.write({"a.yaml": GOOD})
        os.mkfifo(specs / "pipe.yaml")
        os.symlink("nowhere", specs / "lost.yaml")
        (self.tmp / "outside.yaml").write_text(spec("outside"))
        os.symlink("../outside.yaml", specs / "out.yaml")
        os.symlink("a.yaml", specs / "inside.yml")
        (specs / "folder.yaml").mkdir()
        self.assertEqual(self.validate(65, "specs").out, """\
specs/inside.yml:1:1: a workflow "a" is declared already at specs/a.yaml:1:1
specs/lost.yaml: cannot be read: No such file or directory
specs/out.yaml: a symbolic link that leads out of the source
specs/pipe.yaml: not a regular file
""")

    def test_what_flowsyncignore_names_is_left_out(self):
        self.write({"a.yaml": GOOD, "drafts/b.yaml": "no: workflow\n", "drafts/keep.yaml": spec("keep"),
                    ".flowsyncignore": "drafts/*\n!drafts/keep.yaml\n"})
        self.assertEqual(self.validate(0, "specs").err,
                         "flowsync: 2 valid specs in 2 files, 0 errors, 0 warnings\n")


if __name__ == "__main__":
    unittest.main()
