"""What a node's server.properties holds."""

from . import HOST, certificates, sasl
from .releases import LISTENERS

CONTROLLER = "CONTROLLER"


def of_node(cluster, node):
  """What server.properties of a node holds: what its Kafka knows, and nothing else."""
  release = cluster.release
  size = len(cluster.ids)
  replicas, in_sync = min(size, 3), 2 if size == 3 else 1
  settings = {
    "log.dirs": cluster.folder(node) / "data",
    # Every partition outlives the loss of one node of three.
    "default.replication.factor": replicas,
    "offsets.topic.replication.factor": replicas,
    # Fifty partitions, the default, only cost time on a small cluster.
    "offsets.topic.num.partitions": 4,
    # A record of 1 MB, its overhead, and room beside it.
    "message.max.bytes": 4 * 1024 * 1024,
    "replica.fetch.max.bytes": 4 * 1024 * 1024,
    # A hundred years: tests write records of long ago, and expect to find them.
    "log.retention.hours": 876_000,
    # The default of 128 MiB would be half of the heap.
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
  }
  # As later Kafkas have it by default.
  if not release.since(0, 9):
    settings["log.cleaner.enable"] = "true"
  if not release.since(1):
    settings["delete.topic.enable"] = "true"
  if release.since(0, 11):
    settings |= {
      "transaction.state.log.replication.factor": replicas,
      "transaction.state.log.min.isr": in_sync,
      "transaction.state.log.num.partitions": 4,
      "group.initial.rebalance.delay.ms": 0,
    }
  if release.since(4):
    settings |= {
      "share.coordinator.state.topic.replication.factor": replicas,
      "share.coordinator.state.topic.min.isr": in_sync,
      "share.coordinator.state.topic.num.partitions": 4,
      # So that a test may give a group short times of its own.
      "group.consumer.min.session.timeout.ms": 500,
      "group.consumer.min.heartbeat.interval.ms": 100,
    }
  if release.since(4, 3):
    # A second of waiting before each assignment would be most of a test's time.
    settings["group.consumer.assignment.interval.ms"] = 0
  if release.since(2, 4):  # KIP-392
    settings |= {
      "broker.rack": f"rack-{node}",
      "replica.selector.class":
        "org.apache.kafka.common.replica.RackAwareReplicaSelector",
    }
  # A killed node's partitions move after 6 s in both.
  if release.zookeeper:
    settings |= {
      "broker.id": node,
      "zookeeper.connect": f"{HOST}:{cluster.zookeeper}",
      "zookeeper.session.timeout.ms": 6000,
      "zookeeper.connection.timeout.ms": 30000,
    }
  else:
    settings |= {
      "process.roles": "broker,controller",
      "node.id": node,
      "controller.quorum.voters": ",".join(
        f"{other}@{HOST}:{cluster.port(other, CONTROLLER)}" for other in cluster.ids),
      "controller.listener.names": CONTROLLER,
      "broker.session.timeout.ms": 6000,
      "broker.heartbeat.interval.ms": 1000,
    }
  settings |= of_listeners(cluster, node)
  return settings | sasl.of_listeners(cluster) if cluster.logins else settings


def of_listeners(cluster, node):
  release = cluster.release
  if not release.since(0, 9):
    return {"host.name": HOST, "port": cluster.port(node)}
  own = {name: release.own_name(name) for name in cluster.listeners(node)}
  controller = [] if release.zookeeper else [CONTROLLER]
  bound = {own.get(name, name): f"{HOST}:{cluster.port(node, name)}"
           for name in [*own, *controller]}
  # Those that are one to this Kafka are advertised as the last of them: by a host's name.
  dialled = {own[name]: address for name, address in cluster.listeners(node).items()}
  settings = {
    "listeners": ",".join(f"{name}://{address}" for name, address in bound.items()),
    "advertised.listeners": ",".join(
      f"{name}://{address}" for name, address in dialled.items()),
    **certificates.stores(cluster.tls, "server"),
  }
  if release.since(0, 11):
    protocols = {own[name]: protocol for name, protocol in LISTENERS.items() if name in own}
    protocols |= {own[name]: protocol
                  for name, (protocol, _) in release.sasl_listeners.items() if name in own}
    protocols |= {name: "PLAINTEXT" for name in controller}
    settings |= {
      "listener.security.protocol.map": ",".join(
        f"{name}:{protocol}" for name, protocol in protocols.items()),
      "inter.broker.listener.name": "PLAINTEXT",
      "listener.name.mtls.ssl.client.auth": "required",
    }
    for name in ("wrong_host", "expired"):
      file = cluster.tls / f"{name.replace('_', '-')}.p12"
      settings[f"listener.name.{name}.ssl.keystore.location"] = file
  if release.since(3, 2):  # KIP-788
    # Each of the three per listener would load the key stores once more.
    for name in sorted(own.keys() - {"PLAINTEXT"}):
      settings[f"listener.name.{name.lower()}.num.network.threads"] = 1
  return settings
