"""Every example is synced, described and found equal, and together they use every field."""
import re
import shutil
import unittest

import flowsync
from agent import AgentCase, spec
from git_servers import Repository

EXAMPLES = flowsync.ROOT / "examples"
SPECS = EXAMPLES / "workflows"


def listed():
    """{field: file} of examples/fields.txt; a word of a choice stands as "field = word"."""
    lines = (EXAMPLES / "fields.txt").read_text().splitlines()
    return dict(re.split(r"\s+(?=\S+$)", line) for line in lines if not line.startswith("#"))


def schema_fields(schema, node=None, path=""):
    """The same of a JSON Schema: its leaves, and each word of those that are a choice."""
    node = schema if node is None else node
    found = set()
    if "$ref" in node:
        target = schema
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        found |= schema_fields(schema, target, path)
    for word in node.get("enum", [node["const"]] if "const" in node else []):
        if isinstance(word, str):
            found.add(f"{path} = {word}")
    inside = [(key, sub) for key, sub in node.get("properties", {}).items()]
    inside += [("*", sub) for sub in [node.get("additionalProperties"), node.get("items"),
                                      *node.get("patternProperties", {}).values()]]
    for key, sub in inside:
        if isinstance(sub, dict):
            found |= schema_fields(schema, sub, f"{path}/{key}") or {f"{path}/{key}"}
    for sub in [*node.get("oneOf", []), *node.get("anyOf", []), *node.get("allOf", []),
                node.get("then"), node.get("else")]:
        if isinstance(sub, dict):
            found |= schema_fields(schema, sub, path)
    return found


class ExamplesTest(flowsync.ServiceCase):
    def test_all_are_valid_without_a_warning(self):
        result = self.expect(0, "validate", SPECS, endpoint=None)
        self.assertIn("0 errors, 0 warnings", result.err)

    def test_each_is_synced_and_found_equal(self):
        self.expect(0, "sync", SPECS)
        before = self.service.workflows()
        self.assertEqual(sorted(w["name"] for w in before),
                         ["hello", "month-end", "nightly-forecast", "order-received", "price-watch",
                          "report-apac", "report-emea"])
        self.expect(0, "plan", "--detailed-exitcode", SPECS)
        report = self.expect(0, "sync", "-o", "json", SPECS).json()
        self.assertEqual(report["outcome"], "converged")
        self.assertEqual(self.service.workflows(), before)

    def test_describe_gives_back_what_the_files_say(self):
        self.expect(0, "sync", SPECS)
        night = self.service.describe("nightly-forecast")
        self.assertEqual(night["steps"]["pull-orders"]["outputParameters"],
                         {"ROW_COUNT": "rowcount.txt", "MODE": "mode.txt"})
        self.assertEqual(night["steps"]["train"]["executionParameters"]["conditional"][1],
                         {"condition": "equals", "stepName": "pull-orders", "paramName": "MODE",
                          "value": "full"})
        self.assertEqual(len(night["watchers"]), 3)
        order = self.service.describe("order-received")
        self.assertEqual(order["steps"]["post-total"]["payload"],
                         '{"total": "{{total}}", "region": "{{region}}", "salt": "{{SALT_CUSTOM}}"}')
        emea = self.service.describe("report-emea")["steps"]
        self.assertEqual(emea["render"]["imageId"], emea["extract"]["imageId"])
        self.assertEqual(emea["archive"]["resources"], {"instanceTypeId": 21, "storage": "10GB"})
        env = emea["render"]["parameters"]["env"]
        self.assertEqual(sorted(tuple(e.items())[0] for e in env),
                         [("FORMAT", "pdf"), ("MODE", "full"), ("REGION", "emea")])

    def test_what_is_to_be_ignored_is_left_alone(self):
        self.expect(0, "sync", SPECS)
        specs = self.tmp / "changed"
        shutil.copytree(SPECS, specs)
        watch = specs / "price-watch.yaml"
        watch.write_text(watch.read_text().replace('BATCH: "200"', 'BATCH: "500"'))
        self.expect(0, "plan", "--detailed-exitcode", specs)
        watch.write_text(watch.read_text().replace("./collect", "./collect --all"))
        self.expect(2, "plan", "--detailed-exitcode", specs)

    def test_they_use_every_field_that_the_schema_knows(self):
        schema = self.expect(0, "schema", "workflow", endpoint=None).json()
        fields = {re.sub(r"^/body(?=/)", "", f) for f in schema_fields(schema)}
        fields = {f for f in fields if not f.startswith("/flowsync")}
        self.assertEqual(sorted(fields), sorted(listed()))

    def test_each_listed_field_stands_in_the_file_named(self):
        for field, file in listed().items():
            with self.subTest(field):
                text = (SPECS / file).read_text()
                path, _, word = field.partition(" = ")
                keys = [k for k in path.split("/") if k and k != "*"]
                self.assertRegex(text, rf"\b{keys[-1]}:")
                if word:
                    self.assertRegex(text, rf"\b{word}\b")


class AgentExampleTest(AgentCase):
    def test_the_configuration_runs_as_it_stands(self):
        folder = self.tmp / "examples"
        shutil.copytree(EXAMPLES, folder)
        repository = Repository(self.tmp / "repo.git")
        repository.commit({"production/p.yaml": spec("p"), "other/o.yaml": spec("o")})
        for name in ("git-token", "hook-secret"):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(self.secret(name))
        text = (folder / "agent.yaml").read_text()
        url = "https://git.example.com/platform/workflows.git"
        self.assertIn(url, text)
        agent = self.agent(text.replace(url, str(repository.path)), name="examples/agent")
        agent.wait_ready()
        self.assertEqual(agent.report("team")["summary"]["declared"], 7)
        self.assertEqual([w["name"] for w in agent.report("platform")["workflows"]], ["p"])
        hook = {"X-Flowsync-Token": (folder / "hook-secret").read_text()}
        agent.wait_next("platform", lambda: agent.get("/hook/platform", b"{}", hook), trigger="webhook")
        agent.stop()


if __name__ == "__main__":
    unittest.main()
