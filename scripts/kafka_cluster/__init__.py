"""The parts of scripts/kafka."""


class Failure(Exception):
  """What went wrong, in one sentence for the user."""


def say(text):
  print(text, flush=True)
