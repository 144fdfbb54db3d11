"""What a workflow may be: this service's own reading of the contract, and what it refuses.

A shape is TEXT, INT, NUMBER, BOOL, SCALAR, a tuple of words (one of them), [shape] (a list),
Map(shape) (any keys), or a dict (an object with these keys).
"""
TEXT, INT, NUMBER, BOOL, SCALAR = "text", "a whole number", "a number", "true or false", "a scalar"


class Map:
    def __init__(self, of):
        self.of = of


RETRY = {"duration": INT, "exitCodes": [INT], "exponentialBackoff": BOOL, "numberOfRetries": INT}

STEP = {
    "type": ("standard", "http", "export", "sql"),
    "parents": [TEXT],
    "parameters": {"env": Map(SCALAR), "inherit": Map(TEXT), "secrets": [TEXT]},
    "outputParameters": Map(TEXT),
    "executionParameters": {
        "conditional": [{"condition": ("equals", "not-equals"), "paramName": TEXT, "stepName": TEXT,
                         "value": SCALAR}],
        "parentStatus": [{"condition": ("all-of", "one-of"), "parents": [TEXT],
                          "status": [("success", "failure")]}],
    },
    "runConfiguration": {"retryOptions": RETRY, "skipConfiguration": {"skip": BOOL, "skipDAG": BOOL}},
    "imageId": INT, "imageVersionId": INT, "command": TEXT, "clearImageCache": BOOL, "stepTimeout": INT,
    "resources": {"instanceTypeId": INT, "storage": TEXT},
    "repository": {"url": TEXT, "branch": TEXT, "token": TEXT, "filePath": TEXT},
    "method": ("get", "post", "put", "patch", "delete"), "url": TEXT, "payload": TEXT,
    "headers": {"absolute": Map(TEXT), "secrets": Map(TEXT)},
    "auth": {"type": ("no-auth", "oauth", "basic", "api-key", "bearer-token"), "clientId": TEXT,
             "clientSecret": TEXT, "authUrl": TEXT, "username": TEXT, "password": TEXT, "apiKey": TEXT,
             "bearerToken": TEXT},
    "schema": TEXT, "table": TEXT, "sortBy": TEXT, "sortOrder": ("asc", "desc"), "compression": BOOL,
    "sqlQueryPath": TEXT,
}
TRIGGER = {"cron": TEXT, "webhook": BOOL, "webhookPolicy": TEXT}
WATCHER = {
    "events": {"success": BOOL, "fail": BOOL, "runtimeExceeded": NUMBER},
    "user": TEXT,
    "webhook": {"name": TEXT, "url": TEXT, "payload": TEXT},
    "email": {"name": TEXT, "recipients": {"to": [TEXT]}},
}
WORKFLOW = {
    "name": TEXT, "metadata": {"allowConcurrentExecution": BOOL}, "tags": [{"name": TEXT}],
    "triggers": [TRIGGER], "watchers": [WATCHER], "retryOptions": RETRY, "steps": Map(STEP),
}

# What a step of each type may have; only a strict service looks.
COMMON = {"type", "parents", "executionParameters", "runConfiguration"}
OF_TYPE = {
    "standard": {"imageId", "imageVersionId", "command", "clearImageCache", "stepTimeout", "resources",
                 "repository", "parameters", "outputParameters"},
    "http": {"method", "url", "payload", "headers", "auth", "parameters", "outputParameters"},
    "export": {"schema", "table", "sortBy", "sortOrder", "compression"},
    "sql": {"sqlQueryPath", "repository", "parameters"},
}

# What only answers have.
READ_ONLY = {"id", "createdAt", "updatedAt", "status", "lastExecution"}
STEP_READ_ONLY = {"imageName", "imageVersion"}
TRIGGER_READ_ONLY = {"scheduled"}

# What the extra-keys and watcher-ids habits add; taken back without a word, as a service would.
OWN_EXTRA = {"createdBy", "nodeId", "revision"}

REQUIRED = {
    "standard": ["imageId", "command"], "http": ["method", "url"],
    "export": ["schema", "table", "sortBy"], "sql": [],
}
AUTH_REQUIRED = {
    "no-auth": [], "oauth": ["clientId", "clientSecret", "authUrl"], "basic": ["username", "password"],
    "api-key": ["apiKey"], "bearer-token": ["bearerToken"],
}


def each(shape, value, path=()):
    """All (path, shape, value) of a tree that fits its shape; what has no shape is left out."""
    yield path, shape, value
    if isinstance(shape, list) and isinstance(value, list):
        for i, item in enumerate(value):
            yield from each(shape[0], item, (*path, i))
    elif isinstance(value, dict) and isinstance(shape, (dict, Map)):
        for key in list(value):
            inner = shape.of if isinstance(shape, Map) else shape.get(key)
            if inner is not None:
                yield from each(inner, value[key], (*path, key))


def pointer(path):
    return "".join(f"/{part}" for part in path)


def clean(value):
    """A copy without the keys whose value is null; empty triggers mean none."""
    if isinstance(value, dict):
        return {key: clean(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def fits(shape, value):
    if isinstance(shape, tuple):
        return value in shape
    if isinstance(shape, list):
        return isinstance(value, list)
    if isinstance(shape, (dict, Map)):
        return isinstance(value, dict)
    if shape == BOOL:
        return isinstance(value, bool)
    if shape == TEXT:
        return isinstance(value, str)
    if shape == SCALAR:
        return isinstance(value, (str, int, float, bool))
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (shape == NUMBER and isinstance(value, float))


def wanted(shape):
    if isinstance(shape, tuple):
        return "one of " + ", ".join(shape)
    if isinstance(shape, list):
        return "a list"
    return "an object" if isinstance(shape, (dict, Map)) else shape


def faults(body, strict=False):
    """What is wrong with a body that was cleaned: a list of sentences."""
    if not isinstance(body, dict):
        return ["the body is no object"]
    found = [f"{pointer(path) or '/'}: expected {wanted(shape)}"
             for path, shape, value in each(WORKFLOW, body) if not fits(shape, value)]
    if found:
        return found
    if strict:
        found += unknown(body)
    if not body.get("name"):
        found.append("/name is missing")
    if "steps" not in body:
        found.append("/steps is missing")
    for trigger in body.get("triggers", []):
        if len({"cron", "webhook"} & set(trigger)) > 1 or trigger.get("webhook") is False:
            found.append("/triggers: each is a cron or a webhook that is true")
    for watcher in body.get("watchers", []):
        if len({"user", "webhook", "email"} & set(watcher)) != 1 or "events" not in watcher:
            found.append("/watchers: each has events and one of user, webhook, email")
    steps = body.get("steps", {})
    for name, step in steps.items():
        found += [f"/steps/{name}{text}" for text in step_faults(name, step, steps)]
    found += [f"{pointer(path)}: duration is at most 120, numberOfRetries at most 5"
              for path, shape, value in each(WORKFLOW, body) if shape is RETRY
              and not (0 <= value.get("duration", 5) <= 120 and 0 <= value.get("numberOfRetries", 3) <= 5)]
    return found


def step_faults(name, step, steps):
    kind = step.get("type", "standard")
    found = [f"/{key} is missing" for key in REQUIRED[kind] if key not in step]
    found += [f"/parents: no step is called {p}" for p in step.get("parents", []) if p not in steps]
    if name in step.get("parents", []):
        found.append("/parents: a step before itself")
    if kind == "sql" and "sqlQueryPath" not in step and "repository" not in step:
        found.append(": expected sqlQueryPath or repository")
    for key in ("url", "branch") if "repository" in step else ():
        if key not in step["repository"]:
            found.append(f"/repository/{key} is missing")
    if kind == "http" and set(step.get("outputParameters", {}).values()) - {"response.txt"}:
        found.append("/outputParameters: of an http step it is always response.txt")
    auth = step.get("auth")
    if auth is not None:
        found += [f"/auth/{key} is missing" for key in AUTH_REQUIRED.get(auth.get("type"), ["type"])
                  if key not in auth]
    return found


def unknown(body):
    """Keys that no request has (for a service that is strict), and values it takes no more."""
    found = []
    for path, shape, value in each(WORKFLOW, body):
        if isinstance(shape, dict):
            found += [f"{pointer((*path, key))} is unknown" for key in value
                      if key not in shape and key not in OWN_EXTRA]
        if shape is STEP:
            kind = value.get("type", "standard")
            found += [f"{pointer((*path, key))} is not for {kind}"
                      for key in set(value) & set(STEP) - COMMON - OF_TYPE[kind]]
        if shape is STEP["auth"]:
            wrong = set(value) & set(shape) - {"type"} - set(AUTH_REQUIRED.get(value.get("type"), ()))
            found += [f"{pointer((*path, key))} is not for this type" for key in wrong]
        if path[-2:] == ("repository", "token") and value == "":
            found.append(f"{pointer(path)} is empty")
        if path[-1:] == ("webhookPolicy",) and value != "preserve":
            found.append(f"{pointer(path)}: expected preserve")
    return found


def complaints(body):
    """What a good client never sends, though a lenient service takes it."""
    if not isinstance(body, dict):
        return []
    found = [f"/{key} is for answers" for key in body if key in READ_ONLY]
    for path, shape, value in each(WORKFLOW, body):
        if shape is STEP and isinstance(value, dict):
            found += [f"{pointer((*path, key))} is for answers" for key in value if key in STEP_READ_ONLY]
        if shape is TRIGGER and isinstance(value, dict):
            found += [f"{pointer((*path, key))} is for answers" for key in value if key in TRIGGER_READ_ONLY]
            if isinstance(value.get("webhook"), str):
                found.append(f"{pointer(path)}/webhook is an address")
        if path[-2:] == ("repository", "token") and value == "":
            found.append(f"{pointer(path)} is empty")
        if path[-2:] == ("parameters", "env") and isinstance(value, list):
            found.append(f"{pointer(path)} is a list")
        if value is None:
            found.append(f"{pointer(path)} is null")
    return found
