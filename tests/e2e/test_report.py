"""The one JSON document of plan and sync, on every exit code, and the schemas that are printed."""
import json
import os
import stat
import unittest

import flowsync
import json_schema
from test_sync import EXAMPLES, SyncCase, body, spec


class SchemaCase(SyncCase):
    def schema(self, name):
        return self.expect(0, "schema", name, endpoint=None).json()


class ReportTest(SchemaCase):
    def report(self, code, *args, **options):
        """The report on stdout, which fits its schema, says the exit code and stands in --report too."""
        file = self.tmp / "report.json"
        file.unlink(missing_ok=True)
        report = self.expect(code, *args, "-o", "json", "--report", file, **options).json()
        self.assertEqual(json_schema.faults(self.schema("report"), report), [])
        self.assertEqual(report["exit_code"], code)
        self.assertEqual(json.loads(file.read_text()), report)
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        return report

    def test_every_exit_code_comes_with_a_whole_report(self):
        specs = self.write({"a.yaml": spec("a")})
        broken = self.write({"a.yaml": "name: 7"}, "broken")
        down = self.fake(lambda request: b"")
        down.close()

        def forbid(request, pass_on):
            if '"name":"b"' in request.body:
                return 403, {"detail": "not yours"}
        self.assertEqual(self.report(2, "plan", "--detailed-exitcode", specs)["outcome"], "changes-pending")
        self.assertEqual(self.report(0, "plan", specs)["outcome"], "changes-pending")
        self.assertEqual(self.report(0, "sync", specs)["outcome"], "applied")
        self.assertEqual(self.report(0, "sync", "--verbose", specs)["outcome"], "converged")
        self.assertEqual(self.report(65, "sync", broken)["outcome"], "invalid")
        self.assertEqual(self.report(1, "plan", "--timeout", "100ms", specs, endpoint=down.endpoint)["outcome"],
                         "failed")
        two = self.write({"a.yaml": spec("b") + "---\n" + spec("c")}, "two")
        self.assertEqual(self.report(4, "sync", two, endpoint=self.between(forbid).endpoint)["outcome"],
                         "partial")
        self.service.create(body("c"))
        self.assertEqual(self.report(5, "sync", "--state-dir", self.tmp / "new", two)["outcome"], "conflict")

    def test_a_command_line_that_is_wrong_has_a_report_too(self):
        cases = (
            (("plan", "--bogus", EXAMPLES), 'unknown option "--bogus"'),
            (("sync", "--concurrency", "0", EXAMPLES),
             '--concurrency: "0" is not a whole number from 1 to 64'),
            (("sync", "a", "b"), '"sync" does not take the argument "b"'),
            (("plan",), "no directory is given: flowsync plan DIR, --dir DIR, FLOWSYNC_DIR, or source: {dir: ...} "
                        "of the sync in the configuration file"),
            (("plan", "nowhere"), "nowhere: No such file or directory"),
            (("plan", EXAMPLES), "no service is chosen: give --endpoint URL, --endpoint local for the built-in "
                                 "local service, or --stage NAME (such as prod) for the hosted one"),
            (("plan", "-c", "nowhere.yaml", EXAMPLES), "configuration file: cannot be read: No such file or directory"),
        )
        for args, message in cases:
            with self.subTest(args):
                report = self.report(64, *args, endpoint=None)
                self.assertEqual([e["message"] for e in report["errors"]], [message])
                self.assertEqual((report["mode"], report["outcome"]), (args[0], "failed"))

    def test_people_are_told_the_same(self):
        self.write({"a.yaml": spec("a")})
        out = self.expect(0, "plan", "specs").out
        self.assertIn("+ create    a  specs/a.yaml:1\n", out)
        self.assertEqual(self.expect(64, "plan", "--bogus", "specs").out, "")

    def test_unchanged_workflows_are_listed_only_when_asked_for(self):
        specs = self.write({"a.yaml": spec("a")})
        self.sync(specs)
        self.assertEqual(self.report(0, "plan", specs)["workflows"], [])
        self.assertEqual(self.results(self.report(0, "plan", "--verbose", specs)), {"a": ("none", "unchanged")})

    def test_a_report_that_can_never_be_written_is_known_before_anything_is_applied(self):
        specs = self.write({"a.yaml": spec("a")})
        sentence = "report nowhere/report.json: cannot be written: No such file or directory"
        for command in ("sync", "plan"):
            result = self.expect(1, command, "-o", "json", "--report", "nowhere/report.json", specs)
            self.assertEqual([e["message"] for e in result.json()["errors"]], [sentence])
            self.assertEqual(result.err, f"flowsync: error: {sentence}\n")
        self.assertEqual(self.service.workflows(), [])

    def test_a_report_that_is_not_written_after_all_is_a_failure_that_undoes_nothing(self):
        specs = self.write({"a.yaml": spec("a")})
        sentence = "report /dev/full: cannot be written: No space left on device"
        result = self.expect(4, "sync", "-o", "json", "--report", "/dev/full", specs)
        self.assertEqual(result.json()["errors"][0]["message"], sentence)
        self.assertEqual(result.json()["outcome"], "partial")
        self.assertEqual(result.err, f"flowsync: error: {sentence}\n")
        self.assertEqual(len(self.service.workflows()), 1)
        self.expect(1, "sync", "--report", "/dev/full", specs)

    def test_the_report_may_go_to_stdout(self):
        specs = self.write({"a.yaml": spec("a")})
        self.assertEqual(self.expect(0, "sync", "--report", "-", specs).json()["summary"]["create"], 1)
        self.assertEqual(self.expect(64, "sync", "--report", "-").json()["exit_code"], 64)
        self.assertFalse((self.tmp / "-").exists())

    def test_a_wrong_path_of_the_endpoint_is_named(self):
        specs = self.write({"a.yaml": spec("a")})
        wrong = self.service.endpoint.replace("/api/v1", "/api/v2")
        self.assertIn(f"warning: check the path of the endpoint {wrong}: it is usually /workflows/api/v1\n",
                      self.expect(1, "plan", specs, endpoint=wrong).err)

    def test_a_reader_that_closed_stdout_is_no_failure(self):
        specs = self.write({"a.yaml": spec("a")})
        self.service
        read, write = os.pipe()
        os.close(read)
        try:
            process = self.start("sync", specs, stdout=write)
        finally:
            os.close(write)
        result = self.finish(process)
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertEqual(len(self.service.workflows()), 1)

    def test_paths_of_changes_point_into_the_spec(self):
        specs = self.write({"a.yaml": "flowsync: {suspend: no}\nbody:\n  name: a\n  steps:\n    only:\n"
                                      "      imageId: 7\n      command: make all\n"})
        self.service.create(body("a", "make none"))
        change = self.report(0, "plan", specs)["workflows"][0]["changes"]
        self.assertEqual(change, [{"op": "replace", "path": "/steps/only/command", "from": "make none",
                                   "to": "make all", "reason": "adopted", "file": f"{specs}/a.yaml",
                                   "line": 7, "column": 16}])


class SchemaTest(SchemaCase):
    def test_the_checker_knows_every_keyword_of_the_schemas(self):
        for name in ("workflow", "config", "report"):
            with self.subTest(name):
                self.assertLessEqual(json_schema.keywords(self.schema(name)),
                                     set(json_schema.KEYWORDS) | json_schema.NOTES)

    def test_the_checker_finds_what_is_wrong(self):
        cases = (
            ({"type": "integer"}, True), ({"type": ["string", "null"]}, 1), ({"enum": ["a"]}, "b"),
            ({"const": True}, 1), ({"minimum": 1}, 0), ({"maximum": 1}, 2), ({"minLength": 1}, ""),
            ({"maxProperties": 0}, {"a": 1}), ({"required": ["a"]}, {}),
            ({"properties": {"a": {"type": "null"}}}, {"a": 1}),
            ({"additionalProperties": False}, {"a": 1}),
            ({"additionalProperties": {"type": "null"}}, {"a": 1}), ({"items": {"type": "null"}}, [1]),
            ({"oneOf": [{"type": "null"}]}, 1), ({"oneOf": [{}, {}]}, 1),
            ({"$defs": {"a": {"type": "null"}}, "$ref": "#/$defs/a"}, 1),
        )
        for schema, value in cases:
            self.assertTrue(json_schema.faults(schema, value), schema)

    def test_the_schema_of_a_workflow_takes_every_example(self):
        bodies = []

        def keep(request, pass_on):
            if request.method == "POST":
                bodies.append(json.loads(request.body))
        self.expect(0, "sync", EXAMPLES, endpoint=self.between(keep).endpoint)
        self.assertEqual(len(bodies), 7)
        schema = self.schema("workflow")
        block = {"prune": False, "suspend": True, "ignore": ["/steps/*/command"], "renamed_from": "old"}
        for one in bodies:
            with self.subTest(one["name"]):
                self.assertEqual(json_schema.faults(schema, one), [])
                self.assertEqual(json_schema.faults(schema, {"flowsync": block, "body": one}), [])
                self.assertEqual(json_schema.faults(schema, {**one, "flowsync": block}), [])

    def test_what_the_schema_refuses_validate_refuses_and_the_other_way_round(self):
        schema = self.schema("workflow")
        good, bad = [], []
        step = {"imageId": 7, "command": "x"}

        def workflow(steps=None, **more):
            return {"name": "a", "steps": {"s": step} if steps is None else steps, **more}
        good += [workflow(), workflow({}), workflow(triggers=[]), workflow(triggers=[{}]),
                 workflow({"s": {**step, "stepTimeout": 0}}),
                 workflow({"s": {"type": "sql", "sqlQueryPath": "a"}}),
                 workflow({"s": {"type": "http", "method": "get", "url": "x", "auth": {"type": "no-auth"}}}),
                 workflow({"s": {**step, "parameters": {"env": {"A": "1"}}}}),
                 workflow(retryOptions={"duration": 120, "numberOfRetries": 5})]
        bad += [{}, [], {"name": "", "steps": {}}, {"name": "a"}, workflow(id=1), workflow(nope=1),
                workflow({"s": {}}), workflow({"s": {**step, "imageId": "7"}}),
                workflow({"s": {**step, "type": "ftp"}}), workflow({"s": {**step, "method": "get"}}),
                workflow({"s": {"type": "sql"}}),
                workflow({"s": {"type": "http", "method": "get", "url": "x", "auth": {"type": "basic"}}}),
                workflow(triggers=[{"cron": "0 0 * * *", "webhook": True}]),
                workflow(triggers=[{"webhook": False}]), workflow(tags=[{"name": ""}]),
                workflow(watchers=[{"user": "a"}]), workflow(watchers=[{"events": {}}]),
                workflow(retryOptions={"duration": 121}), workflow(retryOptions={"numberOfRetries": -1}),
                workflow({"s": {**step, "repository": {"url": "x"}}}),
                {"body": workflow(), "flowsync": {"prune": 1}}, {"body": workflow(), "flowsync": {"nope": True}}]
        for number, (value, valid) in enumerate([(v, True) for v in good] + [(v, False) for v in bad]):
            with self.subTest(value):
                file = self.write({f"{number}.yaml": json.dumps(value)}, "values") / f"{number}.yaml"
                self.expect(0 if valid else 65, "validate", file, endpoint=None)
                self.assertEqual(json_schema.faults(schema, value) == [], valid)

    def test_what_the_schema_says_of_a_configuration_the_program_says_too(self):
        schema = self.schema("config")
        specs = self.write({"a.yaml": spec("a")})
        whole = {
            "service": {"endpoint": self.service.endpoint, "token_file": str(self.token_file())},
            "state_dir": "state", "log": {"level": "debug", "format": "json"},
            "syncs": [{"name": "main", "source": {"dir": "specs"}, "only": ["a"], "concurrency": 64,
                       "timeout": "1m30s", "vars": {"x": "1"}, "vars_passthrough": ["y"]}],
        }
        good = [{}, whole, {"log": {"level": "warn"}}, {"syncs": [{}]}]
        bad = [[], {"nope": 1}, {"service": "local"}, {"service": {"endpoint": 7}}, {"log": {"level": "loud"}},
               {"log": {"colour": "red"}}, {"syncs": {}}, {"syncs": [{"concurrency": 65}]},
               {"syncs": [{"concurrency": "8"}]}, {"syncs": [{"only": "a"}]}, {"syncs": [{"source": "specs"}]},
               {"syncs": [{"timeout": 10}]}, {"syncs": [{"vars": ["x"]}]}]
        for value, valid in [(v, True) for v in good] + [(v, False) for v in bad]:
            with self.subTest(value):
                (self.tmp / "config.yaml").write_text(json.dumps(value))
                self.expect(0 if valid else 64, "plan", "-c", "config.yaml", *([] if value is whole else [specs]),
                            endpoint=None if value is whole else True)
                self.assertEqual(json_schema.faults(schema, value) == [], valid)

    def test_an_unknown_schema(self):
        self.assertEqual(self.expect(64, "schema", "workflows", endpoint=None).err,
                         'flowsync: error: schema: expected workflow, config or report, found "workflows"\n')


if __name__ == "__main__":
    unittest.main()
