"""The `workflow` commands: every operation of the service by hand, by ID and by name."""
import itertools
import unittest

import flowsync
from test_sync import body, spec

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class WorkflowCase(flowsync.ServiceCase):
    def workflow(self, *args, code=0, **options):
        return self.expect(code, "workflow", *args, **options)

    def refused(self, code, *args, **options):
        """The one sentence of a command that fails; as JSON it is the document's one error."""
        result = self.workflow(*args, code=code, **options)
        self.assertRegex(result.err, r"\Aflowsync: error: [^\n]+\n\Z")
        self.assertEqual(result.out, "")
        sentence = result.err.removeprefix("flowsync: error: ").rstrip("\n")
        document = self.workflow(*args, "-o", "json", code=code, **options).json()
        self.assertEqual([e["message"] for e in document["errors"]], [sentence])
        self.assertEqual(document["exit_code"], code)
        return sentence


class ReadTest(WorkflowCase):
    def setUp(self):
        super().setUp()
        self.service.create(body("hello"))
        self.service.create(body("on-push", triggers=[{"webhook": True}, {"cron": "15 2 * * *"}],
                                 tags=[{"name": "x"}, {"name": "y"}]))
        self.service.create({"name": "late report", "steps": {
            "query": {"type": "sql", "repository": {"url": "https://g/x", "branch": "b", "filePath": "q.sql"}},
            "send": {"type": "http", "method": "get", "url": "https://me:pw@h/x?key=1", "parents": ["query"]},
            "out": {"type": "export", "schema": "s", "table": "t", "sortBy": "c", "parents": ["query", "send"]}}})
        self.service.good("POST", "/workflows/3/pause", {})

    def test_list_as_a_table(self):
        self.assertEqual(self.workflow("list").out, """\
ID  NAME         STATUS     OWNER  TRIGGERS             LAST RUN  LAST RUN AT  TAGS
1   hello        Available  -      -                    -         -            -
2   on-push      Available  -      webhook, 15 2 * * *  -         -            x, y
3   late report  Paused     -      -                    -         -            -
""")

    def test_a_table_fits_the_terminal_unless_all_is_wanted(self):
        whole = self.workflow("list").out
        terminal = {"terminal": True, "env": {"COLUMNS": "50"}}
        for name, args in ("list", ["list"]), ("describe", ["describe", "on-push"]):
            with self.subTest(name):
                cut = self.workflow(*args, **terminal).out
                self.assertLessEqual(max(map(len, cut.splitlines())), 50)
                self.assertRegex(cut, r"\AID  NAME +STATUS +(OWNER +)?TRIG")
                self.assertNotIn("TAGS", cut)
        self.assertEqual(self.workflow("list", "-o", "wide", **terminal).out, whole)
        self.assertEqual(self.workflow("list", "-o", "wide").out, whole)
        self.assertEqual(self.workflow("list", env={"COLUMNS": "50"}).out, whole)

    def test_list_as_json_and_yaml(self):
        for output in ("json", "yaml"):
            result = self.workflow("list", "-o", output)
            self.assertNotIn(self.service.workflows()[1]["triggers"][0]["webhook"], result.out)
        page = self.workflow("list", "-o", "json").json()
        listed = page.pop("workflows")
        self.assertEqual(page, {"pageCount": 1, "pageNumber": 1, "pageSize": 100, "workflowsCount": 3})
        self.assertEqual([w["name"] for w in listed], ["hello", "on-push", "late report"])
        self.assertEqual(listed[1]["triggers"][0], {"webhook": "(masked #1)"})
        self.assertEqual(self.workflow("list", "-o", "json", "--show-masked").json()["workflows"], self.service.workflows())
        self.assertRegex(self.workflow("list", "-o", "yaml", "--name", "hello").out,
                         rf'\AworkflowsCount: 1\n|\n  - id: 1\n    name: hello\n    status: Available\n    createdAt: "{STAMP}"\n')

    def test_list_with_filters(self):
        cases = {
            ("--name", "o"): ["hello", "on-push", "late report"],
            ("--name", "ush"): ["on-push"],
            ("--name", "HELLO"): ["hello"],
            ("--status", "Paused"): ["late report"],
            ("--status", "paused", "--status", "Available"): ["hello", "on-push", "late report"],
            ("--status", "Running"): [],
            ("--last-execution-status", "Failed"): [],
            ("--last-modified-by", "local"): ["hello", "on-push", "late report"],
            ("--last-modified-by", "nobody"): [],
            ("--page-size", "1"): ["hello", "on-push", "late report"],
            ("--page-size", "2", "--page-number", "2"): ["late report"],
            ("--page-size", "2", "--page-number", "9"): [],
        }
        for args, names in cases.items():
            with self.subTest(args):
                page = self.workflow("list", "-o", "json", *args).json()
                listed = page["workflows"]
                if "--page-size" in args:
                    one = "--page-number" in args
                    self.assertEqual((page["pageCount"], page["pageSize"]), (2, 2) if one else (1, 3))
                self.assertEqual([w["name"] for w in listed], names)

    def test_describe_as_a_table(self):
        for word in ("3", "late report"):
            self.assertRegex(self.workflow("describe", word).out, rf"""\AID  NAME         STATUS  OWNER  TRIGGERS  UPDATED AT                TAGS
3   late report  Paused  -      -         {STAMP}  -

STEP   TYPE    AFTER        WHAT
query  sql     -            q\.sql
send   http    query        https://\(masked #1\)@h/x\?\(masked #1\)
out    export  query, send  t
\Z""")

    def test_describe_as_json_and_yaml(self):
        self.assertEqual(self.workflow("describe", "hello", "-o", "json").json(), self.service.describe("hello"))
        said = self.workflow("describe", "1", "-o", "yaml").out
        self.assertIn("steps:\n  only:\n    type: standard\n    imageId: 7\n    command: make all\n", said)
        shown = self.workflow("describe", "on-push", "-o", "json", "--show-masked").json()
        self.assertEqual(shown, self.service.describe("on-push"))

    def test_resources(self):
        self.assertEqual(self.workflow("resources").out.splitlines()[:2],
                         ["ID  CPU   MEMORY  GPU  GPU MEMORY", "21  0.25  0.5     -    -"])
        self.assertEqual(self.workflow("resources", "-o", "json").json(), self.service.good("GET", "/resources"))
        self.assertIn("- id: 21\n  cpu: 0.25\n  memory: 0.5\n  gpu: null\n",
                      self.workflow("resources", "-o", "yaml").out)

    def test_default_resource(self):
        self.assertEqual(self.workflow("default-resource").out, "INSTANCE TYPE  STORAGE\n21             10GB\n")
        self.assertEqual(self.workflow("default-resource", "-o", "json").json(),
                         {"instanceTypeId": 21, "storage": "10GB"})
        self.assertEqual(self.workflow("default-resource", "-o", "yaml").out,
                         "instanceTypeId: 21\nstorage: 10GB\n")

    def test_who_is_not_found(self):
        for command in ("describe", "delete", "pause", "resume"):
            self.assertEqual(self.refused(1, command, "hell"), 'the service has no workflow called "hell"')
            # A delete looks first whose the workflow is.
            operation = "describe" if command == "delete" else command
            self.assertEqual(self.refused(1, command, "99"), f"{operation} workflow 99: the service answered 404 "
                                                             "(not found): workflow 99 is not found")

    def test_who_is_meant_when_two_have_the_name(self):
        self.service.create(body("hello"))
        for command in ("describe", "delete", "pause", "resume"):
            self.assertEqual(self.refused(5, command, "hello"),
                             'the service has 2 workflows called "hello" (ids 1, 4): give the ID')
        self.assertEqual(len(self.service.workflows()), 4)
        self.workflow("delete", "4")
        self.workflow("describe", "hello")

    def test_words_that_are_wrong(self):
        for args, sentence in (
                (("list", "--status", "Pause"),
                 '--status: "Pause" is not one of Draft, Running, Available, Paused; did you mean "Paused"?'),
                (("list", "--page-size", "1001"), '--page-size: "1001" is not a whole number from 1 to 1000'),
                (("list", "x"), '"workflow list" does not take the argument "x"'),
                (("describe",), '"workflow describe" needs ID|NAME'),
                (("update", "x"), '"workflow update" needs ID|NAME FILE'),
                (("lst",), 'unknown command "workflow lst"; did you mean "workflow list"?')):
            self.assertEqual(self.refused(64, *args), sentence)

    def test_an_answer_of_another_shape(self):
        fake = self.fake(lambda request: (200, "7"))
        shape = "found an answer of another shape"
        for args, sentence in (
                (("list",), f'list workflows, page 1: expected a list under "workflows", {shape}'),
                (("describe", "1"), f"describe workflow 1: expected an object, {shape}"),
                (("describe", "x"), f'list workflows, page 1: expected a list under "workflows", {shape}'),
                (("resources",), f"list resources: expected a list, {shape}"),
                (("default-resource",), f"get the default resource: expected an object, {shape}")):
            self.assertEqual(self.refused(1, *args, endpoint=fake.endpoint), sentence)


class WriteTest(WorkflowCase):
    def test_create_tells_the_id(self):
        specs = self.write({"a.yaml": spec("a"), "b.yaml": spec("b"), "c.yaml": spec("c")})
        self.assertEqual(self.workflow("create", specs / "a.yaml").out, 'created workflow 1 "a"\n')
        self.assertEqual(self.workflow("create", specs / "b.yaml", "-o", "json").json(), {"id": 2})
        self.assertEqual(self.workflow("create", specs / "c.yaml", "-o", "yaml").out, "id: 3\n")
        self.assertEqual(self.service.describe("b")["steps"]["only"]["command"], "make all")
        self.assertEqual(self.workflow("create", "-", stdin=spec("d")).out, 'created workflow 4 "d"\n')

    def test_a_masked_value_is_never_sent_not_even_by_hand(self):
        specs = self.write({"w.yaml": "flowsync: {ignore: [/steps/s/command]}\nname: w\nsteps: {s: {imageId: 1, command: '(masked #1)'}}\n"})
        said = 'w.yaml:3:34: /steps/s/command: found "(masked #...)", which stands for a secret that was not shown'
        self.assertIn(said, self.expect(65, "workflow", "create", specs / "w.yaml").err)
        self.expect(0, "validate", specs)
        self.assertIn("/steps/s/command", self.expect(1, "sync", specs).out)
        self.assertEqual(self.service.workflows(), [])

    def test_create_shows_a_webhook_address_only_when_asked_to(self):
        specs = self.write({"a.yaml": spec("a", more="triggers: [{webhook: true}]\n"),
                            "b.yaml": spec("b", more="triggers: [{webhook: true}]\n")})
        self.assertEqual(self.workflow("create", specs / "a.yaml", "-o", "json").json(),
                         {"id": 1, "triggers": [{"webhook": "(masked #1)"}]})
        shown = self.workflow("create", specs / "b.yaml", "-o", "json", "--show-masked").json()
        self.assertEqual(shown["triggers"], self.service.describe("b")["triggers"])

    def test_create_twice_is_a_conflict(self):
        file = self.write({"a.yaml": spec("a")}) / "a.yaml"
        self.workflow("create", file)
        self.assertEqual(self.refused(5, "create", file),
                         'create workflow "a": a workflow with this name already exists (id 1)')
        self.assertEqual(len(self.service.workflows()), 1)

    def test_create_fills_in_variables(self):
        file = self.write({"a.yaml": spec("{{ name }}")}) / "a.yaml"
        self.assertEqual(self.workflow("create", file, "--set", "name=b").out, 'created workflow 1 "b"\n')

    def test_update_replaces_the_whole_and_keeps_the_webhook(self):
        self.service.create(body("a", triggers=[{"webhook": True}], tags=[{"name": "x"}],
                                 retryOptions={"numberOfRetries": 1}))
        before = self.service.describe("a")["triggers"]
        specs = self.write({"a.yaml": spec("a", "make more", "triggers: [{webhook: true}]\n")})
        for word in ("a", "1"):
            self.assertEqual(self.workflow("update", word, specs / "a.yaml").out, 'updated workflow 1 "a"\n')
            after = self.service.describe("a")
            self.assertEqual((after["triggers"], after["tags"], after["retryOptions"]), (before, [], None))
            self.assertEqual(after["steps"]["only"]["command"], "make more")
        said = self.workflow("update", "a", specs / "a.yaml", "-o", "json").json()
        self.assertEqual(said, {"id": 1, "triggers": [{"webhook": "(masked #1)"}]})
        said = self.workflow("update", "a", specs / "a.yaml", "-o", "json", "--show-masked").json()
        self.assertEqual(said["triggers"], before)

    def test_update_can_rename(self):
        self.service.create(body("a"))
        self.workflow("update", "a", self.write({"b.yaml": spec("b")}) / "b.yaml")
        self.assertEqual([(w["id"], w["name"]) for w in self.service.workflows()], [(1, "b")])

    def test_update_of_nobody(self):
        file = self.write({"a.yaml": spec("a")}) / "a.yaml"
        self.assertEqual(self.refused(1, "update", "x", file), 'the service has no workflow called "x"')
        self.assertEqual(self.refused(1, "update", "7", file),
                         "describe workflow 7: the service answered 404 (not found): workflow 7 is not found")

    def test_a_service_that_fails_for_a_moment_is_asked_again_and_that_is_told(self):
        self.service.create(body("a"))
        count = itertools.count()
        fake = self.between(lambda request, _: (503, {"detail": "later"}) if next(count) == 0 else None)
        result = self.workflow("pause", "a", endpoint=fake.endpoint)
        self.assertEqual(result.out, 'paused workflow 1 "a"\n')
        self.assertRegex(result.err, r"\Aflowsync: list workflows, page 1: the service answered 503; "
                                     r"trying again in 0\.\d s\n\Z")

    def test_pause_resume_and_delete(self):
        self.service.create(body("a"))
        self.assertEqual(self.workflow("pause", "a").out, 'paused workflow 1 "a"\n')
        self.assertEqual(self.service.describe("a")["status"], "Paused")
        self.assertEqual(self.refused(1, "pause", "1"),
                         "pause workflow 1: the service answered 409 (conflict): workflow 1 is paused already")
        self.assertEqual(self.workflow("resume", "1").out, "resumed workflow 1\n")
        self.assertEqual(self.service.describe("a")["status"], "Available")
        self.assertEqual(self.refused(1, "resume", "a"),
                         'resume workflow 1 "a": the service answered 409 (conflict): workflow 1 is not paused')
        self.assertEqual(self.workflow("pause", "a", "-o", "json").json(), {})
        self.assertEqual(self.workflow("delete", "a", "-o", "yaml").out, "{}\n")
        self.assertEqual(self.service.workflows(), [])

    def test_a_delete_is_confirmed_at_a_terminal(self):
        for name in "ab":
            self.service.create(body(name))
        for answer, code in (("n\n", 1), ("\n", 1), ("\4", 1), ("yes\n", 0)):
            result = self.flowsync("workflow", "delete", "1", terminal=True, stdin=answer)
            self.assertIn('delete workflow 1 "a"? [y/N] ', result.out)
            self.assertEqual((result.code, len(self.service.workflows())), (code, 1 + code), result)
        self.assertNotIn("[y/N]", self.flowsync("workflow", "delete", "b", "--force", terminal=True, stdin="\n").out)
        self.assertEqual(self.service.workflows(), [])

    def test_another_owners_workflow_is_deleted_by_force_only(self):
        specs = self.write({"a.yaml": spec("a")})
        self.expect(0, "sync", "--owner", "them", specs)
        for word in ("1", "a"):
            self.assertEqual(self.refused(5, "delete", word), 'workflow 1 "a" belongs to owner "them", whose sync may '
                             "create it again: --force deletes it all the same")
        self.assertEqual(self.workflow("delete", "a", "--force").out, 'deleted workflow 1 "a"\n')
        self.expect(0, "sync", specs)
        self.assertEqual(self.workflow("delete", "2").out, 'deleted workflow 2 "a"\n')

    def test_files_that_are_no_single_spec(self):
        fake = self.fake(lambda request: (500, ""))
        self.write({"two.yaml": spec("a") + "---\n" + spec("b"), "bad.yaml": "name: 7\nsteps: {}\n"})
        for command in (("create",), ("update", "a")):
            for file, lines in (("two.yaml", ["specs/two.yaml: expected one workflow, found 2"]),
                                ("none.yaml", ["specs/none.yaml: cannot be read: No such file or directory"]),
                                ("bad.yaml", ["specs/bad.yaml:1:7: /name: expected text, found a number; quote it if "
                                              "it is meant as text"])):
                args = (*command, f"specs/{file}")
                result = self.workflow(*args, code=65, endpoint=fake.endpoint)
                self.assertEqual(result.err, "".join(f"flowsync: error: {line}\n" for line in lines))
                document = self.workflow(*args, "-o", "json", code=65, endpoint=fake.endpoint).json()
                told = [":".join(str(e[key]) for key in ("file", "line", "column") if e[key]) + ": " + e["message"]
                        for e in document["errors"]]
                self.assertEqual((told, document["exit_code"]), (lines, 65))
        self.assertEqual(fake.requests, [])


if __name__ == "__main__":
    unittest.main()
