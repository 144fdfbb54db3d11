"""The habits of the test service, each switched on by its name ("NAME" or "NAME=VALUE").

Those that change what describe and list say, or what a write keeps, are functions here; those
of time, order and connection are only listed here and live in peer.py.
"""
import re

import shape

HABITS = {}     # name: (value if none is given, what it does)
READERS = []    # (name, function): change an answer, in this order
WRITERS = []    # (name, function): change what a write keeps


def habit(name, value, about):
    HABITS[name] = (value, about)


def reader(name, value, about):
    def add(function):
        habit(name, value, about)
        READERS.append((name, function))
        return function
    return add


def writer(name, value, about):
    def add(function):
        habit(name, value, about)
        WRITERS.append((name, function))
        return function
    return add


def parse(names):
    """{name: value} of texts like "slow" and "slow=50"."""
    chosen = {}
    for text in names:
        name, _, value = text.partition("=")
        if name == "page-100":
            name, value = "page", "100"
        if name not in HABITS:
            raise ValueError(f'no habit is called "{name}"')
        usual = HABITS[name][0]
        chosen[name] = type(usual)(value) if value and usual is not None else usual
    return chosen


# ---- what a write keeps: function(new, old, value), both are changed in place ----

def holders(tree, path):
    """All (holder, key) that a pointer with * for one level names in a tree."""
    parts = path.strip("/").split("/")
    level = [tree]
    for part in parts[:-1]:
        level = [inner for outer in level for key, inner in entries(outer) if part in ("*", key)]
    return [(outer, key) for outer in level for key, _ in entries(outer) if parts[-1] in ("*", key)]


def entries(value):
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list):
        return [(str(i), item) for i, item in enumerate(value)]
    return []


@writer("ignore-field", "/steps/*/clearImageCache", "what is sent there is passed over (VALUE: a pointer)")
def ignore_field(new, old, path):
    for outer, key in holders(new, path):
        if isinstance(outer, dict):
            del outer[key]
    for name, step in old.get("steps", {}).items():
        # What was there before stays, where the place is there still.
        for outer, key in holders({"steps": {name: step}}, path):
            if outer is step and name in new.get("steps", {}):
                new["steps"][name][key] = step[key]


@writer("refuse-values", None, "stepTimeout is kept at 3600 at most, numberOfRetries at 2")
def refuse_values(new, old, _):
    for path, kind, value in list(shape.each(shape.WORKFLOW, new)):
        if kind is shape.STEP and value.get("stepTimeout", 0) > 3600:
            value["stepTimeout"] = 3600
        if kind is shape.RETRY and value.get("numberOfRetries", 0) > 2:
            value["numberOfRetries"] = 2


# ---- what an answer shows: function(answer, value, peer), changed in place ----

def each_step(answer):
    return list(answer.get("steps", {}).values())


def each_retry(answer):
    return [value for _, kind, value in shape.each(shape.WORKFLOW, answer) if kind is shape.RETRY]


def fill(target, **values):
    for key, value in values.items():
        target.setdefault(key, value)


@reader("defaults", None, "what was left out is filled in")
def defaults(answer, *_):
    fill(answer, tags=[], watchers=[], triggers=[])
    for retry in each_retry(answer):
        fill(retry, duration=5, exponentialBackoff=False, numberOfRetries=3)
    for watcher in answer["watchers"]:
        fill(watcher.get("events", {}), success=False, fail=False)
    for step in each_step(answer):
        kind = step.setdefault("type", "standard")
        fill(step, parents=[], runConfiguration={}, executionParameters={})
        fill(step["runConfiguration"], skipConfiguration={})
        fill(step["runConfiguration"]["skipConfiguration"], skip=False, skipDAG=False)
        if kind == "standard":
            fill(step, imageVersionId=1, imageName="image", imageVersion="1.0.0", clearImageCache=False,
                 stepTimeout=0, resources={}, outputParameters={})
            fill(step["resources"], instanceTypeId=21, storage="10GB")
        if kind == "export":
            fill(step, sortOrder="asc", compression=False)
        else:
            fill(step, parameters={})
            fill(step["parameters"], env={}, inherit={})


@reader("hide-retry", None, "retryOptions of the workflow are never shown")
def hide_retry(answer, *_):
    answer.pop("retryOptions", None)


@reader("hide-metadata", None, "metadata is never shown")
def hide_metadata(answer, *_):
    answer.pop("metadata", None)


def repositories(answer):
    return [step["repository"] for step in each_step(answer) if "repository" in step]


@reader("hide-tokens", None, "repository.token is never shown; an update without one keeps it")
def hide_tokens(answer, *_):
    for repository in repositories(answer):
        repository.pop("token", None)


@reader("empty-tokens", None, "repository.token is shown as \"\"; an update without one keeps it")
def empty_tokens(answer, *_):
    for repository in repositories(answer):
        repository["token"] = ""


habit("forget-tokens", None, "with one of the two: an update without a token loses it all the same")


@reader("hide-auth", None, "the secrets of auth are shown as \"\"")
def hide_auth(answer, *_):
    for step in each_step(answer):
        for key in set(step.get("auth", {})) & {"clientSecret", "password", "apiKey", "bearerToken"}:
            step["auth"][key] = ""


@reader("reformat-storage", None, "10GB is shown as 10 GB")
def reformat_storage(answer, *_):
    for step in each_step(answer):
        resources = step.get("resources", {})
        if "storage" in resources:
            resources["storage"] = re.sub(r"^(\d+)([A-Za-z]+)$", r"\1 \2", resources["storage"])


@reader("https-urls", None, "https:// is put before a URL without a scheme")
def https_urls(answer, *_):
    for outer in [*repositories(answer), *each_step(answer)]:
        if "://" not in outer.get("url", "://"):
            outer["url"] = "https://" + outer["url"]


@reader("trim-text", None, "newlines at the end of command and payload are cut")
def trim_text(answer, *_):
    for step in each_step(answer):
        for key in {"command", "payload"} & set(step):
            step[key] = step[key].rstrip("\n")


@reader("lower-tags", None, "names of tags are shown in lower case")
def lower_tags(answer, *_):
    for tag in answer.get("tags", []):
        tag["name"] = tag["name"].lower()


@reader("drop-our-tags", None, "no tag of flowsync's is ever shown")
def drop_our_tags(answer, *_):
    if "tags" in answer:
        answer["tags"] = [tag for tag in answer["tags"] if not tag["name"].startswith("flowsync-")]


@reader("text-numbers", None, "all numbers inside of the body are shown as text, and taken as such")
def text_numbers(answer, *_):
    for path, kind, value in list(shape.each(shape.WORKFLOW, answer)):
        if kind in (shape.INT, shape.NUMBER) and isinstance(value, (int, float)):
            outer = answer
            for part in path[:-1]:
                outer = outer[part]
            outer[path[-1]] = str(value)


def looks_like_number(value):
    return isinstance(value, str) and re.fullmatch(r"0|-?[1-9]\d{0,14}", value)


@reader("number-texts", None, "env and condition values that look like whole numbers are shown as numbers")
def number_texts(answer, *_):
    for step in each_step(answer):
        env = step.get("parameters", {}).get("env", {})
        conditions = step.get("executionParameters", {}).get("conditional", [])
        for outer, keys in [(env, list(env)), *((c, ["value"]) for c in conditions)]:
            for key in keys:
                if looks_like_number(outer[key]):
                    outer[key] = int(outer[key])


@reader("drop-empty", None, "empty maps and lists are left out")
def drop_empty(answer, *_):
    def drop(value):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if isinstance(inner, (dict, list)):
                drop(inner)
                if not inner and isinstance(value, dict) and key != "steps":
                    del value[key]
    drop(answer)


@reader("null-keys", None, "keys that were left out are shown as null, those of other kinds of steps too")
def null_keys(answer, _, peer):
    hidden = {"webhookPolicy"}
    hidden |= {"retryOptions"} if "hide-retry" in peer.habits else set()
    hidden |= {"metadata"} if "hide-metadata" in peer.habits else set()
    hidden |= {"token"} if "hide-tokens" in peer.habits else set()
    for _, kind, value in list(shape.each(shape.WORKFLOW, answer)):
        if isinstance(kind, dict) and isinstance(value, dict):
            fill(value, **{key: None for key in kind if key not in hidden})


@reader("watcher-ids", None, "watchers have an id")
def watcher_ids(answer, *_):
    for i, watcher in enumerate(answer.get("watchers") or []):
        watcher["id"] = f"watcher-{answer['id']}-{i}"


@reader("extra-keys", None, "keys that nobody knows, in every object of an answer")
def extra_keys(answer, *_):
    for path, kind, value in list(shape.each(shape.WORKFLOW, answer)):
        if isinstance(kind, dict) and isinstance(value, dict):
            value.update(createdBy="somebody@example.com", nodeId=f"n-{len(path)}", revision={"number": 7})


# The three forms of env; the first is what is shown without any of them.

@reader("env-list", None, "env is shown as [{\"A\": \"1\"}, {\"B\": \"2\"}], as it is anyway")
def env_list(answer, *_):
    for step in each_step(answer):
        parameters = step.get("parameters") or {}
        if isinstance(parameters.get("env"), dict):
            parameters["env"] = [{key: value} for key, value in parameters["env"].items()]


@reader("env-one-map", None, "env is shown as [{\"A\": \"1\", \"B\": \"2\"}]")
def env_one_map(answer, *_):
    for step in each_step(answer):
        parameters = step.get("parameters") or {}
        if isinstance(parameters.get("env"), dict):
            parameters["env"] = [parameters["env"]] if parameters["env"] else []


habit("env-map", None, "env is shown as {\"A\": \"1\", \"B\": \"2\"}")

SETS = {"tags", "watchers", "triggers", "parents", "secrets", "exitCodes", "to", "status", "env"}


@reader("reorder", None, "keys of maps, and lists whose order means nothing, come in another order each time")
def reorder(answer, _, peer):
    def mix(value):
        if isinstance(value, dict):
            items = list(value.items())
            peer.random.shuffle(items)
            value.clear()
            value.update(items)
            for key, inner in items:
                if isinstance(inner, list) and key in SETS:
                    peer.random.shuffle(inner)
        for _, inner in entries(value):
            mix(inner)
    mix(answer)


@reader("no-last-execution", None, "lastExecution is left out")
def no_last_execution(answer, *_):
    answer.pop("lastExecution", None)


# ---- of lists, time, order and connection: see peer.py ----

habit("same-names", None, "beside each new workflow the service has another one of the same name")
habit("many-triggers", None, "a workflow made without triggers gets two webhooks and a cron by itself")
habit("webhook-new-id", None, "an update without webhookPolicy gives new addresses, as it does anyway")
habit("webhook-keep", None, "an update never gives a new webhook address")
habit("loose-search", None, "searchTerm matches parts of names and tags, in any case")
habit("exact-search", None, "searchTerm matches whole names only")
habit("page", 3, "at most so many workflows a page; page-100 is page=100")
habit("shifting-pages", 2, "pages (of 3) shift under the reader for so many readings: one moves, one comes")
habit("empty-page", None, "pages (of 3) are empty from the second on")
habit("count-lies", None, "workflowsCount is one too high")
habit("stale-reads", 300, "for so many ms after a write, answers are those from before it")
habit("busy", "2", "a workflow runs, and answers 409, for its first so many writes, or for 300ms")
habit("resume-on-update", None, "an update resumes a paused workflow")
habit("runs", 0, "an execution takes so many ms")
habit("fail-step", "fail", "the step of that name fails, and what comes after it is skipped")
habit("log-lines", 250, "each step prints so many lines more")
habit("log-page", 2, "at most so many lines of log a page")
habit("no-log-token", None, "all of a log comes at once, without nextToken")
habit("strict", None, "unknown keys and read-only ones are refused (422), env is text only")
habit("slow", 30, "every answer takes so many ms")
habit("flaky", 5, "every so many-th request is answered 503 with Retry-After undone, or 500 though done, by turns")
habit("rate-limit", 9, "every so many-th request is answered 429 with Retry-After: 1")
habit("lose-create", 1, "so many creates are done, but the connection is cut")
habit("updated-at-moves", None, "updatedAt is another one in every answer")
habit("updated-at-still", None, "updatedAt is always createdAt")
habit("updated-at-runs", None, "updatedAt moves when an execution ends, too")
habit("updated-at-back", None, "after a restore, updatedAt is older by a day: of each workflow that was updated")
habit("clock-of-seconds", None, "times have no fraction")
habit("clock-skew", -5400, "the service's clock is so many seconds off")
