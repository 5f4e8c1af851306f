"""Random filter queries to the original store, in process, and to kfmd; compares what they find.

    filter.py KFMD SECONDS [SEED]

Both get the same store. The original lives in a process of its own, for odd queries can end it. What
is known to do so (long and deep queries) goes to kfmd only, which must refuse it in good order.
"""

import collections
import multiprocessing
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from ml_metadata.proto import metadata_store_pb2 as m
from ml_metadata.proto import metadata_store_service_pb2 as s

KINDS = ("Artifacts", "Executions", "Contexts")
ENDLESS = "endless pages"
Order = m.ListOperationOptions.OrderByField


# The two stores.


class Kfmd:
    def __init__(self, program, path):
        self.program, self.path = program, path
        self.start()

    def start(self):
        command = [self.program, "serve", "--store", self.path, "--predefined-types", "none"]
        command += ["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace")
        self.log = collections.deque(maxlen=200)
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"address=(\S+).*gRPC listens", line)
            if found:
                break
        else:
            sys.exit("kfmd ended: " + "".join(self.log))
        threading.Thread(target=self.log.extend, args=(self.process.stderr,), daemon=True).start()
        self.channel = grpc.insecure_channel(found[1], options=[("grpc.max_receive_message_length", -1)])

    def call(self, method, request):
        """The status' name and message, and the answer."""
        ask = self.channel.unary_unary(
            f"/ml_metadata.MetadataStoreService/{method}", request_serializer=type(request).SerializeToString,
            response_deserializer=getattr(s, f"{method}Response").FromString,
        )  # fmt: skip
        try:
            return "OK", "", ask(request, timeout=20)
        except grpc.RpcError as error:
            return error.code().name, error.details(), None

    def stop(self):
        self.channel.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def serve_original(path, pipe):
    """Runs in its own process."""
    from ml_metadata import MetadataStore
    from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store as methods

    # Each refusal is told there, over many lines.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    config = m.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = m.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = MetadataStore(config)
    while True:
        method, request = pipe.recv()
        response, message, code = getattr(methods, method)(store._metadata_store, request)
        pipe.send((response, message.decode(errors="replace"), code))


class Original:
    NAMES = {code.value[0]: code.name for code in grpc.StatusCode}

    def __init__(self, path):
        self.path = path
        self.start()

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve_original, args=(self.path, other), daemon=True)
        self.process.start()
        other.close()

    def call(self, method, request):
        self.pipe.send((method, request.SerializeToString()))
        try:
            if not self.pipe.poll(10):
                raise TimeoutError
            response, message, code = self.pipe.recv()
        except (EOFError, ConnectionError, TimeoutError) as error:
            self.stop()
            self.start()
            return "HANGS" if isinstance(error, TimeoutError) else "CRASHES", "", None
        if code:
            return self.NAMES[code], message, None
        return "OK", "", getattr(s, f"{method}Response").FromString(response)

    def stop(self):
        self.process.kill()
        self.process.join()


# What is stored: the same for every seed.

TEXTS = ["a", "A", "b", "ab", "a%b", "a_b", "it's", 'say "x"', "back\\slash", "ünïcode", "ÜNÏCODE", "", " ", "1", "null",
         "LIVE", "a.b", "-- x", "名前", "x" * 300]  # fmt: skip
NUMBERS = [0, 1, -1, 2, 3, 7, 100, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
# The original keeps six decimals; these need no more.
DOUBLES = [0.0, 1.0, -1.5, 0.25, 3.0, 7.0, 1e6, 123456.5, -0.000001]
PROPERTIES = {"i": m.INT, "d": m.DOUBLE, "s": m.STRING, "b": m.BOOLEAN, "a b": m.INT, "from": m.STRING, "x.y": m.STRING}
FIELDS = {m.INT: "int_value", m.DOUBLE: "double_value", m.STRING: "string_value", m.BOOLEAN: "bool_value"}


def build(call):
    dice = random.Random(1)

    def put(method, request):
        status, message, response = call(method, request)
        if status != "OK":
            sys.exit(f"{method} while the store is made: {status} {message}")
        return response

    def value(kind):
        some = {m.INT: NUMBERS, m.DOUBLE: DOUBLES, m.STRING: TEXTS, m.BOOLEAN: [True, False]}[kind]
        return m.Value(**{FIELDS[kind]: dice.choice(some)})

    def node(cls, types, n, **fields):
        item = cls(type_id=dice.choice(types), **fields)
        if dice.random() < 0.8 or cls == m.Context:
            item.name = f"{TEXTS[n]}" if n < len(TEXTS) and TEXTS[n] else f"n{n}"
        if dice.random() < 0.4:
            item.external_id = f"x{n}"
        for name, kind in PROPERTIES.items():
            if dice.random() < 0.4:
                item.properties[name].CopyFrom(value(kind))
            if dice.random() < 0.3:
                # Custom ones of one name may be of any kind.
                item.custom_properties[name].CopyFrom(value(dice.choice(list(FIELDS))))
        return item

    types = {}
    for what, cls in (("artifact", m.ArtifactType), ("execution", m.ExecutionType), ("context", m.ContextType)):
        types[what] = []
        for name in ("A", "a", "some.Type/x"):
            request = getattr(s, f"Put{what.capitalize()}TypeRequest")()
            getattr(request, f"{what}_type").CopyFrom(cls(name=name, properties=PROPERTIES))
            types[what].append(put(f"Put{what.capitalize()}Type", request).type_id)
    artifacts = [node(m.Artifact, types["artifact"], n, state=dice.choice([0, 1, 2, 2, 4])) for n in range(30)]
    for item in artifacts:
        if dice.random() < 0.8:
            item.uri = dice.choice(TEXTS)
        if dice.random() < 0.2:
            item.ClearField("state")
    a = put("PutArtifacts", s.PutArtifactsRequest(artifacts=artifacts)).artifact_ids
    executions = [node(m.Execution, types["execution"], n) for n in range(20)]
    for item in executions:
        if dice.random() < 0.8:
            item.last_known_state = dice.choice([1, 2, 3, 3, 5])
    e = put("PutExecutions", s.PutExecutionsRequest(executions=executions)).execution_ids
    contexts = [node(m.Context, types["context"], n) for n in range(12)]
    c = put("PutContexts", s.PutContextsRequest(contexts=contexts)).context_ids
    links = s.PutAttributionsAndAssociationsRequest()
    for context in c[:8]:
        for artifact in dice.sample(list(a), 6):
            links.attributions.add(artifact_id=artifact, context_id=context)
        for execution in dice.sample(list(e), 5):
            links.associations.add(execution_id=execution, context_id=context)
    put("PutAttributionsAndAssociations", links)
    events = s.PutEventsRequest()
    for execution in e[:15]:
        for artifact in dice.sample(list(a), 3):
            events.events.add(
                artifact_id=artifact, execution_id=execution, type=dice.randint(1, 7),
                milliseconds_since_epoch=dice.choice([1, 1000, 1700000000000]),
            )  # fmt: skip
    put("PutEvents", events)
    parents = s.PutParentContextsRequest()
    for child, parent in ((0, 1), (0, 2), (1, 2), (3, 2), (4, 0), (5, 6), (7, 8)):
        parents.parent_contexts.add(child_id=c[child], parent_id=c[parent])
    put("PutParentContexts", parents)


def set_times(path):
    """The clock is the only thing that differs."""
    base = sqlite3.connect(path)
    for table in KINDS:
        base.execute(
            f"UPDATE {table[:-1]} SET create_time_since_epoch = 1700000000000 + id / 3 * 1000,"
            " last_update_time_since_epoch = 1700000100000 + (id * 7 % 5) * 1000"
        )
    base.commit()
    base.close()


# Queries.


class Grammar:
    def __init__(self, dice, kind):
        self.dice, self.kind = dice, kind
        contexts = ["contexts"]
        if kind == "Contexts":
            contexts = dice.sample(["parent_contexts", "child_contexts", "artifacts", "executions"], 2)
        labels = dice.sample(["a", "b", "0", "long_label", "A"], 2)
        self.neighbours = [f"{group}_{label}" for group in contexts for label in labels]
        self.events = [] if kind == "Contexts" else [f"events_{label}" for label in ("0", "1")]

    def pick(self, *items):
        return self.dice.choice(items)

    def name(self, name):
        """A property's name: as it is or quoted."""
        return f"`{name}`" if self.dice.random() < 0.3 or not re.fullmatch(r"\w+", name) or name == "from" else name

    def operand(self, kind):
        """A column of a kind."""
        properties = self.pick("properties", "custom_properties")
        by_field = {
            "int": ["i", "a b"], "double": ["d"], "string": ["s", "from", "x.y"], "bool": ["b"],
        }  # fmt: skip
        names = by_field[kind] if self.dice.random() < 0.9 else ["i", "none", "s"]
        own = [f"{properties}.{self.name(self.dice.choice(names))}.{kind}_value"]
        if kind == "int":
            columns = ["id", "type_id", "create_time_since_epoch", "last_update_time_since_epoch"]
            own += columns + [f"{n}.{c}" for n in self.neighbours for c in columns]
            own += [f"{n}.{c}" for n in self.events for c in ("artifact_id", "execution_id", "milliseconds_since_epoch")]
        if kind == "string":
            columns = ["name", "type", "external_id"]
            own += columns + ["uri"] * (self.kind == "Artifacts") + [f"{n}.{c}" for n in self.neighbours for c in columns]
            own += [f"{n}.uri" for n in self.neighbours if n.startswith("artifacts")]
        return self.dice.choice(own)

    def quote(self, text):
        quote = self.pick("'", '"')
        return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote

    def literal(self, kind):
        if kind == "int":
            number = self.pick(*NUMBERS, *range(1, 31), 1700000003000, 1700000102000)
            return self.pick(str(number), str(number), str(number), f"{number % 100}.0", f"+{abs(number)}", hex(abs(number)))
        if kind == "double":
            return self.pick(*map(repr, DOUBLES), "1", "1.", ".25", "1E6", "2.5e-1")
        if kind == "bool":
            return self.pick("true", "FALSE", "True")
        text = self.pick(*TEXTS, "A", "a", "some.Type/x", "x3", "n4", "x" * 40)
        if self.dice.random() < 0.08:
            return self.pick("'\\x61'", "'\\u00fcn\\u00efcode'", "'\\141'", "r'a'", "'''a'''", '"""a"""', "'\\n'", "b'a'")
        return self.quote(text)

    def state(self):
        if self.events and self.dice.random() < 0.4:
            return f"{self.dice.choice(self.events)}.type", ["INPUT", "OUTPUT", "DECLARED_INPUT", "INTERNAL_OUTPUT", "PENDING_OUTPUT"]
        found = [n for n in self.neighbours if n.startswith(("artifacts", "executions"))]
        neighbour = self.dice.choice(found) + "." if found else ""
        if self.kind == "Artifacts" or neighbour.startswith("artifacts"):
            return neighbour + "state", ["LIVE", "PENDING", "UNKNOWN", "DELETED", "MARKED_FOR_DELETION", "ABANDONED", "REFERENCE"]
        return neighbour + "last_known_state", ["NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED", "UNKNOWN"]

    def atom(self):
        states = self.kind != "Contexts" or any(n.startswith(("artifacts", "executions")) for n in self.neighbours)
        if states and self.dice.random() < 0.12:
            column, names = self.state()
            name = self.dice.choice(names)
            name = self.pick(name, name, name, name.lower(), f"'{name}'", "3", "NOPE")
            return self.pick(
                f"{column} = {name}", f"{column} != {name}", f"{name} = {column}", f"{column} IN ({name}, {names[0]})",
                f"{column} IS NULL", f"{column} IS NOT NULL", f"{column} NOT IN ({name})", f"{column} < {name}",
            )  # fmt: skip
        kind = self.pick("int", "int", "string", "string", "string", "double", "bool")
        left = self.operand(kind)
        if kind == "string" and self.dice.random() < 0.1:
            left = f"{self.pick('lower', 'UPPER')}({left})"
        other = kind if self.dice.random() < 0.93 else self.pick("int", "double", "string", "bool")
        right = self.literal(other) if self.dice.random() < 0.85 else self.operand(other)
        low, high = self.literal(other), self.literal(other)
        pattern = self.quote(self.pick("a%", "%", "_", "%b", "A_B", "a\\%b", "a\\_b", "ü%", "%ÏC%", "", "x%x", "[a]", "a*"))
        not_ = self.pick("", "", "NOT ")
        shapes = [f"{left} {self.pick('=', '!=', '<>', '<', '<=', '>', '>=')} {right}"] * 6
        shapes += [f"{right} {self.pick('=', '<', '>=', '!=')} {left}", f"{left} IS {not_}NULL"]
        shapes += [f"{left} {not_}IN ({low}, {high})", f"{left} {not_}IN ({low})", f"{left} {not_}BETWEEN {low} AND {high}"]
        shapes += [f"{left} {not_}LIKE {pattern}"] * (2 if kind == "string" else 0)
        shapes += [left, f"NOT {left}", f"{left} IS {not_}{self.pick('TRUE', 'FALSE')}"] if kind == "bool" else []
        if self.dice.random() < 0.03:
            shapes = [f"({left}) = {right}", f"{left} = ({right})", f"({left}, {low}) = ({right}, {high})", f"{left} = @p", f"{left} = ?",
                      f"CASE WHEN {left} = {right} THEN {low} ELSE {high} END = {low}", f"({left} = {right}) = ({left} = {low})",
                      f"IF({left} = {right}, {low}, {high}) = {low}", f"CASE {left} WHEN {low} THEN 1 WHEN {high} THEN 2 END IS NULL"]  # fmt: skip
        elif self.dice.random() < 0.15:
            shapes = self.computed(kind, left, right, low)
        return self.dice.choice(shapes)

    def computed(self, kind, left, right, low):
        """Values that are worked out."""
        other = self.operand(kind)
        shapes = [f"COALESCE({left}, {low}) = {right}", f"IFNULL({left}, {low}) = {right}", f"NULLIF({left}, {low}) = {right}",
                  f"CAST({left} AS {self.pick('STRING', 'INT64', 'DOUBLE', 'FLOAT64', 'BOOL')}) = {self.pick(right, self.literal('string'))}"]  # fmt: skip
        if kind in ("int", "double"):
            operator = self.pick("+", "-", "*", "/", "+", "-")
            shapes += [f"{left} {operator} {low} = {right}", f"{left} {operator} {other} > {right}", f"-{left} < {right}",
                       f"{low} {operator} {left} {self.pick('+', '-', '*')} {other} >= {right}", f"ABS({left}) = {right}",
                       f"({left} {operator} {low}) * 2 <= {right}", f"ROUND({left}) = {right}", f"MOD({left}, {low}) = 1",
                       f"{left} {operator} {low} IN ({right}, 1, 2, 3)", f"CAST({left} AS STRING) LIKE '1%'"]  # fmt: skip
        if kind == "string":
            shapes += [f"LENGTH({left}) {self.pick('=', '<', '>')} {self.pick(1, 2, 3, 300)}", f"{left} || 'x' = 'ax'",
                       f"CONCAT({left}, {right}) LIKE '%a%'", f"lower({left}) || upper({other}) != {right}", f"SUBSTR({left}, 2) = {right}",
                       f"SUBSTR({left}, 1, 1) = 'a'", f"TRIM({left}) = {right}",
                       f"STARTS_WITH({left}, 'a')", f"ENDS_WITH({left}, {right})", f"CHAR_LENGTH({left}) > 1"]  # fmt: skip
        return shapes

    def query(self, depth=0):
        roll = self.dice.random()
        if depth > 4 or roll < 0.45:
            return self.atom()
        if roll < 0.55:
            return f"NOT {self.query(depth + 1)}" if self.dice.random() < 0.4 else f"NOT ({self.query(depth + 1)})"
        if roll < 0.65:
            return f"({self.query(depth + 1)})"
        word = self.pick(" AND ", " OR ", " and ", " Or ")
        return word.join(self.query(depth + 1) for _ in range(self.pick(2, 2, 3)))


TOKEN = re.compile(r"""\s+|[A-Za-z_]\w*|\d[\w.]*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|<=|>=|<>|!=|.""", re.S)
WORDS = ["AND", "OR", "NOT", "IN", "LIKE", "IS", "NULL", "BETWEEN", "(", ")", ",", ".", "=", "<", ">", "<=", "!=", "<>", "-",
         "+", "*", "/", "||", "~", ";", "--", "/*", "*/", "#", "\n", "\t", "`", "'", '"', "''", "id", "name", "type", "1", "0.5",
         "'a'", "true", "properties", "contexts_a", "events_0", "int_value", "LIVE", "null", "CASE", "WHEN", "THEN", "END",
         "SELECT", "EXISTS", "[", "]", "{", "}", "@", "?", "\u00a0", "é", "0x1", "1e400", "99999999999999999999",
         "DISTINCT", "UNNEST", "INTERVAL", "CURRENT_TIMESTAMP()", "ARRAY", "STRUCT", "IF"]  # fmt: skip


def mutate(dice, query):
    tokens = TOKEN.findall(query)
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        at = dice.randrange(len(tokens)) if tokens else 0
        roll = dice.randrange(6)
        if roll == 0:
            tokens[at : at + 1] = []
        elif roll == 1:
            tokens.insert(at, f" {dice.choice(WORDS)} ")
        elif roll == 2:
            tokens[at : at + 1] = [dice.choice(WORDS)]
        elif roll == 3 and tokens:
            tokens.insert(at, tokens[dice.randrange(len(tokens))])
        elif roll == 4 and tokens:
            other = dice.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif roll == 5 and tokens and tokens[at]:
            token = tokens[at]
            cut = dice.randrange(len(token))
            tokens[at] = token[:cut] + dice.choice(["", chr(dice.randrange(1, 0x300)), token[cut:].swapcase()]) + token[cut + 1 :]
    return "".join(tokens)


def noise(dice):
    """Any text; some of it nothing but the letters of queries."""
    alphabets = ["".join(map(chr, range(1, 128))), "()'\"`.,=<>!-+ aint01", "🙂é\u202e\u0301\ufffd\u2028\U0010ffff\x00 ='a"]
    alphabet = dice.choice(alphabets)
    return "".join(dice.choice(alphabet) for _ in range(dice.randrange(1, 60)))


INJECTIONS = [
    "'; DROP TABLE Artifact; --", "' OR '1'='1", '" OR ""="', "1); DELETE FROM Event; --", "x' UNION SELECT * FROM Type --",
    "`; DROP TABLE Type; --", "a\" ESCAPE 'x", "\\'; DROP TABLE Context; --", "%' AND 1=1 --", "?1", ":a", "\x00' OR 1=1",
]  # fmt: skip


def hostile(dice):
    """What the original might not survive. Yields a label and a query."""
    depth, size = dice.choice([100, 399, 400, 1000, 20000]), dice.choice([1000, 100_000])
    injection = dice.choice(INJECTIONS)
    word = dice.choice(["id", "name", "uri", "type", "properties", "contexts_", "events_", injection])
    return dice.choice([
        "(" * depth + "id = 1" + ")" * depth, "(" * depth, ")" * depth, "NOT " * depth + "id = 1",
        "NOT (" * depth + "id = 1" + ")" * depth, "-" * (depth | 1) + "1 = id", "- " * depth + "1 = id",
        "lower(" * depth + "name" + ")" * depth + " = 'a'", " AND ".join(["id = 1"] * depth),
        " OR ".join(f"id = {n}" for n in range(depth)), " OR ".join(f"(id = {n} AND name = 'a')" for n in range(depth)),
        "id IN (" + ", ".join(map(str, range(depth * 3))) + ")", "id IN (" * depth, "name = '" + "x" * size + "'",
        "name = '" + "\\" * size + "'", "x" * size, "." * size, "id." * size, f"properties.`{'p' * size}`.int_value = 1",
        "name LIKE '" + "%a" * (size // 40) + "'", "name LIKE '" + "%" * size + "b'", "1" * size + " = id", "1e" + "9" * 400 + " = id",
        " AND ".join(f"contexts_{n}.id > 0" for n in range(depth % 50)),
        " AND ".join(f"properties.p{n}.int_value > 0" for n in range(depth % 50)),
        " OR ".join(f"events_{n}.type = INPUT" for n in range(depth % 50)),
        f"{word} = '{injection}'", f"{injection}", f"name = \"{injection}\"", f"name LIKE '{injection}'",
        f"properties.`{injection}`.int_value = 1", f"custom_properties.`{injection}`.string_value = 'a'",
        f"`{injection}` = 1", f"contexts_{injection}.id = 1", f"`contexts_{injection}`.id = 1", f"`events_{injection}`.type = INPUT",
        f"type = '{injection}' OR uri IN ('{injection}')", f"state = '{injection}'", f"properties.x.{injection} = 1",
        "id = 1 \x00 AND name = 'a'", "name = 'a\x00b'", "properties.`\x00`.int_value = 1", "id = -9223372036854775808",
        "-(9223372036854775808) = id", "id = " + "-" * 3 + "9223372036854775807", "name = 'a' ESCAPE 'b'", "name LIKE '\\'",
        "name LIKE 'a\\\\'", "id < 1e308 AND id > -1e308", "properties.d.double_value = 1e999",
    ])  # fmt: skip


# The comparison.


def excuse(query, ours, theirs):
    """Why a difference is meant, if it is."""
    for reason, applies in EXCUSES:
        if applies(query, ours, theirs):
            return reason
    return None


def is_well(ours):
    return ours[0] in ("OK", "INVALID_ARGUMENT")


STATES = set(m.Artifact.State.keys()) | set(m.Execution.State.keys()) | set(m.Event.Type.keys())
NAME = re.compile(f"(Unrecognized name|specified in the query): ({'|'.join(sorted(STATES))})\\b", re.IGNORECASE)
LOST = re.compile(r"Unrecognized name: (custom_)?properties\b")

def refused(ours, theirs):
    return ours[0] == "OK" and theirs[0] == "INVALID_ARGUMENT"


# Differences that are meant: why, and which they are.
EXCUSES = [
    ("the original crashes or hangs", lambda query, ours, theirs: is_well(ours) and theirs[0] in ("CRASHES", "HANGS")),
    # It takes the query and makes SQL of it that SQLite does not take, such as a column that its own
    # view of parent contexts does not have.
    ("the original's own SQL fails", lambda query, ours, theirs: is_well(ours) and theirs[0] == "INTERNAL"),
    # Contexts have all their fields in kfmd, and events both ids.
    ("the original's neighbours lack fields", lambda query, ours, theirs: ours[0] == "OK" and "does not exist in STRUCT" in str(theirs[1])),
    # Some names it knows nowhere (PENDING_OUTPUT); the others only after =, != and IN, and in capitals.
    ("the original lacks names of states", lambda query, ours, theirs: ours[0] == "OK" and NAME.search(str(theirs[1]))),
    # Where a property is named in two ways, `b` and b, it finds only one of them.
    ("the original loses a property", lambda query, ours, theirs: ours[0] == "OK" and LOST.search(str(theirs[1]))),
    # It writes 'a\\b' into its SQL as it is, though SQLite knows no escapes: it finds names with two
    # backslashes. Its LIKE has no escapes either.
    ("the original doubles backslashes", lambda query, ours, theirs: "\\\\" in query and ours[0] == theirs[0] == "OK"),
    # The same of the others: it writes '\\n' into its SQL, and SQLite reads a backslash and an n.
    ("the original writes escapes as they are", lambda query, ours, theirs: ESCAPE.search(query) and ours[0] == theirs[0] == "OK"),
    # More lenient than the original: blanks may be missing around numbers and stand around dots, and
    # names of neighbours differ by their case.
    ("kfmd is more lenient", lambda query, ours, theirs: ours[0] == "OK" and LENIENT.search(str(theirs[1]))),
    ("kfmd takes blanks around a dot", lambda query, ours, theirs: refused(ours, theirs) and re.search(r"\s\.|\.\s", query)),
    # An enumeration before < is the beginning of an enumeration's type there.
    ("the original takes < NAME for a type", lambda query, ours, theirs: refused(ours, theirs) and re.search(r"(state|type)[`\s)]*<\s*[A-Za-z]", query, re.I)),
    ("kfmd takes names and numbers in one list", lambda query, ours, theirs: refused(ours, theirs) and re.search(r"(state|type)[`\s)]*(NOT\s+)?IN\s*\([^)]*\d", query, re.I)),
    # It replaces names of states in the text of the query, and gives up where two replacements meet.
    ("the original cannot rewrite its own query", lambda query, ours, theirs: refused(ours, theirs) and "cannot be rewritten" in str(theirs[1])),
    # Within the path of a neighbour it puts parentheses where a name should be.
    ("the original rewrites states within paths", lambda query, ours, theirs: refused(ours, theirs) and re.search(r"\w\.(last_known_)?state\W*(!=|NOT\s+IN)", query, re.I)),
    # A word of its grammar, which begins a value.
    ("the original takes NEW for a keyword", lambda query, ours, theirs: refused(ours, theirs) and re.search(r"\bNEW\b", query, re.I)),
    # It looks for all names of properties in small letters, and never finds one that has capitals.
    ("the original takes capitals of names for small", lambda query, ours, theirs: re.search(r"properties\s*\.\s*(`[^`]*[A-Z]|\w*[A-Z])", query)),
    # Not in kfmd (docs/compatibility.md): functions but the most usual, lists of values.
    ("not in kfmd", lambda query, ours, theirs: ours[0] == "INVALID_ARGUMENT" and theirs[0] == "OK" and BEYOND.search(query)),
]
ESCAPE = re.compile(r"\\[abfnrtv?xuU0-7]")
LENIENT = re.compile("Missing whitespace between literal and alias|Duplicate expression column name|Could not cast literal")
BEYOND = re.compile(r"\bREPLACE\b|SAFE_CAST|BETWEEN\s*NULL|BETWEEN\b.*\bAND\s*NULL|[~&^|@?]|\bEXISTS\b|\bUNNEST\b", re.I)


def shape_of(text):
    """A message or query without what it is about."""
    text = re.sub(r"\[at.*|(?<=name: )\S+|(?<=identifier )\S+|(?<=query: ).*|; Did you.*|(?<=STRUCT).*", "", text)
    return re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\b[a-z]+_\w+|\W?\d[\w.]*|(?<=name )\w+(?= does)", "?", text)


class Fuzz:
    def __init__(self, kfmd, original, seed):
        self.kfmd, self.original, self.seed = kfmd, original, seed
        self.sent, self.outcomes = collections.Counter(), collections.Counter()
        self.excused, self.findings = collections.Counter(), collections.Counter()

    def ids(self, store, kind, query, size, field, ascending):
        """The ids of each page, or the refusal."""
        request = getattr(s, f"Get{kind}Request")()
        request.options.max_result_size = size
        request.options.order_by_field.field = field
        request.options.order_by_field.is_asc = ascending
        request.options.filter_query = query
        pages = []
        # No list has more pages than nodes: a token that leads in a circle is seen.
        for _ in range(40):
            status, message, response = store.call(f"Get{kind}", request)
            if status != "OK":
                return status, message
            pages.append([node.id for node in getattr(response, kind.lower())])
            if not response.next_page_token:
                return "OK", pages
            request.options.next_page_token = response.next_page_token
        return "OK", ENDLESS

    @staticmethod
    def verdict(ours, theirs):
        if ours[0] in ("INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED"):
            return f"kfmd answers {ours[0]}"
        if ours[0] == "OK" and theirs[0] == "OK":
            # The original gives a token with a full last page too.
            flat = [[i for page in pages for i in page] if isinstance(pages, list) else pages for pages in (ours[1], theirs[1])]
            return None if flat[0] == flat[1] else "they differ"
        if ours[0] == "OK":
            return "kfmd accepts, the original refuses"
        return "kfmd refuses, the original accepts" if theirs[0] == "OK" else None

    def both(self, kind, query, *options):
        ours = self.ids(self.kfmd, kind, query, *options)
        # Pages by LAST_UPDATE_TIME of the original, filter or not, repeat nodes of one time, or never end.
        size, field, ascending = options
        theirs = self.ids(self.original, kind, query, 100 if field == Order.LAST_UPDATE_TIME else size, field, ascending)
        return self.verdict(ours, theirs), ours, theirs

    def compare(self, label, kind, query, *options):
        self.sent[label] += 1
        verdict, ours, theirs = self.both(kind, query, *options)
        self.outcomes[f"{label}: {'accepted' if ours[0] == 'OK' else 'refused'}"] += 1
        if verdict is None:
            return
        reason = excuse(query, ours, theirs)
        if reason:
            self.excused[reason] += 1
            return
        # One report for each kind of difference, however often it comes.
        told = ours[1] if ours[0] != "OK" else theirs[1] if theirs[0] != "OK" else ""
        signature = verdict + shape_of(str(told).removeprefix("Invalid `filter_query`: "))[:60]
        if self.findings[signature] < 1 or verdict == "they differ":
            query, ours, theirs = self.minimised(kind, query, verdict, options, ours, theirs)
            if excuse(query, ours, theirs):
                self.excused[excuse(query, ours, theirs)] += 1
                return
            shape = signature + (shape_of(query) if told == "" else "")
            if self.findings[signature] < 1 or not self.findings[shape]:
                self.report(verdict, kind, query, options, ours, theirs)
            if shape != signature:
                self.findings[shape] += 1
                return
        self.findings[signature] += 1

    def minimised(self, kind, query, verdict, options, ours, theirs):
        tokens, end = TOKEN.findall(query), time.time() + 10
        size = len(tokens)
        while size and time.time() < end:
            size = min(size, max(1, len(tokens) // 2)) if size > 1 else 1
            at, shorter = 0, False
            while at < len(tokens) and time.time() < end:
                fewer = tokens[:at] + tokens[at + size :]
                found = self.both(kind, "".join(fewer), *options) if fewer else (None,)
                if found[0] == verdict:
                    tokens, (_, ours, theirs), shorter = fewer, found, True
                else:
                    at += size
            if size == 1 and not shorter:
                break
            size = max(1, size // 2)
        return "".join(tokens), ours, theirs

    def report(self, verdict, kind, query, options, ours, theirs):
        print(f"{verdict}: Get{kind} (page size, order, ascending {options}, seed {self.seed})")
        print(f"  query     {query!r}\n  kfmd      {str(ours)[:400]}\n  original  {str(theirs)[:400]}", flush=True)

    def resist(self, kind, query):
        """To kfmd only."""
        self.sent["hostile, to kfmd only"] += 1
        start = time.time()
        found = self.ids(self.kfmd, kind, query, 100, Order.ID, True)
        took = time.time() - start
        if found[0] not in ("OK", "INVALID_ARGUMENT") or took > 10:
            signature = f"hostile {found[0]} {re.sub(r'[0-9]+', '', str(found[1]))[:60]}"
            if not self.findings[signature]:
                print(f"{found[0]} in {took:.1f} s: Get{kind} (seed {self.seed})\n  query  {query[:200]!r} ({len(query)})")
                print(f"  kfmd   {str(found[1])[:400]}", flush=True)
            self.findings[signature] += 1

    def tokens(self, dice, kind):
        """Page tokens that the store never gave."""
        self.sent["page tokens, to kfmd only"] += 1
        request = getattr(s, f"Get{kind}Request")()
        request.options.next_page_token = dice.choice([*INJECTIONS, noise(dice), "AAAA", "====", "CAEQAQ==", "x" * 100_000])
        status, message, _ = self.kfmd.call(f"Get{kind}", request)
        if status not in ("OK", "INVALID_ARGUMENT"):
            print(f"{status}: Get{kind} page token {request.options.next_page_token[:200]!r}: {message}")
            self.findings["page token"] += 1


def run(program, seconds, seed):
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = f"{folder}/original.db", f"{folder}/kfmd.db"
        original = Original(paths[0])
        kfmd = Kfmd(program, paths[1])
        try:
            for store in (original, kfmd):
                build(store.call)
                store.stop()
            for path in paths:
                set_times(path)
            original.start()
            kfmd.start()
            fuzz = Fuzz(kfmd, original, seed)
            loop(fuzz, dice, time.time() + seconds)
            if kfmd.process.poll() is not None:
                sys.exit(f"kfmd ended (seed {seed}): " + "".join(kfmd.log))
            injected(fuzz)
            code = kfmd.stop()
            check = sqlite3.connect(paths[1]).execute("PRAGMA integrity_check").fetchone()[0]
            for name, counts in (("sent", fuzz.sent), ("of these", fuzz.outcomes), ("excused", fuzz.excused)):
                print(f"{name}: " + ", ".join(f"{count} {label}" for label, count in sorted(counts.items())))
            print(f"seed {seed}, {sum(fuzz.findings.values())} findings, integrity_check {check}, kfmd ended with {code}")
            if fuzz.findings or check != "ok" or code != 0:
                sys.exit("There are differences, or kfmd did not stay well.")
        finally:
            original.process.kill()
            kfmd.process.kill()


def loop(fuzz, dice, end):
    while time.time() < end and fuzz.kfmd.process.poll() is None:
        kind = dice.choice(KINDS)
        # Three quarters ask for everything: the other sizes take many calls.
        size = dice.choice([100, 100, 100, dice.choice([1, 2, 3, 7, 20, 99])])
        options = size, dice.choice([Order.ID, Order.CREATE_TIME, Order.LAST_UPDATE_TIME]), dice.random() < 0.5
        grammar, roll = Grammar(dice, kind), dice.random()
        if roll < 0.6:
            fuzz.compare("grammar", kind, grammar.query(), *options)
        elif roll < 0.85:
            fuzz.compare("mutated", kind, mutate(dice, grammar.query()), *options)
        elif roll < 0.92:
            fuzz.compare("noise", kind, noise(dice), *options)
        elif roll < 0.98:
            fuzz.resist(kind, hostile(dice))
        else:
            fuzz.tokens(dice, kind)


def injected(fuzz):
    """What looks like SQL is stored and found again as the text it is."""
    for text in INJECTIONS:
        if "\x00" in text:
            continue
        fuzz.sent["SQL stored and found"] += 1
        kind = fuzz.kfmd.call("PutArtifactType", s.PutArtifactTypeRequest(artifact_type=m.ArtifactType(name=text)))[2].type_id
        item = m.Artifact(type_id=kind, name=text, uri=text, external_id=text)
        item.custom_properties[text].string_value = text
        put = fuzz.kfmd.call("PutArtifacts", s.PutArtifactsRequest(artifacts=[item]))
        literal = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
        query = f"name = {literal} AND type = {literal} AND uri IN ({literal}) AND external_id = {literal}"
        if "`" not in text and "\\" not in text:
            query += f" AND custom_properties.`{text}`.string_value = {literal}"
        found = fuzz.ids(fuzz.kfmd, "Artifacts", query, 100, Order.ID, True)
        if put[0] != "OK" or found != ("OK", [list(put[2].artifact_ids)]):
            print(f"stored {text!r}: {put[:2]}, found {found}")
            fuzz.findings["injection"] += 1


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    run(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) == 4 else random.randrange(2**31))
