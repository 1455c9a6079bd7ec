"""Kafka's jars: fetched by Maven into the cache directory, and run with Java."""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from . import Failure
from .releases import DEFAULT, Release, TOOLS

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cafka"
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"

BROKER_JVM = ["-Xms96m", "-Xmx256m", "-XX:+UseSerialGC"]
# A tool runs for a moment: not worth the optimizing compiler's time.
TOOL_JVM = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
ZOOKEEPER_JVM = ["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>cafka</groupId><artifactId>{name}</artifactId><version>1</version>
<packaging>pom</packaging>
<properties>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
</properties>
{content}
</project>
"""
DEPENDENCY = """<dependency><groupId>{}</groupId><artifactId>{}</artifactId>\
<version>{}</version></dependency>"""
COPYING = """<build><plugins><plugin>
<groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId>
<configuration><artifactItems>
{items}
</artifactItems></configuration>
</plugin></plugins></build>"""
CLIENT_JAR = """<artifactItem><groupId>org.apache.kafka</groupId>\
<artifactId>kafka-clients</artifactId><version>{version}</version>\
<outputDirectory>{folder}</outputDirectory></artifactItem>"""


def program(name, home=None, goal="kafka"):
  """The path of a program, from the environment's home for it or from PATH."""
  if home and os.environ.get(home):
    path = Path(os.environ[home]) / "bin" / name
    if path.is_file():
      return str(path)
  # Debian has servers where only root's PATH leads.
  path = shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin")
  if not path:
    raise Failure(f"{name} is not installed; `scripts/bootstrap {goal}` installs it")
  return path


# --- Fetching -----------------------------------------------------------------------


def maven(what, *args):
  """Runs Maven; returns its exit code and its words."""
  print(f"fetching {what} with Maven", file=sys.stderr, flush=True)
  done = subprocess.run([program("mvn"), "-B", "-q", "-Dstyle.color=never", *args],
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, text=True)
  return done.returncode, done.stdout


@contextlib.contextmanager
def scratch_folder():
  """A folder beside the cache's content: what is made in it can be moved in one step."""
  CACHE.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetch-") as scratch:
    yield Path(scratch)


def publish(content, target):
  try:
    content.rename(target)
  except OSError:
    if not target.is_dir():  # else another run was quicker, with the same jars
      raise


def kafka_home():
  """The folder of jars in the Kafka distribution that KAFKA_HOME names, or None."""
  if not os.environ.get("KAFKA_HOME"):
    return None
  libs = Path(os.environ["KAFKA_HOME"]) / "libs"
  if not libs.is_dir():
    raise Failure(f"KAFKA_HOME={os.environ['KAFKA_HOME']} has no folder libs")
  return libs


def chosen_release(name):
  """The version asked for; by default KAFKA_HOME's, and without that the default."""
  libs = kafka_home()
  if not libs:
    return Release(name or DEFAULT)
  for jar in libs.glob("kafka-clients-*.jar"):
    found = jar.stem.removeprefix("kafka-clients-")
    if name and name != found:
      raise Failure(f"KAFKA_HOME is Kafka {found}, and not {name}")
    return Release(found)
  raise Failure(f"there is no jar of Kafka in {libs}")


def fetch(releases):
  """Gets the jars that are missing, of all these versions in one run of Maven."""
  missing = [release for release in releases if not jar_folder(release).is_dir()]
  if not missing:
    return
  with scratch_folder() as scratch:
    for release in missing:
      (scratch / release.name).mkdir()
      needed = "\n".join(DEPENDENCY.format(*one) for one in release.dependencies)
      (scratch / release.name / "pom.xml").write_text(POM.format(
        name=f"kafka-{release}", content=f"<dependencies>\n{needed}\n</dependencies>"))
    modules = "".join(f"<module>{release}</module>" for release in missing)
    (scratch / "pom.xml").write_text(
      POM.format(name="kafka-all", content=f"<modules>{modules}</modules>"))
    code, words = maven(f"Kafka {', '.join(map(str, missing))}", "--fail-at-end",
                        "-f", str(scratch / "pom.xml"),
                        f"{DEPENDENCY_PLUGIN}:copy-dependencies")
    reasons = {}
    if code != 0:
      # "[ERROR] Failed to execute goal ... on project kafka-1.1.1: why -> [Help 1]"
      reasons = dict(re.findall(r"on project kafka-(\S+): (.*?)(?: -> .*)?$", words,
                                re.MULTILINE))
      if not reasons:
        sys.stderr.write(words)
    failures = []
    for release in missing:
      content = scratch / release.name / "target" / "dependency"
      if release.name in reasons or code != 0 and not reasons or not content.is_dir():
        failures.append(f"Maven could not fetch Kafka {release}: "
                        f"{reasons.get(release.name, 'is the network there?')}")
      else:
        publish(content, jar_folder(release))
  if failures:
    raise Failure("\n".join(failures))


def jar_folder(release):
  return kafka_home() or CACHE / f"kafka-{release}"


def jars(release):
  """The folder with the jars of one Kafka version, fetched when missing."""
  fetch([release])
  return jar_folder(release)


def client_jars(versions):
  """The jars of these versions' Java clients, in order; they carry the protocol's JSON
  schemas. Those that are missing come in one run of Maven."""
  found = {version: present_client_jar(version) for version in versions}
  missing = [version for version in found if not found[version]]
  if missing:
    with scratch_folder() as scratch:
      items = "\n".join(CLIENT_JAR.format(version=version, folder=scratch / version)
                        for version in missing)
      (scratch / "pom.xml").write_text(POM.format(
        name="kafka-clients", content=COPYING.format(items=items)))
      code, words = maven(f"the Kafka client {', '.join(missing)}", "-f",
                          str(scratch / "pom.xml"), f"{DEPENDENCY_PLUGIN}:copy")
      if code != 0:
        sys.stderr.write(words)
        raise Failure(f"Maven could not fetch the Kafka client {', '.join(missing)}: "
                      "is the network there?")
      for version in missing:
        publish(scratch / version, CACHE / f"kafka-clients-{version}")
        found[version] = present_client_jar(version)
  return [found[version] for version in versions]


def present_client_jar(version):
  """The jar of one version's client where it has been fetched, or None."""
  for folder in (CACHE / f"kafka-{version}", CACHE / f"kafka-clients-{version}"):
    jar = folder / f"kafka-clients-{version}.jar"
    if jar.is_file():
      return jar
  return None


# --- Running ------------------------------------------------------------------------


def class_archive(release):
  """Where the loaded classes of one version are kept: a start takes half the time."""
  return None if kafka_home() else CACHE / f"kafka-{release}.jsa"


def logging(release, talking):
  """The properties that send the log to the standard error."""
  if kafka_home():
    config = Path(os.environ["KAFKA_HOME"]) / "config"
    if (config / "tools-log4j2.yaml").is_file():
      return [f"-Dlog4j2.configurationFile={config}/tools-log4j2.yaml"]
    return [f"-Dlog4j.configuration=file:{config}/tools-log4j.properties"]
  if release.log4j:
    return [f"-Dlog4j.configuration=file:{Path(__file__).with_name('log4j.properties')}",
            f"-Dcafka.log.level={'INFO' if talking else 'WARN'}"]
  simple = "-Dorg.slf4j.simpleLogger."
  if not talking:
    return [f"{simple}defaultLogLevel=warn"]
  return [f"{simple}defaultLogLevel=info", f"{simple}showDateTime=true",
          f"{simple}dateTimeFormat=HH:mm:ss.SSS",
          # The dump of every setting, some hundred lines at each start.
          f"{simple}log.org.apache.kafka.common.config=warn"]


def java(release, jvm, main, *args, talking=False, properties=()):
  folder = jars(release)
  archive = class_archive(release)
  if archive and archive.is_file():
    # Java leaves an archive aside that does not fit; it need not say so.
    jvm = [*jvm, f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off",
           "-Xlog:cds+dynamic=off", "-Xlog:class+path=off"]
  return [program("java", "JAVA_HOME"), *jvm, *logging(release, talking), *properties,
          "-cp", f"{folder}/*", main, *args]


@functools.cache
def classes(release):
  """The names of Kafka's own classes, without those of its libraries."""
  found = set()
  for jar in jars(release).glob("kafka*.jar"):
    with zipfile.ZipFile(jar) as content:
      found.update(name.removesuffix(".class").replace("/", ".")
                   for name in content.namelist() if name.endswith(".class"))
  return found


def tool_class(release, name):
  """The class of a tool in this version, by the tool's name or the class itself."""
  candidates = TOOLS.get(name) or ((name,) if "." in name else ())
  for candidate in candidates:
    if candidate in classes(release):
      return candidate
  known = [tool for tool, names in TOOLS.items() if classes(release).intersection(names)]
  raise Failure(f"Kafka {release} has no tool {name}; its tools are {', '.join(known)}")
