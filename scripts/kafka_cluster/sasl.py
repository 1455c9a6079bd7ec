"""Logins of one cluster: its users, the brokers' settings, and what clients need.

  sasl/env           where to log in: a line for each variable, for tests and for a shell
  sasl/NAME.properties
                     for Kafka's own tools, for each listener
  sasl/*.keytab sasl/krb5.conf
                     for GSSAPI (kerberos.py)
  sasl/assertion-*.key
                     the keys that sign assertions in place of a client's secret (tokens.py)
"""

import base64
import hashlib
import os
import subprocess

from . import HOST, Failure, certificates, kerberos, tokens
from .jars import TOOL_JVM, java, tool_class
from .releases import SCRAM

# Characters that each place where a password passes through takes for its own. The last
# user is one of SCRAM alone: the settings of PLAIN cannot hold such a name.
USERS = {"alice": "alice-secret", "bob": "se:cr et%+,="}
SCRAM_USERS = USERS | {"o=d d": "odd-secret"}
ITERATIONS = 8192
SESSION_MS = 5000
DELEGATION_KEY = "under-test"

KAFKA = "org.apache.kafka.common.security"
OAUTH = f"{KAFKA}.oauthbearer"
MODULES = {
  "PLAIN": f"{KAFKA}.plain.PlainLoginModule",
  "GSSAPI": "com.sun.security.auth.module.Krb5LoginModule",
  "OAUTHBEARER": f"{OAUTH}.OAuthBearerLoginModule",
  **dict.fromkeys(SCRAM, f"{KAFKA}.scram.ScramLoginModule"),
}


def jaas(mechanism, options):
  words = "".join(f' {name}="{value}"' for name, value in options.items())
  return f"{MODULES[mechanism]} required{words};"


def krb5_login(cluster, principal, file):
  return {"useKeyTab": "true", "storeKey": "true",
          "keyTab": kerberos.keytab(cluster, file),
          "principal": f"{principal}@{kerberos.REALM}"}


def host(listener):
  """What clients dial: by an address there is no Kerberos ticket, but names resolve to
  more than one."""
  return kerberos.BROKER_HOST if listener in ("KRB", "REAUTH", "ALL_TLS") else HOST


# --- The brokers' side ----------------------------------------------------------------


def broker_login(cluster, mechanism):
  if mechanism == "PLAIN":
    return jaas(mechanism, {f"user_{name}": word for name, word in USERS.items()})
  if mechanism == "GSSAPI":
    return jaas(mechanism, krb5_login(cluster, kerberos.BROKER, kerberos.SERVICE))
  if mechanism == "OAUTHBEARER":
    return jaas(mechanism, {"unsecuredLoginStringClaim_sub": "broker"})
  return jaas(mechanism, {})


def of_listeners(cluster):
  """What server.properties says of the listeners with a login."""
  release = cluster.release
  settings = {}
  if not release.sets_logins_apart:
    settings["sasl.enabled.mechanisms"] = ",".join(release.mechanisms)
    settings["sasl.kerberos.service.name"] = kerberos.SERVICE
  else:
    for name, (_, mechanisms) in release.sasl_listeners.items():
      settings |= of_listener(cluster, name, mechanisms)
    word = "secret" if release.since(2, 8) else "master"
    settings[f"delegation.token.{word}.key"] = DELEGATION_KEY
  return settings


def of_listener(cluster, name, mechanisms):
  listener = f"listener.name.{name.lower()}"
  settings = {f"{listener}.sasl.enabled.mechanisms": ",".join(mechanisms)}
  if "GSSAPI" in mechanisms:
    settings[f"{listener}.sasl.kerberos.service.name"] = kerberos.SERVICE
  for mechanism in mechanisms:
    prefix = f"{listener}.{mechanism.lower()}"
    settings[f"{prefix}.sasl.jaas.config"] = broker_login(cluster, mechanism)
    if name == "REAUTH":
      settings[f"{prefix}.connections.max.reauth.ms"] = SESSION_MS
    if mechanism == "OAUTHBEARER" and is_validated(cluster.release, name):
      settings |= {
        f"{prefix}.sasl.server.callback.handler.class":
          f"{handlers(cluster.release)}.OAuthBearerValidatorCallbackHandler",
        f"{prefix}.sasl.oauthbearer.jwks.endpoint.url": f"{cluster.token_address()}/jwks",
        f"{prefix}.sasl.oauthbearer.expected.audience": tokens.AUDIENCE,
      }
  return settings


def is_validated(release, listener):
  """Whether tokens are to be signed there."""
  return release.validates_tokens and listener != "OAUTHU"


def handlers(release):
  """The package of those that ask a token provider."""
  return OAUTH if release.since(3, 9) else f"{OAUTH}.secured"


def jvm(cluster):
  """What Java is told, for brokers and tools alike."""
  words = [f"-Djava.security.krb5.conf={kerberos.client_file(cluster)}"]
  if not cluster.release.since(2):
    # They read the default realm where Java lets nobody look any more.
    words.append("--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED")
  if cluster.release.validates_tokens:
    address = cluster.token_address()
    words.append("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="
                 f"{address}/jwks,{address}/token")
  return words


def broker_jvm(cluster):
  words = jvm(cluster)
  if not cluster.release.sets_logins_apart:
    words.append(f"-Djava.security.auth.login.config={cluster.sasl / 'jaas.conf'}")
  return words


def scram_in_storage(release):
  """Arguments for the storage's format: users without a tool's start for each."""
  words = []
  for mechanism in SCRAM if "SCRAM-SHA-256" in release.mechanisms else ():
    for user, password in SCRAM_USERS.items():
      salt = os.urandom(16)
      salted = hashlib.pbkdf2_hmac(mechanism[6:].replace("-", ""), password.encode(), salt,
                                   ITERATIONS)
      salt, salted = (base64.b64encode(one).decode() for one in (salt, salted))
      words += ["--add-scram", f'{mechanism}=[name={user},iterations={ITERATIONS},'
                               f'salt="{salt}",saltedpassword="{salted}"]']
  return words


def scram_in_zookeeper(cluster):
  """Gives ZooKeeper the users, all at the same time."""
  if "SCRAM-SHA-256" not in cluster.release.mechanisms:
    return
  work = []
  for user, password in SCRAM_USERS.items():
    added = ",".join(f"{mechanism}=[iterations={ITERATIONS},password={password}]"
                     for mechanism in SCRAM)
    work.append(subprocess.Popen(
      java(cluster.release, TOOL_JVM, tool_class(cluster.release, "kafka-configs"),
           "--zookeeper", f"{HOST}:{cluster.zookeeper}", "--alter", "--add-config", added,
           "--entity-type", "users", "--entity-name", user),
      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
      text=True))
  said = [process.communicate()[0] for process in work]
  for process, words in zip(work, said):
    if process.returncode != 0:
      raise Failure(f"ZooKeeper did not take the users of SCRAM:\n{words}")


# --- The clients' side ----------------------------------------------------------------


def client_login(cluster, mechanism):
  if mechanism == "GSSAPI":
    return jaas(mechanism, krb5_login(cluster, "alice", "alice"))
  if mechanism == "OAUTHBEARER":
    # Whatever the handler does not know of these it leaves aside.
    oidc = {} if cluster.release.since(4, 1) else {
      "clientId": "alice", "clientSecret": tokens.CLIENTS["alice"]}
    return jaas(mechanism, oidc | {"unsecuredLoginStringClaim_sub": "alice"})
  return jaas(mechanism, {"username": "alice", "password": USERS["alice"]})


def client_settings(cluster, name, protocol, mechanism):
  settings = {
    "security.protocol": protocol,
    "sasl.mechanism": mechanism,
    "sasl.jaas.config": client_login(cluster, mechanism),
  }
  if mechanism == "GSSAPI":
    settings["sasl.kerberos.service.name"] = kerberos.SERVICE
  if mechanism == "OAUTHBEARER" and is_validated(cluster.release, name):
    settings |= {
      "sasl.login.callback.handler.class":
        f"{handlers(cluster.release)}.OAuthBearerLoginCallbackHandler",
      "sasl.oauthbearer.token.endpoint.url": f"{cluster.token_address()}/token",
    }
    if cluster.release.since(4, 1):
      settings |= {"sasl.oauthbearer.client.credentials.client.id": "alice",
                   "sasl.oauthbearer.client.credentials.client.secret":
                     tokens.CLIENTS["alice"]}
  if protocol == "SASL_SSL":
    stores = certificates.stores(cluster.tls, "client")
    settings |= {key: value for key, value in stores.items() if "trust" in key}
  return settings


def make(cluster):
  """Writes what is in the folder sasl, but for what is Kerberos' and the provider's."""
  release = cluster.release
  node = cluster.ids[0]
  if not release.sets_logins_apart:
    words = "\n".join(dict.fromkeys(f"  {broker_login(cluster, mechanism)}"
                                    for mechanism in release.mechanisms))
    (cluster.sasl / "jaas.conf").write_text(f"KafkaServer {{\n{words}\n}};\n")
  for name, (protocol, mechanisms) in release.sasl_listeners.items():
    (cluster.sasl / f"{name.lower()}.properties").write_text(certificates.properties(
      client_settings(cluster, name, protocol, mechanisms[0])))
  addresses = ",".join(f"{name.lower()}={cluster.listeners(node)[name]}"
                       for name in release.sasl_listeners)
  lines = {
    "CAFKA_KAFKA_SASL": addresses,
    "CAFKA_KAFKA_SASL_DIR": cluster.sasl,
    "KRB5_CONFIG": kerberos.client_file(cluster),
  }
  if release.validates_tokens:
    lines |= {"CAFKA_KAFKA_TOKENS": cluster.token_address(),
              "CAFKA_KAFKA_TOKENS_TLS": cluster.token_address(tls=True)}
  (cluster.sasl / "env").write_text(certificates.properties(lines))
