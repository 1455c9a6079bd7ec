#!/usr/bin/env python3
"""Draws what `bench/run producer consumer` has printed: processor time per record by the
size of its value, on a real Kafka, cafka beside librdkafka.

  bench/plot.py PRINTED PICTURE.svg
"""

import math
import re
import sys

WIDTH, HEIGHT = 860, 420
PANEL_WIDTH, PANEL_HEIGHT = 360, 270
TOP, LEFTS = 96, (70, 480)
BOTTOM = TOP + PANEL_HEIGHT
DECADES = range(0, 6)  # 1 to 100,000 ns
COLORS = {"cafka": "#1d6fb8", "librdkafka": "#c2571a",
          "librdkafka, batches": "#c2571a", "librdkafka, single": "#e3a76f"}


def tables(text):
  """The lines without a codec and of one partition, of producing and of consuming."""
  version, real, kind, found = None, False, None, {"produced": {}, "consumed": {}}
  for line in text.splitlines():
    if head := re.match(r"cafka beside librdkafka (\S+), (Kafka|mock cluster);", line):
      version, real = head[1], head[2] == "Kafka"
    elif title := re.match(r"Processor time of the client per record (\w+)", line):
      kind = title[1]
    elif kind and real and re.match(r" *\d+ +none +1 ", line):
      size, _, _, *figures = line.split()
      found[kind][int(size)] = [float(x) for x in figures]
    elif not line.strip():
      kind = None
  for name, rows in found.items():
    if not rows:
      sys.exit(f"plot.py: there is no table of records {name} on a real Kafka")
  produced, consumed = found["produced"], found["consumed"]
  return version, {
    "Producing": {"cafka": {n: row[0] for n, row in produced.items()},
                  "librdkafka": {n: row[1] for n, row in produced.items()}},
    "Consuming": {"cafka": {n: row[0] for n, row in consumed.items()},
                  "librdkafka, batches": {n: row[1] for n, row in consumed.items()},
                  "librdkafka, single": {n: row[2] for n, row in consumed.items()}},
  }


def y_of(ns):
  share = math.log10(ns) / (len(DECADES) - 1)
  return BOTTOM - PANEL_HEIGHT * min(max(share, 0), 1)


def text(x, y, words, anchor="start", size=12, color="#333", weight="normal"):
  return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
          f'fill="{color}" font-weight="{weight}">{words}</text>')


def figure(ns):
  return f"{ns:,.0f}" if ns >= 100 else f"{ns:.1f}" if ns < 10 else f"{ns:.0f}"


def panel(left, title, series):
  right = left + PANEL_WIDTH
  out = [text(left, TOP - 36, title, size=15, weight="bold")]
  for i, name in enumerate(series):
    x = left + (0, 90, 230)[i]
    out.append(f'<rect x="{x}" y="{TOP - 24}" width="11" height="11" rx="2" '
               f'fill="{COLORS[name]}"/>')
    out.append(text(x + 16, TOP - 14, name))
  for decade in DECADES:
    y = y_of(10 ** decade)
    out.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" '
               f'stroke="{"#888" if decade == DECADES[0] else "#ddd"}"/>')
    out.append(text(left - 8, y + 4, f"{10 ** decade:,}", "end", 11, "#666"))
  sizes = sorted(next(iter(series.values())))
  group = PANEL_WIDTH / len(sizes)
  bar = min(34, group * 0.8 / len(series))
  for i, size in enumerate(sizes):
    middle = left + group * (i + 0.5)
    out.append(text(middle, BOTTOM + 18, f"{size:,} bytes", "middle"))
    start = middle - bar * len(series) / 2
    for j, (name, points) in enumerate(series.items()):
      y = y_of(points[size])
      x = start + bar * j
      out.append(f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{bar - 2:.1f}" '
                 f'height="{BOTTOM - y:.1f}" rx="2" fill="{COLORS[name]}"/>')
      out.append(text(x + bar / 2, y - 4, figure(points[size]), "middle", 10))
    others = [points[size] for name, points in series.items() if name != "cafka"]
    out.append(text(middle, BOTTOM + 36, f"{min(others) / series['cafka'][size]:.1f} times",
                    "middle", 12, COLORS["cafka"], "bold"))
  return out


def main():
  if len(sys.argv) != 3:
    sys.exit(__doc__)
  with open(sys.argv[1], encoding="utf-8") as printed:
    version, panels = tables(printed.read())
  out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
         f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">',
         f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
         text(LEFTS[0], 30, f"Nanoseconds of the client's processor time per record, "
              f"cafka beside librdkafka {version}, on a real Kafka", size=14)]
  for left, (title, series) in zip(LEFTS, panels.items()):
    out += panel(left, title, series)
  out.append("</svg>")
  with open(sys.argv[2], "w", encoding="utf-8") as picture:
    picture.write("\n".join(out) + "\n")


if __name__ == "__main__":
  main()
