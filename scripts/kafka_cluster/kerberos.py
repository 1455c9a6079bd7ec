"""A Kerberos realm of one cluster: its KDC listens on loopback, its files are the
cluster's own, and it needs no root.

  kdc/data         the database of principals, and the settings of the KDC
  sasl/krb5.conf   what clients and brokers need to find it (KRB5_CONFIG)
  sasl/*.keytab    the keys of the broker's principal and of the users
"""

import os
import subprocess

from . import Failure
from .jars import program

REALM = "CAFKA.TEST"
SERVICE = "kafka"
# Who dials the broker by another name than this asks for a ticket that does not exist.
BROKER_HOST = "localhost"
BROKER = f"{SERVICE}/{BROKER_HOST}"
USERS = ("alice", "bob")
# It has a keytab, but the KDC does not know it.
STRANGER = "stranger"

CLIENT = """[libdefaults]
default_realm = {realm}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
{realm} = {{
  kdc = {address}
}}
[domain_realm]
localhost = {realm}
"""
SERVER = """[kdcdefaults]
kdc_listen = {address}
kdc_tcp_listen = {address}
[realms]
{realm} = {{
  database_name = {data}/principal
  key_stash_file = {data}/stash
  acl_file = {data}/acl
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
}}
[logging]
kdc = STDERR
"""


def environment(cluster):
  return os.environ | {"KRB5_CONFIG": str(client_file(cluster)),
                       "KRB5_KDC_PROFILE": str(data(cluster) / "kdc.conf")}


def client_file(cluster):
  return cluster.sasl / "krb5.conf"


def keytab(cluster, user):
  return cluster.sasl / f"{user}.keytab"


def data(cluster):
  return cluster.folder("kdc") / "data"


def make(cluster, address):
  """Makes the realm: its database, its principals and their keytabs."""
  facts = {"realm": REALM, "address": address, "data": data(cluster)}
  client_file(cluster).write_text(CLIENT.format(**facts))
  data(cluster).mkdir(parents=True)
  (data(cluster) / "kdc.conf").write_text(SERVER.format(**facts))
  run(cluster, "kdb5_util", "create", "-s", "-r", REALM, "-P", "not-a-secret")
  keytabs = {SERVICE: BROKER, **{user: user for user in (*USERS, STRANGER)}}
  words = []
  for file, principal in keytabs.items():
    words.append(f"addprinc -randkey {principal}")
    words.append(f"ktadd -norandkey -k {keytab(cluster, file)} {principal}")
  words.append(f"delprinc -force {STRANGER}")
  said = run(cluster, "kadmin.local", "-r", REALM, input="\n".join(words) + "\n")
  for file in keytabs:
    if not keytab(cluster, file).is_file():
      raise Failure(f"kadmin.local made no keytab of {file}:\n{said}")


def run(cluster, name, *words, input=""):
  done = subprocess.run([program(name, goal="sasl"), *words], env=environment(cluster),
                        input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                        text=True)
  if done.returncode != 0:
    raise Failure(f"`{name}` failed:\n{done.stdout}")
  return done.stdout


def kdc(cluster):
  """The command that runs it; the file that it names marks it as the cluster's."""
  return [program("krb5kdc", goal="sasl"), "-n", "-r", REALM, "-P", mark(cluster)]


def mark(cluster):
  return str(data(cluster) / "krb5kdc.pid")
