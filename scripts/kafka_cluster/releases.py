"""What differs from one Kafka to the next: its jars, its listeners, its tools."""

import re

from . import Failure

# Those that cafka is tested with; the last is the one that `up` starts by default.
TESTED = ("0.8.2.2", "0.9.0.1", "0.10.2.2", "0.11.0.3", "1.1.1", "2.8.2", "3.9.1",
          "4.3.0")
DEFAULT = TESTED[-1]

# Those whose client jar says what they know: of each release the last that was published,
# or the one that the schema check has too.
CLIENTS = ("0.8.2.2", "0.9.0.1", "0.10.0.1", "0.10.1.1", "0.10.2.2", "0.11.0.3", "1.0.2",
           "1.1.1", "2.0.1", "2.1.1", "2.2.2", "2.3.1", "2.4.1", "2.5.1", "2.6.3", "2.7.2",
           "2.8.2", "3.0.2", "3.1.2", "3.2.3", "3.3.2", "3.4.1", "3.5.2", "3.6.2", "3.7.2",
           "3.8.1", "3.9.1", "4.0.0", "4.1.0", "4.2.0", "4.3.0")

# The client listeners and their security protocols.
LISTENERS = {"PLAINTEXT": "PLAINTEXT", "TLS": "SSL", "MTLS": "SSL", "WRONG_HOST": "SSL",
             "EXPIRED": "SSL"}

# Those that want a login, for `up --sasl`: security protocol and mechanisms.
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
EVERY_MECHANISM = ("PLAIN", *SCRAM, "OAUTHBEARER", "GSSAPI")
SASL_LISTENERS = {
  "PLAIN": ("SASL_PLAINTEXT", ("PLAIN",)),
  "SCRAM": ("SASL_PLAINTEXT", SCRAM),
  "OAUTHU": ("SASL_PLAINTEXT", ("OAUTHBEARER",)),
  "OAUTH": ("SASL_PLAINTEXT", ("OAUTHBEARER",)),
  "KRB": ("SASL_PLAINTEXT", ("GSSAPI",)),
  "REAUTH": ("SASL_PLAINTEXT", EVERY_MECHANISM),
  "PLAIN_TLS": ("SASL_SSL", ("PLAIN",)),
  "SCRAM_TLS": ("SASL_SSL", SCRAM),
  "ALL_TLS": ("SASL_SSL", EVERY_MECHANISM),
}

# Each tool's classes, the newest first: they moved from package to package.
TOOLS = {
  "kafka-acls": ("org.apache.kafka.tools.AclCommand", "kafka.admin.AclCommand"),
  "kafka-broker-api-versions": ("org.apache.kafka.tools.BrokerApiVersionsCommand",
                                "kafka.admin.BrokerApiVersionsCommand"),
  "kafka-configs": ("kafka.admin.ConfigCommand",),
  "kafka-console-consumer": ("org.apache.kafka.tools.consumer.ConsoleConsumer",
                             "kafka.tools.ConsoleConsumer"),
  "kafka-console-producer": ("org.apache.kafka.tools.ConsoleProducer",
                             "kafka.tools.ConsoleProducer"),
  "kafka-consumer-groups": ("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                            "kafka.admin.ConsumerGroupCommand"),
  "kafka-consumer-offset-checker": ("kafka.tools.ConsumerOffsetChecker",),
  "kafka-consumer-perf-test": ("org.apache.kafka.tools.ConsumerPerformance",
                               "kafka.tools.ConsumerPerformance"),
  "kafka-delegation-tokens": ("org.apache.kafka.tools.DelegationTokenCommand",
                              "kafka.admin.DelegationTokenCommand"),
  "kafka-delete-records": ("org.apache.kafka.tools.DeleteRecordsCommand",
                           "kafka.admin.DeleteRecordsCommand"),
  "kafka-dump-log": ("org.apache.kafka.tools.DumpLogSegments",
                     "kafka.tools.DumpLogSegments"),
  "kafka-get-offsets": ("org.apache.kafka.tools.GetOffsetShell",
                        "kafka.tools.GetOffsetShell"),
  "kafka-leader-election": ("org.apache.kafka.tools.LeaderElectionCommand",
                            "kafka.admin.LeaderElectionCommand"),
  "kafka-metadata-quorum": ("org.apache.kafka.tools.MetadataQuorumCommand",
                            "kafka.admin.MetadataQuorumCommand"),
  "kafka-preferred-replica-election":
    ("kafka.admin.PreferredReplicaLeaderElectionCommand",),
  "kafka-producer-perf-test": ("org.apache.kafka.tools.ProducerPerformance",
                               "org.apache.kafka.clients.tools.ProducerPerformance"),
  "kafka-reassign-partitions": (
    "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka.admin.ReassignPartitionsCommand"),
  "kafka-storage": ("kafka.tools.StorageTool",),
  "kafka-topics": ("org.apache.kafka.tools.TopicCommand", "kafka.admin.TopicCommand"),
}


class Release:
  """One version of Kafka, and what is known of it."""

  def __init__(self, name):
    if not re.fullmatch(r"\d+(\.\d+){2,3}", name):
      raise Failure(f"there is no Kafka {name}; the versions are {', '.join(TESTED)}, "
                    "and those between them")
    self.name = name
    self.number = tuple(int(part) for part in name.split("."))
    if not self.since(0, 8, 2):
      raise Failure(f"Kafka {name} is too old; {TESTED[0]} is the first")

  def __str__(self):
    return self.name

  def since(self, *number):
    return self.number >= number

  @property
  def zookeeper(self):
    """Whether its brokers keep their metadata in ZooKeeper, and not in KRaft."""
    return not self.since(3)

  @property
  def log4j(self):
    """Whether its jars bring log4j 1, or what took its place under the old names."""
    return not self.since(4)

  @property
  def listeners(self):
    """Its client listeners: name to security protocol."""
    if self.since(0, 11):
      known = LISTENERS
    else:  # one listener per protocol; 0.10.2 lets one name more, but not set them apart
      known = ("PLAINTEXT", "TLS") if self.since(0, 9) else ("PLAINTEXT",)
    return {name: LISTENERS[name] for name in known}

  @property
  def mechanisms(self):
    """The SASL mechanisms that its brokers know, and can be given users for."""
    since = {"GSSAPI": (0, 9), "PLAIN": (0, 10), "OAUTHBEARER": (2,)}
    # KRaft got them in 3.5 (KIP-900).
    since |= dict.fromkeys(SCRAM, (0, 10, 2) if self.zookeeper else (3, 5))
    return [name for name in EVERY_MECHANISM if self.since(*since[name])]

  @property
  def validates_tokens(self):
    """Whether it can check OAUTHBEARER tokens by a token provider's keys (KIP-768)."""
    return self.since(3, 1)

  @property
  def sasl_listeners(self):
    """Its listeners with a login: name to security protocol and mechanisms."""
    absent = set() if self.validates_tokens else {"OAUTH"}
    if not self.since(2, 2):  # KIP-368
      absent.add("REAUTH")
    found = {}
    for name, (protocol, mechanisms) in SASL_LISTENERS.items():
      known = [one for one in mechanisms if one in self.mechanisms]
      if known and name not in absent:
        found[name] = (protocol, known)
    return found

  @property
  def sets_logins_apart(self):
    """Whether each listener has users and mechanisms of its own (KIP-226)."""
    return self.since(1, 1)

  def own_name(self, listener):
    """What this Kafka's settings call a listener."""
    if listener in SASL_LISTENERS:
      return listener if self.sets_logins_apart else SASL_LISTENERS[listener][0]
    return listener if self.since(0, 11) else LISTENERS[listener]

  @property
  def dependencies(self):
    """The Maven artifacts to run it on Java 17: (group, name, version)."""
    scala = "2.13" if self.since(2, 4) else "2.12" if self.since(0, 11) else "2.11"
    yield "org.apache.kafka", f"kafka_{scala}", self.name
    if self.since(0, 9):
      yield "org.apache.kafka", "kafka-tools", self.name
    if self.since(0, 10) and not self.since(1):
      yield "javax.xml.bind", "jaxb-api", "2.3.1"  # Java had it up to 10
    if not self.log4j:
      yield "org.slf4j", "slf4j-simple", "1.7.36"
