"""The certificates of one cluster, made with the openssl program.

ca.crt signed an intermediate, and that signed the rest: who presents a certificate has
to send the intermediate along. What is here:

  ca.crt                     the CA that clients trust; ca-dir/ holds it under its hash
  other-ca.crt               a CA that signed nothing the cluster presents
  client.crt client.key      for MTLS: a chain and its key
  client-encrypted.key       the same key under the password in the file password
  other-client.crt, .key     the same of the other CA, which the cluster does not trust
  client.properties          what Kafka's own tools need for TLS and MTLS
  *.p12                      the same for Java; server, wrong-host and expired are the
                             cluster's, trust.p12 holds ca.crt
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import Failure
from .jars import program

PASSWORD = "under-test"
YEARS_AHEAD = ["-days", "3650"]

# The folder is where `openssl ca`, which alone can sign for the past, keeps its books.
CONFIG = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
subjectAltName = IP:127.0.0.1,IP:::1,DNS:localhost
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
[wrong-host]
subjectAltName = DNS:elsewhere.example
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
[client]
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
authorityKeyIdentifier = keyid
[ca]
default_ca = books
[books]
database = {folder}/index.txt
new_certs_dir = {folder}
default_md = sha256
rand_serial = yes
policy = any
[any]
commonName = supplied
"""


class Maker:
  """A folder in which one set of certificates grows."""

  def __init__(self, folder):
    self.folder = folder
    self.write("openssl.cnf", CONFIG.format(folder=folder))
    self.write("index.txt", "")

  def write(self, name, text):
    (self.folder / name).write_text(text)

  def openssl(self, *words):
    done = subprocess.run([program("openssl"), *words], cwd=self.folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
      raise Failure(f"`openssl {words[0]}` failed for {words[-1]}:\n{done.stdout}")

  def request(self, common_name, name, *words):
    self.openssl("req", "-new", "-config", "openssl.cnf", "-subj", f"/CN={common_name}",
                 "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", f"{name}.key", *words)

  def certificate(self, kind, common_name, name, by=None):
    signer = ["-CA", f"{by}.crt", "-CAkey", f"{by}.key"] if by else []
    self.request(common_name, name, "-x509", "-extensions", kind, *YEARS_AHEAD, *signer,
                 "-out", f"{name}.crt")

  def expired(self, kind, common_name, name, by):
    self.request(common_name, name, "-out", f"{name}.csr")
    self.openssl("ca", "-batch", "-config", "openssl.cnf", "-notext",
                 "-cert", f"{by}.crt", "-keyfile", f"{by}.key", "-extensions", kind,
                 "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
                 "-in", f"{name}.csr", "-out", f"{name}.crt")

  def append(self, name, other):
    self.write(name, (self.folder / name).read_text() + (self.folder / other).read_text())

  def keystore(self, name, certificate):
    # One iteration, as each network thread opens its stores again while a node starts.
    self.openssl("pkcs12", "-export", "-iter", "1", "-nomaciter", "-name", "cafka",
                 "-passout", f"pass:{PASSWORD}", "-in", f"{certificate}.crt",
                 "-inkey", f"{certificate}.key", "-out", name)


def make(folder):
  """Makes a set of its own in the folder, file by file in place of one that is there."""
  folder.mkdir(exist_ok=True)
  with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tls-") as scratch:
    maker = Maker(Path(scratch))
    maker.certificate("root", "cafka test CA", "ca")
    maker.certificate("root", "another CA", "other-ca")
    maker.certificate("intermediate", "cafka test intermediate", "intermediate", "ca")
    maker.certificate("server", "cafka test server", "server", "intermediate")
    maker.certificate("wrong-host", "elsewhere.example", "wrong-host", "intermediate")
    maker.expired("server", "cafka test server", "expired", "intermediate")
    maker.certificate("client", "cafka test client", "client", "intermediate")
    maker.certificate("client", "a stranger", "other-client", "other-ca")
    for name in ("server", "wrong-host", "expired", "client"):
      maker.append(f"{name}.crt", "intermediate.crt")
      maker.keystore(f"{name}.p12", name)
    # Java trusts the first certificate of an entry with a key; one without a key it
    # only trusts with a mark that OpenSSL 3.0 cannot set.
    maker.keystore("trust.p12", "ca")
    maker.write("password", PASSWORD + "\n")
    maker.openssl("pkcs8", "-topk8", "-in", "client.key", "-passout", "file:password",
                  "-out", "client-encrypted.key")
    (maker.folder / "ca-dir").mkdir()
    shutil.copy(maker.folder / "ca.crt", maker.folder / "ca-dir")
    maker.openssl("rehash", "ca-dir")
    settings = {"security.protocol": "SSL", **stores(folder, "client")}
    maker.write("client.properties", properties(settings))
    (folder / "ca-dir").mkdir(exist_ok=True)
    results = ["ca.crt", "other-ca.crt", "client.crt", "client.key", "password",
               "client-encrypted.key", "other-client.crt", "other-client.key",
               "client.properties", "server.p12", "wrong-host.p12", "expired.p12",
               "client.p12", "trust.p12"]
    results += [f"ca-dir/{name}" for name in os.listdir(maker.folder / "ca-dir")]
    for name in results:
      os.replace(maker.folder / name, folder / name)


def stores(folder, name):
  """Kafka's settings for whom to trust, and for what to present."""
  return {
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.location": folder / f"{name}.p12",
    "ssl.keystore.password": PASSWORD,
    "ssl.key.password": PASSWORD,
    "ssl.truststore.type": "PKCS12",
    "ssl.truststore.location": folder / "trust.p12",
    "ssl.truststore.password": PASSWORD,
  }


def properties(settings):
  return "".join(f"{name}={value}\n" for name, value in settings.items())
