#!/usr/bin/env python3
"""Compares cafka's descriptions of messages with the schemas inside Kafka's client jars.

Every field, type, version range, nullability, default, tag and ignorability, in every
version that each jar knows; the order of the fields; the tables of APIs and errors.

With --self-test, alters the dump in every way that matters and demands that each
alteration is noticed.
"""

import argparse
import collections
import json
import pathlib
import random
import re
import subprocess
import sys
import zipfile

JARS = ["2.8.2", "3.9.1", "4.3.0", "4.4.0"]  # Oldest first; where they disagree the newest is right.

# What a jar calls differently: (jar, message, its path) -> the newest jar's path.
RENAMED = {
    ("2.8.2", "FetchResponse", "Responses.PartitionResponses"): "Responses.Partitions",
    ("2.8.2", "FetchResponse", "Responses.PartitionResponses.Partition"):
        "Responses.Partitions.PartitionIndex",
    ("2.8.2", "FetchResponse", "Responses.PartitionResponses.RecordSet"):
        "Responses.Partitions.Records",
    ("2.8.2", "OffsetCommitRequest", "GenerationId"): "GenerationIdOrMemberEpoch",
    ("3.9.1", "OffsetCommitRequest", "GenerationId"): "GenerationIdOrMemberEpoch",
    ("2.8.2", "DescribeLogDirsRequest", "Topics.PartitionIndex"): "Topics.Partitions",
    ("2.8.2", "ElectLeadersRequest", "TopicPartitions.PartitionId"):
        "TopicPartitions.Partitions",
    ("4.3.0", "StreamsGroupHeartbeatResponse", "AcceptableRecoveryLag"):
        "AcceptableRecoveryLagLegacy",
}

# APIs that have changed their name since.
RENAMED_APIS = {
    ("2.8.2", "AlterIsr"): "AlterPartition",
    ("3.9.1", "ListClientMetricsResources"): "ListConfigResources",
}

NAME_BEFORE_ID = ("no version of this jar lacks the name, so it need not be ignorable; "
                  "newer versions have an id instead")
ALWAYS_WRITTEN = "every version of this jar writes the field, so its default does not matter"
RELAXED = "a broker's field that was made ignorable later, for the sake of brokers"
CLIENT = "Kafka's default is broker 0; every version writes the field, and cafka is no broker"
LATER_TAG = "a tagged field that was added later to a version that existed (KIP-866)"

# Where cafka differs from a jar, without a byte's difference in what the jar understands:
# (jar, message, path, cafka's property) -> the reason.
EXCEPTIONS = {
    ("2.8.2", "ApiVersionsResponse", "SupportedFeatures", "ignorable"): RELAXED,
    ("2.8.2", "ApiVersionsResponse", "FinalizedFeatures", "ignorable"): RELAXED,
    ("2.8.2", "ApiVersionsResponse", "ZkMigrationReady", "existence"): LATER_TAG,
    ("2.8.2", "DeleteTopicsRequest", "Topics.Name", "default null"): ALWAYS_WRITTEN,
    ("2.8.2", "FetchRequest", "ReplicaId", "default -1"): ALWAYS_WRITTEN,
    ("2.8.2", "FetchRequest", "Topics.Topic", "ignorable"): NAME_BEFORE_ID,
    ("2.8.2", "FetchRequest", "ForgottenTopicsData.Topic", "ignorable"): NAME_BEFORE_ID,
    ("2.8.2", "FetchResponse", "Responses.Topic", "ignorable"): NAME_BEFORE_ID,
    ("2.8.2", "JoinGroupResponse", "Members.GroupInstanceId", "ignorable"): RELAXED,
    ("2.8.2", "ListOffsetsRequest", "ReplicaId", "default -1"): CLIENT,
    ("3.9.1", "ListOffsetsRequest", "ReplicaId", "default -1"): CLIENT,
    ("4.3.0", "ListOffsetsRequest", "ReplicaId", "default -1"): CLIENT,
    ("4.4.0", "ListOffsetsRequest", "ReplicaId", "default -1"): CLIENT,
    ("2.8.2", "OffsetCommitRequest", "Topics.Name", "ignorable"): NAME_BEFORE_ID,
    ("3.9.1", "OffsetCommitRequest", "Topics.Name", "ignorable"): NAME_BEFORE_ID,
    ("2.8.2", "OffsetCommitResponse", "Topics.Name", "ignorable"): NAME_BEFORE_ID,
    ("3.9.1", "OffsetCommitResponse", "Topics.Name", "ignorable"): NAME_BEFORE_ID,
    ("3.9.1", "OffsetFetchRequest", "Groups.Topics.Name", "ignorable"): NAME_BEFORE_ID,
    ("3.9.1", "OffsetFetchResponse", "Groups.Topics.Name", "ignorable"): NAME_BEFORE_ID,
    ("2.8.2", "UpdateFeaturesResponse", "Results", "ignorable"): RELAXED,
    ("3.9.1", "UpdateFeaturesResponse", "Results", "ignorable"): RELAXED,
    ("2.8.2", "ProduceRequest", "TopicData.Name", "ignorable"): NAME_BEFORE_ID,
    ("3.9.1", "ProduceRequest", "TopicData.Name", "ignorable"): NAME_BEFORE_ID,
    ("2.8.2", "ProduceResponse", "Responses.Name", "ignorable"): NAME_BEFORE_ID,
    ("3.9.1", "ProduceResponse", "Responses.Name", "ignorable"): NAME_BEFORE_ID,
}

# Versions that cafka does not offer yet, and why.
NOT_OFFERED = {
    ("DescribeConfigsRequest", 0): "Kafka 0.11 and 1.0 alone lack version 1",
    ("DescribeConfigsResponse", 0): "Kafka 0.11 and 1.0 alone lack version 1",
    ("ApiVersionsRequest", 5): "KIP-1242: a connection would have to say whom it means",
    ("ApiVersionsResponse", 5): "KIP-1242: a connection would have to say whom it means",
}

ALLOWED = EXCEPTIONS | NOT_OFFERED

Field = collections.namedtuple("Field", "present type nullable default tag ignorable")


class Message:
    """One version of one message: whether it is flexible, and its fields in order."""

    def __init__(self, flexible):
        self.flexible = flexible
        self.fields = {}

    def wire_order(self):
        return [p for p, f in self.fields.items() if f.present == "present" and f.tag == "-"]


def read_dump(text):
    """The tables and the messages of a dump: ({kind: lines}, {(name, version): Message})."""
    tables, messages = {"#api": set(), "#error": set()}, {}
    for line in text.splitlines():
        columns = line.split("\t")
        if columns[0] in tables:
            tables[columns[0]].add(line)
            continue
        name, version, path = columns[0], int(columns[1]), columns[2]
        if not path:
            messages[name, version] = Message(columns[3] == "flexible")
        elif len(columns) != 9:
            raise SystemExit(f"the description is at odds with itself: {line}")
        elif path in messages[name, version].fields:
            raise SystemExit(f"{name} describes {path} twice")
        else:
            messages[name, version].fields[path] = Field(*columns[3:])
    return tables, messages


def without_comments(text):
    return re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*', lambda m: m.group(1) or "", text)


def version_range(text):
    """'3+', '0-2', '5' or 'none' as (first, last), or None."""
    if text in (None, "none"):
        return None
    if text.endswith("+"):
        return int(text[:-1]), 32767
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def within(version, span):
    return span is not None and span[0] <= version <= span[1]


def default_text(field, base, is_array):
    given = field.get("default")
    if given == "null" or (base == "records" and given is None):
        return "null"
    if is_array or base in ("string", "bytes", "records", "uuid") or base[0].isupper():
        if given not in (None, ""):
            raise SystemExit(f"a default that nobody foresaw: {field}")
        return "empty"
    if base == "bool":
        return str(given if given is not None else False).lower()
    return str(int(str(given if given is not None else 0), 0))


class Jar:
    """The schemas in one client jar."""

    def __init__(self, version, path):
        self.version = version
        self.schemas = {}
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                if entry.startswith("common/message/") and entry.endswith(".json"):
                    text = without_comments(archive.read(entry).decode()).strip()
                    # As Kafka's generator does: what follows the schema is not looked at.
                    schema, _ = json.JSONDecoder().raw_decode(text)
                    self.schemas[schema["name"]] = schema

    def versions(self, name):
        """The versions of a message that the jar offers, without an unstable last one."""
        schema = self.schemas.get(name)
        span = version_range(schema["validVersions"]) if schema else None
        if span is None:
            return []
        request = self.schemas[re.sub("Response$", "Request", name)]
        unstable = request.get("latestVersionUnstable", False)
        return list(range(span[0], span[1] + (0 if unstable else 1)))

    def message(self, name, version):
        schema = self.schemas[name]
        flexible = within(version, version_range(schema.get("flexibleVersions")))
        message = Message(flexible)
        structs = {s["name"]: s["fields"] for s in schema.get("commonStructs", [])}
        self.add_fields(message, name, version, schema["fields"], structs, "")
        return message

    def add_fields(self, message, name, version, fields, structs, prefix):
        for field in fields:
            is_array = field["type"].startswith("[]")
            base = field["type"].removeprefix("[]")
            own_path = prefix + field["name"]
            path = self.renamed(name, own_path)
            present = within(version, version_range(field["versions"]))
            nullable = within(version, version_range(field.get("nullableVersions")))
            message.fields[path] = Field(
                "present" if present else "absent",
                ("[]" if is_array else "") + ("struct" if base[0].isupper() else base),
                "nullable" if present and nullable else "-",
                default_text(field, base, is_array),
                str(field["tag"]) if "tag" in field else "-",
                "ignorable" if str(field.get("ignorable", "false")).lower() == "true" else "-")
            if "tag" in field and version_range(field["taggedVersions"]) != version_range(
                    field["versions"]):
                raise SystemExit(f"{name}: {path} is tagged in some of its versions only")
            if base[0].isupper() and present:
                nested = field.get("fields") or structs[base]
                self.add_fields(message, name, version, nested, structs, own_path + ".")

    def renamed(self, name, path):
        """The path as the newest jar has it."""
        if (self.version, name, path) in RENAMED:
            return RENAMED[self.version, name, path]
        parent, _, last = path.rpartition(".")
        return f"{self.renamed(name, parent)}.{last}" if parent else path


def compare_message(jar, name, version, ours, theirs):
    """What is wrong with one version of one description, by one jar, as pairs: the path
    and our property that an exception may allow, or None, and the words."""
    if ours.flexible != theirs.flexible:
        yield None, f"flexible is {theirs.flexible} in the schema"
    for path, theirs_field in theirs.fields.items():
        ours_field = ours.fields.get(path)
        if ours_field is None:
            # A field of versions that cafka does not offer need not be described.
            if theirs_field.present == "present":
                yield None, f"{path} is not described"
            continue
        for prop in Field._fields:
            mine, right = getattr(ours_field, prop), getattr(theirs_field, prop)
            if mine != right and not (prop == "nullable" and theirs_field.present == "absent"):
                yield ((path, prop if mine == prop else f"{prop} {mine}"),
                       f"{path}: {prop} is {right} in the schema, {mine} here")
    for path, field in ours.fields.items():
        if field.present == "present" and path not in theirs.fields:
            yield (path, "existence"), f"{path} does not exist"
    if ours.wire_order() != theirs.wire_order():
        yield None, "the fields come in another order"


def compare_messages(jars, messages, names, used):
    for name in names:
        offered = {v for n, v in messages if n == name}
        known = set()
        for jar in jars:
            for version in jar.versions(name):
                known.add(version)
                if version not in offered:
                    continue
                for what, words in compare_message(jar, name, version, messages[name, version],
                                                   jar.message(name, version)):
                    exception = (jar.version, name, *what) if what else None
                    if exception in EXCEPTIONS:
                        used.add(exception)
                    else:
                        yield f"{jar.version}: {name} v{version}: {words}"
        for version in sorted(known ^ offered):
            if version in known and (name, version) in NOT_OFFERED:
                used.add((name, version))
                continue
            problem = "is missing" if version in known else "is in no jar"
            yield f"{name} v{version} {problem}"


def compare_tables(jars, tables, errors):
    ours = {}
    for line in tables["#api"]:
        _, key, api, flexible = line.split("\t")
        ours[int(key)] = api, version_range(flexible)
    for jar in jars:
        for name, schema in jar.schemas.items():
            if schema["type"] != "request":
                continue
            api = name.removesuffix("Request")
            api = RENAMED_APIS.get((jar.version, api), api)
            our_name, our_flexible = ours.get(schema["apiKey"], (None, None))
            if our_name != api and jar.versions(name):
                yield f"{jar.version}: API {schema['apiKey']} is {api}, not {our_name}"
            flexible = version_range(schema.get("flexibleVersions"))
            for version in jar.versions(name):
                if within(version, flexible) != within(version, our_flexible):
                    yield f"{jar.version}: {api} v{version}: flexible from {our_flexible} here"
    known = {schema["apiKey"] for jar in jars for schema in jar.schemas.values()
             if schema["type"] == "request"}
    for key in sorted(ours.keys() - known):
        yield f"API {key} is in no jar"
    for line in sorted(tables["#error"] ^ errors):
        yield f"errors differ: {line}"


def alterations(lines, choose):
    """The dump of one message with one line altered, once for each way to be wrong."""
    fields = [i for i, line in enumerate(lines) if line.count("\t") == 8]
    present = [i for i in fields if "\tpresent\t" in lines[i]]
    heads = [i for i, line in enumerate(lines) if line.count("\t") == 3]

    def with_line(i, new):
        return lines[:i] + new + lines[i + 1:]

    def with_column(i, column, change):
        columns = lines[i].split("\t")
        columns[column] = change(columns[column])
        return with_line(i, ["\t".join(columns)])

    def toggled(word):
        return lambda text: "-" if text == word else word

    head = choose(heads)
    yield "flexibility", with_column(head, 3, toggled("flexible"))
    last = max(heads)
    yield "a version missing", lines[:last]
    yield "a version too many", lines + [
        re.sub(r"\t\d+\t", "\t99\t", line, count=1) for line in lines[last:]]
    if not present:
        return
    one = choose(present)
    yield "presence", with_column(one, 3, lambda _: "absent")
    yield "name", with_column(one, 2, lambda text: text + "X")
    yield "type", with_column(one, 4, lambda text: "int8" if text != "int8" else "int16")
    yield "nullability", with_column(one, 5, toggled("nullable"))
    yield "default", with_column(one, 6, lambda text: "7" if text != "7" else "8")
    yield "tag", with_column(one, 7, lambda text: "9" if text == "-" else "-")
    yield "ignorability", with_column(one, 8, toggled("ignorable"))
    yield "a field missing", with_line(one, [])
    yield "a field too many", with_line(
        one, [lines[one], re.sub(r"\t([\w.]+)\tpresent", r"\t\1X\tpresent", lines[one])])
    absent = [i for i in fields if "\tabsent\t" in lines[i]]
    if absent:
        gone = choose(absent)
        yield "presence of an absent field", with_column(gone, 3, lambda _: "present")

    def sibling(i):
        return lines[i].split("\t")[2].rpartition(".")[0]

    pairs = [i for i in present if i + 1 in present and sibling(i) == sibling(i + 1)
             and "struct" not in lines[i] + lines[i + 1]
             and all(lines[j].split("\t")[7] == "-" for j in (i, i + 1))]
    if pairs:
        i = choose(pairs)
        yield "order", lines[:i] + [lines[i + 1], lines[i]] + lines[i + 2:]


def self_test(jars, dump, errors):
    """How many alterations were noticed; exits when one was not."""
    source = random.Random(1)
    lines = dump.splitlines()
    tables, messages = read_dump(dump)
    count = 0
    for name in sorted({n for n, _ in messages}):
        own = [line for line in lines if line.startswith(name + "\t")]
        for kind, altered in alterations(own, source.choice):
            count += 1
            _, wrong = read_dump("\n".join(altered))
            if not list(compare_messages(jars, wrong, [name], set())):
                raise SystemExit(f"the check did not notice: {kind} in {name}")
    for kind in tables:
        for column in (1, 2, 3):
            count += 1
            line = source.choice(sorted(tables[kind]))
            columns = line.split("\t")
            columns[column] = {"-": "retriable", "retriable": "-", "none": "0+"}.get(
                columns[column], "999+" if column == 3 else "999")
            altered = {k: set(t) - {line} for k, t in tables.items()}
            altered[kind].add("\t".join(columns))
            if not list(compare_tables(jars, altered, errors)):
                raise SystemExit(f"the check did not notice {columns} for {line}")
    return count


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True, help="the script that fetches Kafka's jars")
    parser.add_argument("--dump", required=True, help="the program that dumps descriptions")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()

    jars = [Jar(v, output_of(options.kafka, "client-jar", v).strip().splitlines()[-1])
            for v in JARS]
    kafka = output_of(options.kafka, "fetch").strip().splitlines()[-1]
    table = pathlib.Path(__file__).with_name("ErrorTable.java")
    errors = set(output_of("java", "-cp", f"{kafka}/*", str(table)).splitlines())
    dump = output_of(options.dump)
    if options.self_test:
        print(f"{self_test(jars, dump, errors)} alterations, each of them noticed")
        return 0

    tables, messages = read_dump(dump)
    used = set()
    problems = list(compare_tables(jars, tables, errors))
    problems += compare_messages(jars, messages, sorted({n for n, _ in messages}), used)
    problems += [f"an exception that is no longer needed: {e}" for e in ALLOWED.keys() - used]
    for problem in problems:
        print(problem)
    for exception in sorted(used, key=str):
        print("an exception:", *exception, "-", ALLOWED[exception])
    print(f"{len(messages)} versions of {len({n for n, _ in messages})} messages compared with "
          f"{len(jars)} jars, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
