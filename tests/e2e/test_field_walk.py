"""Each field of a workflow is set, changed through several values, taken out and set again.

What came of it each time is compared with golden/field_walk.txt, for the local service and for the
second one with some of its habits; each service is a test of its own, so that they run side by side.  A cell says what the report says was done (patch or replace;
add, replace or remove), and what came of it:

    written   describe shows what was declared; of a removal: it is gone from the service
    hidden    describe shows nothing there
    settled   describe shows something else, which is the service's habit
    refused   the service kept another value
    kept      it was taken out, and an update that leaves it out does not remove it; no describe tells
    nothing   was to be done, as the value is what its absence means

UPDATE_GOLDEN=1 writes what differs; then the local service has to come first, as in: python3 test_field_walk.py.
A second sync after each change writes nothing, ever.
"""
import json
import os
import pathlib
import re
import unittest

import flowsync
from test_examples import listed
from test_peer import Peer, without_ours

GOLDEN = pathlib.Path(__file__).parent / "golden/field_walk.txt"
HABITS = {
    "peer": (),
    "peer, defaults": ("defaults",),
    "peer, hiding": ("hide-retry", "hide-metadata", "hide-tokens", "hide-auth"),
    "peer, changing": ("refuse-values", "ignore-field", "https-urls", "trim-text", "lower-tags", "reformat-storage"),
}

STANDARD = {"imageId": 7, "command": "make all"}
HTTP = {"type": "http", "method": "post", "url": "https://example.com/x", "auth": {"type": "no-auth"}}
EXPORT = {"type": "export", "schema": "s", "table": "t", "sortBy": "c"}
SQL = {"type": "sql", "sqlQueryPath": "a.sql"}
REPOSITORY = {"url": "https://git.example.com/r", "branch": "main"}
AUTHS = {
    "oauth": {"clientId": "id", "clientSecret": "secret-name", "authUrl": "https://example.com/auth"},
    "basic": {"username": "u", "password": "password-name"},
    "api-key": {"apiKey": "key-name"},
    "bearer-token": {"bearerToken": "token-name"},
}
WATCHER = {"user": "a@example.com", "events": {"fail": True}}
CONDITION = {"condition": "equals", "stepName": "first", "paramName": "OUT", "value": "1"}
STATUS = {"condition": "all-of", "parents": ["first"], "status": ["success"]}
PAGER = {"name": "pager", "url": "https://example.com/hook", "payload": "{}"}
MAIL = {"name": "team", "recipients": {"to": ["a@example.com"]}}


def with_key(base, key, *values):
    return [{**base, key: value} for value in values]


def auth(kind, key, *values):
    return [{"type": kind, **more} for more in with_key(AUTHS[kind], key, *values)]


def watchers(kind, base, key, *values):
    return [[{kind: one, "events": {"fail": True}}] for one in with_key(base, key, *values)]


def events(key, *values):
    return [[{"user": "a@example.com", "events": {"fail": True, key: value}}] for value in values]


def retries(where):
    return {f"{where}/duration": (where, [{"duration": n} for n in (10, 120, 5)]),
            f"{where}/numberOfRetries": (where, [{"numberOfRetries": n} for n in (1, 5, 3)]),
            f"{where}/exponentialBackoff": (where, [{"exponentialBackoff": b} for b in (True, False, True)]),
            f"{where}/exitCodes/*": (where, [{"exitCodes": codes} for codes in ([1], [2, 1], [3])])}


# field: (what is set and taken out again, its values, the step that it stands in); the step called "w" is the one walked.
ROWS = {
    "/metadata/allowConcurrentExecution": ("/metadata/allowConcurrentExecution", [True, False, True]),
    **retries("/retryOptions"),
    "/tags/*/name": ("/tags", [[{"name": "Red"}], [{"name": "blue"}, {"name": "Red"}], [{"name": "green"}]]),
    "/triggers/*/cron": ("/triggers", [[{"cron": "0 1 * * *"}], [{"cron": "0 2 * * *"}],
                                       [{"cron": "0 2 * * *"}, {"cron": "0 3 * * *"}]]),
    "/triggers/*/webhook": ("/triggers", [[{"webhook": True}], [{"webhook": True}, {"cron": "0 1 * * *"}], [{"webhook": True}]]),
    "/triggers/*/webhookPolicy": ("/triggers", [[{"webhook": True, "webhookPolicy": "preserve"}], [{"webhook": True}],
                                                [{"webhook": True, "webhookPolicy": "preserve"}]]),
    "/watchers/*/user": ("/watchers", [[WATCHER], [{**WATCHER, "user": "b@example.com"}], [WATCHER, {**WATCHER, "user": "b@example.com"}]]),
    "/watchers/*/events/success": ("/watchers", events("success", True, False, True)),
    "/watchers/*/events/fail": ("/watchers", events("fail", True, False, True)),
    "/watchers/*/events/runtimeExceeded": ("/watchers", events("runtimeExceeded", 5, 60, 7.5)),
    "/watchers/*/webhook/name": ("/watchers", watchers("webhook", PAGER, "name", "one", "two", "three")),
    "/watchers/*/webhook/url": ("/watchers", watchers("webhook", PAGER, "url", "https://a.example.com", "https://b.example.com",
                                                      "https://a.example.com/x")),
    "/watchers/*/webhook/payload": ("/watchers", watchers("webhook", PAGER, "payload", "{\"a\": 1}", "{\"a\": 2}", "{}")),
    "/watchers/*/email/name": ("/watchers", watchers("email", MAIL, "name", "one", "two", "three")),
    "/watchers/*/email/recipients/to/*": ("/watchers", [[{"email": {"name": "n", "recipients": {"to": to}}, "events": {"fail": True}}]
                                                        for to in (["a@b.c"], ["d@e.f", "a@b.c"], ["g@h.i"])]),
    "/steps/*/type": ("/steps/w", [STANDARD, HTTP, SQL, EXPORT, {**STANDARD, "type": "standard"}]),
    "/steps/*/parents/*": ("/steps/w/parents", [["first"], ["second", "first"], []], STANDARD),
    "/steps/*/parameters/env/*": ("/steps/w/parameters/env", [{"A": "1"}, {"A": "2", "B": "x"}, {"B": "no"}], STANDARD),
    "/steps/*/parameters/inherit/*": ("/steps/w/parameters/inherit", [{"A": "OUT"}, {"B": "OUT"}, {"A": "OUT", "B": "OUT"}], STANDARD),
    "/steps/*/parameters/secrets/*": ("/steps/w/parameters/secrets", [["one"], ["two", "one"], ["two"]], STANDARD),
    "/steps/*/outputParameters/*": ("/steps/w/outputParameters", [{"O": "a.txt"}, {"O": "b.txt"}, {"P": "b.txt"}], STANDARD),
    "/steps/*/executionParameters/conditional/*/condition": (
        "/steps/w/executionParameters/conditional", [[c] for c in with_key(CONDITION, "condition", "equals", "not-equals", "equals")], STANDARD),
    "/steps/*/executionParameters/conditional/*/paramName": (
        "/steps/w/executionParameters/conditional", [[c] for c in with_key(CONDITION, "paramName", "OUT", "MORE", "OUT")], STANDARD),
    "/steps/*/executionParameters/conditional/*/stepName": (
        "/steps/w/executionParameters/conditional", [[c] for c in with_key(CONDITION, "stepName", "first", "second", "first")], STANDARD),
    "/steps/*/executionParameters/conditional/*/value": (
        "/steps/w/executionParameters/conditional", [[c] for c in with_key(CONDITION, "value", "1", "01", "x")], STANDARD),
    "/steps/*/executionParameters/parentStatus/*/condition": (
        "/steps/w/executionParameters/parentStatus", [[s] for s in with_key(STATUS, "condition", "all-of", "one-of", "all-of")], STANDARD),
    "/steps/*/executionParameters/parentStatus/*/parents/*": (
        "/steps/w/executionParameters/parentStatus", [[s] for s in with_key(STATUS, "parents", ["first"], ["second", "first"], ["second"])], STANDARD),
    "/steps/*/executionParameters/parentStatus/*/status/*": (
        "/steps/w/executionParameters/parentStatus", [[s] for s in with_key(STATUS, "status", ["success"], ["failure"], ["success", "failure"])], STANDARD),
    **{k.replace("/w/", "/*/"): (*row, STANDARD) for k, row in retries("/steps/w/runConfiguration/retryOptions").items()},
    "/steps/*/runConfiguration/skipConfiguration/skip": ("/steps/w/runConfiguration/skipConfiguration/skip", [True, False, True], STANDARD),
    "/steps/*/runConfiguration/skipConfiguration/skipDAG": ("/steps/w/runConfiguration/skipConfiguration/skipDAG", [True, False, True], STANDARD),
    "/steps/*/imageId": ("/steps/w", with_key(STANDARD, "imageId", 7, 8, 9)),
    "/steps/*/imageVersionId": ("/steps/w/imageVersionId", [2, 1, 4], STANDARD),
    "/steps/*/command": ("/steps/w", with_key(STANDARD, "command", "make\nmake check\n", "make", "")),
    "/steps/*/resources/instanceTypeId": ("/steps/w/resources", with_key({"storage": "20GB"}, "instanceTypeId", 23, 24, 21), STANDARD),
    "/steps/*/resources/storage": ("/steps/w/resources", with_key({"instanceTypeId": 21}, "storage", "20GB", "30 GB", "10GB"), STANDARD),
    "/steps/*/stepTimeout": ("/steps/w/stepTimeout", [60, 7200, 3600], STANDARD),
    "/steps/*/clearImageCache": ("/steps/w/clearImageCache", [True, False, True], STANDARD),
    "/steps/*/repository/url": ("/steps/w/repository", with_key(REPOSITORY, "url", "https://a.example.com/r", "b.example.com/r", "https://c.example.com"), STANDARD),
    "/steps/*/repository/branch": ("/steps/w/repository", with_key(REPOSITORY, "branch", "main", "next", "main"), STANDARD),
    "/steps/*/repository/token": ("/steps/w/repository/token", ["one", "two", "three"], {**STANDARD, "repository": REPOSITORY}),
    "/steps/*/repository/filePath": ("/steps/w", [{"type": "sql", "repository": {**REPOSITORY, "filePath": p}} for p in ("a.sql", "b.sql", "c.sql")]),
    "/steps/*/sqlQueryPath": ("/steps/w", with_key(SQL, "sqlQueryPath", "a.sql", "b.sql", "c.sql")),
    "/steps/*/method": ("/steps/w", with_key(HTTP, "method", "get", "post", "put", "patch", "delete")),
    "/steps/*/url": ("/steps/w", with_key(HTTP, "url", "https://a.example.com", "https://u@b.example.com/?q=1", "https://a.example.com/x")),
    "/steps/*/payload": ("/steps/w/payload", ["{\"a\": 1}", "{\"a\": 2}\n", "{}"], HTTP),
    "/steps/*/headers/absolute/*": ("/steps/w/headers/absolute", [{"X-A": "1"}, {"X-A": "2", "X-B": "3"}, {"X-B": "3"}], HTTP),
    "/steps/*/headers/secrets/*": ("/steps/w/headers/secrets", [{"X-A": "one"}, {"X-A": "two"}, {"X-B": "two"}], HTTP),
    "/steps/*/auth/type": ("/steps/w/auth", [{"type": "no-auth"}, *({"type": k, **v} for k, v in AUTHS.items())], HTTP),
    "/steps/*/auth/clientId": ("/steps/w/auth", auth("oauth", "clientId", "one", "two", "three"), HTTP),
    "/steps/*/auth/clientSecret": ("/steps/w/auth", auth("oauth", "clientSecret", "one", "two", "three"), HTTP),
    "/steps/*/auth/authUrl": ("/steps/w/auth", auth("oauth", "authUrl", "https://a.example.com", "https://b.example.com", "https://a.example.com/x"), HTTP),
    "/steps/*/auth/username": ("/steps/w/auth", auth("basic", "username", "one", "two", "three"), HTTP),
    "/steps/*/auth/password": ("/steps/w/auth", auth("basic", "password", "one", "two", "three"), HTTP),
    "/steps/*/auth/apiKey": ("/steps/w/auth", auth("api-key", "apiKey", "one", "two", "three"), HTTP),
    "/steps/*/auth/bearerToken": ("/steps/w/auth", auth("bearer-token", "bearerToken", "one", "two", "three"), HTTP),
    "/steps/*/schema": ("/steps/w", with_key(EXPORT, "schema", "a", "b", "c")),
    "/steps/*/table": ("/steps/w", with_key(EXPORT, "table", "a", "b", "c")),
    "/steps/*/sortBy": ("/steps/w", with_key(EXPORT, "sortBy", "a", "b", "c")),
    "/steps/*/sortOrder": ("/steps/w/sortOrder", ["desc", "asc", "desc"], EXPORT),
    "/steps/*/compression": ("/steps/w/compression", [True, False, True], EXPORT),
}


def name_of(field):
    return field.strip("/").replace("/", ".").replace("*", "_")


def get(tree, pointer):
    for key in pointer.strip("/").split("/"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def body_with(field, value):
    """The workflow of a field; value None: without it."""
    pointer, _, *step = ROWS[field]
    body = {"name": name_of(field), "steps": {
        "first": {**STANDARD, "outputParameters": {"OUT": "out.txt", "MORE": "more.txt"}}, "second": {**STANDARD, "parents": ["first"]}}}
    if step:
        body["steps"]["w"] = dict(step[0])
    *outer, last = pointer.strip("/").split("/")
    place = body
    for key in outer:
        place[key] = dict(place.get(key, {})) if value is not None else place.get(key, {})
        place = place[key]
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value
    return body


def shows(declared, shown):
    """Whether a describe's answer says what was declared; what else it says does not count."""
    if isinstance(declared, dict):
        if isinstance(shown, list):     # env
            shown = {k: v for item in shown for k, v in item.items()}
        return isinstance(shown, dict) and all(shows(v, shown.get(k)) for k, v in declared.items() if k != "webhookPolicy")
    if isinstance(declared, list):
        left = list(shown or [])
        for item in declared:
            found = next((s for s in left if shows(item, s)), None)
            if found is None:
                return False
            left.remove(found)
        return not left
    if declared is True and isinstance(shown, str):     # a webhook's address
        return True
    return shown == declared or (isinstance(shown, str) and shown.replace(" ", "") == str(declared).replace(" ", ""))


def hidden(declared, shown):
    """Whether something that was declared is not there, or empty."""
    if isinstance(declared, dict) and isinstance(shown, dict):
        return any(hidden(v, shown.get(k)) for k, v in declared.items())
    return shown in (None, "") and declared not in (None, "")


class FieldWalkTest(flowsync.ServiceCase):
    def test_there_is_a_row_for_each_field_and_a_value_for_each_word(self):
        fields = {field.partition(" = ")[0] for field in listed()} - {"/name"}     # see the scenarios of renames
        self.assertEqual(sorted(ROWS), sorted(fields))
        for field in listed():
            field, _, word = field.partition(" = ")
            if word and word != "response.txt":
                self.assertIn(f'"{word}"', json.dumps([ROWS[field][1], ROWS[field][2:]]) + '"standard"', field)

    def test_the_golden_file_says_nothing_else(self):
        self.assertEqual(text_of(read_golden()), GOLDEN.read_text())

    def test_every_field_on_the_local_service(self):
        self.check("local", self.walk(True, self.service.describe, self.service.describe))

    def test_every_field_on_the_peer(self):
        self.walk_peer("peer")

    def test_every_field_on_the_peer_with_defaults(self):
        self.walk_peer("peer, defaults")

    def test_every_field_on_the_peer_that_hides(self):
        self.walk_peer("peer, hiding")

    def test_every_field_on_the_peer_that_changes_values(self):
        self.walk_peer("peer, changing")

    def walk_peer(self, label):
        peer = Peer(self.token_file().read_text().strip(), HABITS[label]).start()
        self.addCleanup(peer.stop)
        cells = self.walk(peer.url, peer.shown, lambda name: peer.named(name).body)
        self.assertEqual(peer.complaints + peer.broken, [])
        self.check(label, cells)

    def check(self, label, cells):
        """All fields for the local service; for another those that fare otherwise."""
        cells = {field: "; ".join(found) for field, found in cells.items()}
        golden = read_golden()
        wanted = golden["local"] if label == "local" else {**golden["local"], **golden[label]}
        if os.environ.get("UPDATE_GOLDEN") and cells != wanted:
            golden[label] = {f: c for f, c in cells.items() if label == "local" or c != golden["local"][f]}
            GOLDEN.write_text(text_of(golden))
        self.assertEqual(lines_of(cells), lines_of(wanted))

    def walk(self, url, describe, kept):
        """{field: [cell, ...]}; describe and kept give a workflow by its name, as it is shown and as it is."""
        state = self.tmp / f"state-{hash(url)}"
        cells = {field: [] for field in ROWS}
        self.cycle(url, state, {field: body_with(field, None) for field in ROWS})
        longest = max(len(row[1]) for row in ROWS.values())
        # The values one after the other, then none, then the first again.
        for turn in range(longest + 2):
            values = {}
            for field, (_, all_of, *_) in ROWS.items():
                values[field] = None if turn == longest else all_of[0] if turn > longest else all_of[min(turn, len(all_of) - 1)]
            report = self.cycle(url, state, {field: body_with(field, value) for field, value in values.items()})
            steps = {w["name"]: w for w in report["workflows"]}
            for field, value in values.items():
                if turn < len(ROWS[field][1]) or turn >= longest:
                    look = kept if value is None else describe
                    shown = get(without_ours(look(name_of(field))), ROWS[field][0])
                    cells[field].append(self.cell(field, steps[name_of(field)], value, shown))
        return cells

    def cycle(self, url, state, bodies):
        specs = self.write({f"{name_of(field)}.yaml": json.dumps(body) for field, body in bodies.items()})
        env = {"FLOWSYNC_STATE_DIR": state}
        first = self.flowsync("sync", "-o", "json", "--verbose", "--concurrency", "32", specs, endpoint=url, env=env)
        self.assertIn(first.code, (0, 4), first)
        again = self.flowsync("sync", "-o", "json", specs, endpoint=url, env=env)
        self.assertEqual(again.code, first.code, again)
        wrote = set(again.json()["requests"]["by_operation"])
        self.assertLessEqual(wrote, {"list_workflows", "describe_workflow", "get_default_resource"}, again)
        return first.json()

    def cell(self, field, step, value, shown):
        self.assertIn(step["result"], ("applied", "unchanged", "refused"), step)
        for change in step["changes"]:
            # A spec that does not say what it was is no other one: only its own change is ever a reason.
            self.assertIn(change["reason"], ("declared", "undeclared"), (field, change))
        done = "+".join(sorted({change["op"] for change in step["changes"]}))
        if step["refused"] or step["settled"]:
            what = "+".join(word for word in ("refused", "settled") if step[word])
        elif not done:
            what = "nothing"
        elif value is None:
            what = "kept" if shows(ROWS[field][1][-1], shown) else "written"
        else:
            what = "written" if shows(value, shown) else "hidden" if hidden(value, shown) else "LOST"
        return f"{step['action']} {done} {what}" if done else what


def read_golden():
    """{label: {field: cells}} of the file."""
    sections = re.split(r"(?m)^== (.*?) ==.*\n", GOLDEN.read_text())[1:]
    return {label: dict(re.findall(r"(?m)^(/.*)\n    (.*)$", text)) for label, text in zip(sections[::2], sections[1::2])}


def text_of(golden):
    text = "The values in their order; then without any; then the first value again.\n"
    for label in ("local", *HABITS):
        text += f"\n== {label} ==" + ("" if label == "local" else " (otherwise than local)") + "\n"
        text += lines_of(golden[label])
    return text


def lines_of(cells):
    return "".join(f"{field}\n    {found}\n" for field, found in sorted(cells.items()))


if __name__ == "__main__":
    unittest.main()
