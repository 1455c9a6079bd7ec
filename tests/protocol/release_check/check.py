#!/usr/bin/env python3
"""Compares what cafka says each release of Kafka knows with that release's client jar."""

import argparse
import collections
import pathlib
import subprocess
import sys

# APIs that are left out: between brokers and controllers; those that depend on how a broker is
# set up (telemetry, share and streams groups); those that only KRaft has.
LEFT_OUT = {4, 5, 6, 7, 52, 53, 54, 55, 56, 57, 58, 59, 62, 63, 64, 67, *range(70, 93)}

# Where cafka is at odds with a jar, (release, API): what cafka says -> why.
EXCEPTIONS = {
    ("0.8.2.2", 11): (None, "a draft in the client; the broker fails it"),
    ("0.8.2.2", 12): (None, "a draft in the client; the broker fails it"),
    ("4.0.0", 11): ((0, 9), "4.0.0 alone lacks versions 0 and 1; 4.1 has them again"),
    **{key: (None, "not for use before 4.0")
       for key in (("3.7.2", 68), ("3.8.1", 68), ("3.8.1", 69), ("3.9.1", 68), ("3.9.1", 69))},
}


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def rows(text):
    return [line.split("\t") for line in text.splitlines()]


def release_of(jar):
    return pathlib.Path(jar).stem.removeprefix("kafka-clients-")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True, help="the script that fetches Kafka's jars")
    parser.add_argument("--dump", required=True, help="the program that dumps cafka's tables")
    options = parser.parse_args()

    jars = output_of(options.kafka, "client-jar", "all").splitlines()
    releases = [release_of(jar) for jar in jars]
    theirs = collections.defaultdict(dict)
    # The oldest clients log before they do anything else.
    logging = output_of(options.kafka, "fetch").strip().splitlines()[-1]
    source = str(pathlib.Path(__file__).with_name("ApiTable.java"))
    for jar, api, first, last in rows(output_of("java", "-XX:TieredStopAtLevel=1", source,
                                                logging, *jars)):
        if int(api) not in LEFT_OUT and int(last) >= 0:
            theirs[release_of(jar)][int(api)] = int(first), int(last)
    ours = collections.defaultdict(dict)
    for release, api, first, last in rows(output_of(options.dump, *releases)):
        ours[release][int(api)] = int(first), int(last)
    problems, used, compared = [], set(), 0
    for release in releases:
        if not theirs[release]:
            problems.append(f"{release}: the jar has no API")
        for api in sorted(theirs[release].keys() | ours[release].keys()):
            compared += 1
            mine, right = ours[release].get(api), theirs[release].get(api)
            if mine == right:
                continue
            if EXCEPTIONS.get((release, api), (0, ""))[0] == mine:
                used.add((release, api))
            else:
                problems.append(f"{release}: API {api} is {right} in the jar, {mine} here")
    problems += [f"an exception that is not needed: {e}" for e in EXCEPTIONS.keys() - used]
    for problem in problems:
        print(problem)
    print(f"{compared} ranges of {len(releases)} releases compared, {len(used)} exceptions, "
          f"{len(problems)} problems")
    return 1 if problems or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
