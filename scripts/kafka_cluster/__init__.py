"""The parts of scripts/kafka."""

HOST = "127.0.0.1"


class Failure(Exception):
  """What went wrong, in one sentence for the user."""


def say(text):
  print(text, flush=True)
