"""A cluster of 1 to 3 brokers on this machine, and the ZooKeeper of an old Kafka."""

import base64
import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

from . import HOST, Failure, certificates, kerberos, sasl, say, settings, tokens
from .asking import ask_zookeeper, listens, registered_brokers
from .jars import BROKER_JVM, TOOL_JVM, ZOOKEEPER_JVM, class_archive, jars, java
from .releases import Release
from .settings import CONTROLLER

MAX_NODES = 3
# Its folder, and what stands for a node's number wherever processes are named.
ZOOKEEPER = "zookeeper"
KDC = "kdc"
TOKENS = "tokens"
TITLES = {ZOOKEEPER: "ZooKeeper", KDC: "the KDC", TOKENS: "the token provider"}


def free_ports(count):
  """Ports in a row nobody listens on, below the range that outgoing connections use.

  A node keeps its ports while it is down, so no client's connection may take them. One
  row, as clusters that start at the same time then hardly ever choose the same.
  """
  low, high = 20000, 32000
  with contextlib.suppress(OSError, ValueError):
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    high = min(high, first)
  if high - low < 1000:
    low, high = 10000, max(high, 11000)
  for first in random.sample(range(low, high - count), high - count - low):
    with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
      for port in range(first, first + count):
        probes.enter_context(socket.socket()).bind((HOST, port))
      return list(range(first, first + count))
  raise Failure("there are no free ports on this machine")


def node_ports(release, names, ports):
  """A port for each listener; those that are one to this Kafka share it."""
  own = {name: next(ports) for name in dict.fromkeys(map(release.own_name, names))}
  return {name: own[release.own_name(name)] for name in names}


def process_state(pid):
  return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def has_ended(pid):
  """True once the process has let go of its ports: a zombie, of its last thread."""
  try:
    return process_state(pid) in "ZX" and len(os.listdir(f"/proc/{pid}/task")) <= 1
  except (FileNotFoundError, ProcessLookupError):
    return True


def title(name):
  return TITLES.get(name) or f"node {name}"


class Cluster:
  """One directory: cluster.json, and per node a folder with settings, data and log."""

  def __init__(self, directory):
    self.dir = Path(directory).resolve()
    self.file = self.dir / "cluster.json"
    self.facts = json.loads(self.file.read_text()) if self.file.is_file() else None
    self.launched = {}

  def require(self):
    if not self.facts:
      raise Failure(f"there is no cluster in {self.dir}; `scripts/kafka up` makes one")
    return self

  @property
  def ids(self):
    return sorted(int(node) for node in self.facts["nodes"])

  @property
  def release(self):
    return Release(self.facts["version"])

  @property
  def zookeeper(self):
    """ZooKeeper's port, or None in a cluster without it."""
    return self.facts.get(ZOOKEEPER)

  @property
  def tls(self):
    return self.dir / "tls"

  @property
  def logins(self):
    """The ports of the KDC and the token provider; empty in a cluster without logins."""
    return self.facts.get("logins", {})

  @property
  def sasl(self):
    return self.dir / "sasl"

  @property
  def helpers(self):
    """Those that a cluster with logins has beside its nodes."""
    return [name for name in (KDC, TOKENS) if name in self.logins]

  def token_address(self, tls=False):
    return (f"https://{HOST}:{self.logins['tokens_tls']}" if tls else
            f"http://{HOST}:{self.logins[TOKENS]}")

  def listeners(self, node):
    """The addresses of a node's client listeners, by their names."""
    ports = self.facts["nodes"][str(node)]
    return {name: f"{sasl.host(name)}:{port}" for name, port in ports.items()
            if name != CONTROLLER}

  def port(self, node, listener="PLAINTEXT"):
    return self.facts["nodes"][str(node)][listener]

  def bootstrap(self, listener="PLAINTEXT"):
    known = self.listeners(self.ids[0])
    if listener not in known:
      raise Failure(f"this cluster, Kafka {self.release}, has no listener {listener}; "
                    f"it has {', '.join(known)}")
    return ",".join(self.listeners(node)[listener] for node in self.ids)

  def folder(self, name):
    return self.dir / str(name)

  def log(self, name):
    return self.folder(name) / f"{name if name in TITLES else 'kafka'}.log"

  def processes(self):
    """Node id or another's name to (process id, frozen?), for every process that runs.

    Found by the mark in their command lines, so that nothing is lost when an
    earlier `up` died, and no number from an old file can name a stranger's process.
    """
    mark = f"-Dcafka.node={self.dir}/".encode()
    # The KDC takes no argument that it does not know.
    kdc = kerberos.mark(self).encode()
    found = {}
    for entry in os.scandir("/proc"):
      if not entry.name.isdigit():
        continue
      with contextlib.suppress(OSError):
        arguments = Path(entry.path, "cmdline").read_bytes().split(b"\0")
        for argument in arguments:
          if argument.startswith(mark) or argument == kdc:
            frozen = process_state(entry.name) in "Tt"
            name = KDC if argument == kdc else argument[len(mark):].decode()
            found[int(name) if name.isdigit() else name] = (int(entry.name), frozen)
    return found

  def running(self):
    """As `processes`, of the nodes alone."""
    return {name: found for name, found in self.processes().items() if name not in TITLES}

  def create(self, size, release, logins=False):
    """Writes a fresh cluster's facts and settings, in place of an old one's."""
    if self.dir.exists() and not self.facts:
      strangers = [item.name for item in self.dir.iterdir() if item.name != "lock"]
      if strangers:
        raise Failure(f"{self.dir} holds something else than a cluster: {strangers[0]}")
    self.wipe(logs=True)
    names = [*release.listeners, *(release.sasl_listeners if logins else ()),
             *([] if release.zookeeper else [CONTROLLER])]
    ports = iter(free_ports(size * len(names) + 4))
    self.facts = {
      "version": release.name,
      "cluster_id": new_cluster_id(),
      "nodes": {str(node): node_ports(release, names, ports)
                for node in range(1, size + 1)},
    }
    if release.zookeeper:
      self.facts[ZOOKEEPER] = next(ports)
    if logins:
      provider = (TOKENS, "tokens_tls") if release.validates_tokens else ()
      self.facts["logins"] = {name: next(ports) for name in (KDC, *provider)}
    self.file.write_text(json.dumps(self.facts, indent=2) + "\n")
    for node in self.ids:
      self.folder(node).mkdir()
      (self.folder(node) / "server.properties").write_text(
        certificates.properties(settings.of_node(self, node)))
    if release.zookeeper:
      self.folder(ZOOKEEPER).mkdir()
      (self.folder(ZOOKEEPER) / "zookeeper.properties").write_text(
        certificates.properties({
          "dataDir": self.folder(ZOOKEEPER) / "data",
          "clientPort": self.zookeeper,
          "clientPortAddress": HOST,
          "maxClientCnxns": 0,
          "tickTime": 1000,
          "admin.enableServer": "false",
          "4lw.commands.whitelist": "dump",
        }))
    if release.since(0, 9):
      certificates.make(self.tls)
    if logins:
      self.create_logins()

  def create_logins(self):
    self.sasl.mkdir(mode=0o700)
    kerberos.make(self, f"{HOST}:{self.logins[KDC]}")
    if TOKENS in self.logins:
      tokens.make(self, HOST, self.logins[TOKENS], self.logins["tokens_tls"])
    sasl.make(self)

  def wipe(self, logs):
    for name in (*range(1, MAX_NODES + 1), *TITLES):
      shutil.rmtree(self.folder(name) if logs else self.folder(name) / "data",
                    ignore_errors=True)
    shutil.rmtree(self.tls, ignore_errors=True)
    shutil.rmtree(self.sasl, ignore_errors=True)

  def format(self):
    """Formats the storage of all nodes at the same time."""
    users = sasl.scram_in_storage(self.release) if self.logins else []
    work = {}
    for node in self.ids:
      with open(self.log(node), "ab") as log:
        work[node] = subprocess.Popen(
          java(self.release, TOOL_JVM, "kafka.tools.StorageTool", "format",
               "--cluster-id", self.facts["cluster_id"],
               "--config", str(self.folder(node) / "server.properties"), *users),
          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    failed = [node for node, process in work.items() if process.wait() != 0]
    if failed:
      raise Failure(f"the storage of node {failed[0]} could not be formatted:"
                    f"\n{self.tail(failed[0])}")

  def start_process(self, name, command, env=None):
    with open(self.log(name), "ab") as log:
      self.launched[name] = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder(name),
        env=env, start_new_session=True)

  def start_java(self, name, jvm, main, file):
    self.start_process(name, java(
      self.release, jvm, main, str(self.folder(name) / file), talking=True,
      properties=(f"-Dcafka.node={self.folder(name)}",)))

  def launch(self, node, jvm=()):
    jvm = [*jvm, *(sasl.broker_jvm(self) if self.logins else ())]
    self.start_java(node, [*BROKER_JVM, *jvm], "kafka.Kafka", "server.properties")

  def launch_helper(self, name):
    if name == KDC:
      self.start_process(name, kerberos.kdc(self), kerberos.environment(self))
    else:
      self.start_process(name, tokens.provider(self))

  def wait_for_helpers(self, names, deadline):
    for name in names:
      self.wait_for({name}, deadline, lambda: listens(self.logins[name]),
                    "did not listen")

  def prepare_nodes(self, deadline):
    """What the first node needs to start: formatted storage, or ZooKeeper; and where
    brokers let users log in, those that they ask."""
    for name in self.helpers:
      self.launch_helper(name)
    if self.release.zookeeper:
      self.ensure_zookeeper(deadline)
      if self.logins:
        sasl.scram_in_zookeeper(self)
    else:
      self.format()
    self.wait_for_helpers(self.helpers, deadline)

  def ensure_zookeeper(self, deadline):
    if ZOOKEEPER not in self.processes():
      jvm = [*ZOOKEEPER_JVM, "-Dzookeeper.jmx.log4j.disable=true"]
      self.start_java(ZOOKEEPER, jvm, "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                      "zookeeper.properties")
    self.wait_for({ZOOKEEPER}, deadline, lambda: self.sessions() is not None,
                  "did not answer")

  def sessions(self):
    """The nodes ZooKeeper holds to be alive, or None while it does not answer."""
    dump = ask_zookeeper(self.zookeeper, b"dump")
    if "ephemeral" not in dump:
      return None
    return {int(node) for node in re.findall(r"(?m)/brokers/ids/(\d+)$", dump)}

  def wait_until_forgotten(self, node, deadline):
    """Until ZooKeeper's session of a killed node ends: before, it could not register."""
    def forgotten():
      alive = self.sessions()
      return alive is not None and node not in alive
    self.wait_for({ZOOKEEPER}, deadline, forgotten, f"did not forget node {node}")

  def known_to(self, node):
    """The ids of the brokers this node knows of; none while it does not answer."""
    listed = registered_brokers(self.port(node), 1 if self.release.since(0, 10) else 0)
    # 0.8 lists no broker before there is a topic.
    if listed is not None and not self.release.since(0, 9):
      listed = self.sessions()
    return listed or set()

  def wait_until_ready(self, nodes, deadline):
    """Until each of these nodes answers and knows every node that runs."""
    waiting = set(nodes)

    def ready():
      others = {node for node, (_, frozen) in self.running().items() if not frozen}
      expected = others | set(nodes)
      waiting.difference_update(
        [node for node in waiting if expected <= self.known_to(node)])
      return not waiting
    self.wait_for(waiting, deadline, ready, "did not answer")

  def wait_for(self, names, deadline, condition, otherwise):
    """Until the condition holds, while all that was started here still runs."""
    end = time.monotonic() + deadline
    while not condition():
      for name, process in self.launched.items():
        if process.poll() is not None:
          raise Failure(f"{title(name)} ended while it started:\n{self.tail(name)}")
      if time.monotonic() > end:
        raise Failure(f"{title(min(names))} {otherwise} within {deadline:g} s:"
                      f"\n{self.tail(min(names))}")
      time.sleep(0.1)

  def prepare(self, release, deadline):
    """Gets the jars, and once the archive of their classes, from a node's short life."""
    jars(release)
    archive = class_archive(release)
    if not archive or archive.is_file():
      return
    say(f"starting one node of Kafka {release} once, to keep its classes for the next")
    fresh = archive.with_name(f".{archive.name}.{os.getpid()}")
    try:
      self.create(1, release)
      self.prepare_nodes(deadline)
      self.launch(1, [f"-XX:ArchiveClassesAtExit={fresh}", "-Xlog:cds*=off"])
      self.wait_until_ready([1], deadline)
      self.launched[1].terminate()
      self.wait_until_gone({1: self.launched[1].pid}, deadline)
      if fresh.is_file():
        fresh.replace(archive)
    finally:
      self.end()
      self.wipe(logs=True)
      fresh.unlink(missing_ok=True)
      self.launched = {}

  def tail(self, node, lines=15):
    with contextlib.suppress(OSError):
      text = self.log(node).read_text(errors="replace").splitlines()
      return "\n".join([*text[-lines:], f"(all of it: {self.log(node)})"])
    return f"(no log at {self.log(node)})"

  def wait_until_gone(self, processes, deadline):
    """Waits for the end of these processes, given as node id to process id."""
    end = time.monotonic() + deadline
    while remaining := [name for name, pid in processes.items() if not has_ended(pid)]:
      if time.monotonic() > end:
        raise Failure(f"{title(remaining[0])} still runs after {deadline:g} s; "
                      "`scripts/kafka down` ends everything")
      time.sleep(0.02)

  def signal(self, node, *numbers):
    """Sends signals to a node, or a helper; the id of the process that got them."""
    running = self.processes()
    if node not in running:
      raise Failure(f"{title(node)} is not running")
    pid = running[node][0]
    for number in numbers:
      os.kill(pid, number)
    return pid

  def end(self):
    """Kills whatever of this cluster runs, also what an `up` that died left."""
    processes = {name: pid for name, (pid, _) in self.processes().items()}
    processes |= {name: started.pid for name, started in self.launched.items()
                  if started.poll() is None}
    for pid in processes.values():
      with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    self.wait_until_gone(processes, 30)
    return sorted(processes, key=str)


def new_cluster_id():
  while True:
    name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if not name.startswith("-"):  # the tool would take it for an option
      return name


@contextlib.contextmanager
def locked(directory):
  directory.mkdir(parents=True, exist_ok=True)
  with open(directory / "lock", "w") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      raise Failure(f"another `scripts/kafka` is at work in {directory}") from None
    yield
