"""The token provider of one cluster, for OAUTHBEARER: token_provider/provider.mjs, which
npm gets its parts for into the cache directory."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from . import Failure, certificates
from .jars import CACHE, program, publish, scratch_folder

SOURCE = Path(__file__).with_name("token_provider")
AUDIENCE = "kafka"
SCOPE = "kafka"
# A broker lets a session live as long as its token.
SECONDS = 30
CLIENTS = {"alice": "alice-secret", "o:d d%+&=": "se:cr et%+,="}
# The algorithms of signed assertions, and how openssl makes a key for each.
ASSERTIONS = {"RS256": ("RSA", "rsa_keygen_bits:2048"),
              "ES256": ("EC", "ec_paramgen_curve:P-256")}


def fetched():
  """The folder with the provider and its parts, got by npm when missing."""
  digest = hashlib.sha256()
  for file in sorted(SOURCE.iterdir()):
    digest.update(file.read_bytes())
  folder = CACHE / f"token-provider-{digest.hexdigest()[:12]}"
  if not folder.is_dir():
    npm = program("npm", goal="sasl")
    with scratch_folder() as scratch:
      content = shutil.copytree(SOURCE, scratch / "content")
      print("fetching the token provider with npm", file=sys.stderr, flush=True)
      done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=content, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
      if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise Failure("npm could not fetch the token provider: is the network there?")
      publish(content, folder)
  return folder


def make(cluster, host, port, tls_port):
  """Writes the provider's settings, and the keys that sign assertions."""
  data = cluster.folder("tokens") / "data"
  data.mkdir(parents=True)
  keys = {}
  for name, (kind, option) in ASSERTIONS.items():
    secret = cluster.sasl / f"assertion-{name.lower()}.key"
    public = data / f"assertion-{name.lower()}.pub"
    openssl("genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", secret)
    openssl("pkey", "-in", secret, "-pubout", "-out", public)
    keys[name] = str(public)
  (data / "provider.json").write_text(json.dumps({
    "issuer": f"http://{host}:{port}",
    "host": host,
    "port": port,
    "tls": {"port": tls_port, "pfx": str(cluster.tls / "server.p12"),
            "passphrase": certificates.PASSWORD},
    "key": str(data / "key.json"),
    "audience": AUDIENCE,
    "scope": SCOPE,
    "seconds": SECONDS,
    "clients": [{"id": name, "secret": secret} for name, secret in CLIENTS.items()],
    "assertion_keys": keys,
  }, indent=2) + "\n")


def openssl(*words):
  done = subprocess.run([program("openssl"), *words], stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
  if done.returncode != 0:
    raise Failure(f"`openssl {words[0]}` failed:\n{done.stdout}")


def provider(cluster):
  """The command that runs it."""
  folder = cluster.folder("tokens")
  return [program("node", goal="sasl"), "--max-old-space-size=64",
          str(fetched() / "provider.mjs"), str(folder / "data" / "provider.json"),
          f"-Dcafka.node={folder}"]
