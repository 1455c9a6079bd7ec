"""Whether a broker, ZooKeeper or another server answers, and what."""

import contextlib
import socket
import struct

from . import HOST


def read_exactly(sock, size):
  data = b""
  while len(data) < size:
    part = sock.recv(size - len(data))
    if not part:
      raise ConnectionError("closed in the middle of a response")
    data += part
  return data


def registered_brokers(port, version, timeout=2.0):
  """The ids a broker's metadata lists, or None while it does not answer.

  One Metadata request: version 1, for no topic, which every broker since 0.10 knows, or
  version 0, which can only ask for all topics.
  """
  client = b"cafka-kafka"
  body = struct.pack(">hhih", 3, version, 1, len(client)) + client + struct.pack(">i", 0)
  try:
    with socket.create_connection((HOST, port), timeout=timeout) as sock:
      sock.settimeout(timeout)
      sock.sendall(struct.pack(">i", len(body)) + body)
      (size,) = struct.unpack(">i", read_exactly(sock, 4))
      answer = read_exactly(sock, size)
  except OSError:
    return None
  correlation, count = struct.unpack_from(">ii", answer)
  at, ids = 8, set()
  for _ in range(count):
    (node, host) = struct.unpack_from(">ih", answer, at)
    at += 6 + host + 4
    if version >= 1:
      (rack,) = struct.unpack_from(">h", answer, at)
      at += 2 + max(rack, 0)
    ids.add(node)
  return ids


def ask_zookeeper(port, word, timeout=2.0):
  """ZooKeeper's answer to one of its four-letter words, or nothing."""
  answer = b""
  with contextlib.suppress(OSError):
    with socket.create_connection((HOST, port), timeout=timeout) as sock:
      sock.sendall(word)
      while part := sock.recv(65536):
        answer += part
  return answer.decode(errors="replace")


def listens(port):
  with contextlib.suppress(OSError):
    socket.create_connection((HOST, port), timeout=2.0).close()
    return True
  return False
