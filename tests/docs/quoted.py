#!/usr/bin/env python3
"""Compares the code that documents quote with the examples that are compiled.

usage: quoted.py ROOT DOCUMENT...

A quotation is the line `<!-- quoted: FILE [MARK] -->` and the ```cpp block behind it. It must be
what stands in FILE, by its path from ROOT, between two lines `// [MARK]`. Without any
quotation it fails.
"""
import pathlib
import re
import sys

QUOTATION = re.compile(r"<!-- quoted: (\S+) \[([^\]]+)\] -->\n+```cpp\n(.*?)```\n", re.S)


def marked(path, mark):
    """What stands between the two marks, or None without exactly two."""
    parts = re.split(rf"^[ ]*// \[{re.escape(mark)}\]\n", path.read_text(), flags=re.M)
    return parts[1] if len(parts) == 3 else None


def main(root, documents):
    wrong, count = [], 0
    for document in documents:
        text = pathlib.Path(document).read_text()
        for file, mark, quoted in QUOTATION.findall(text):
            count += 1
            source = marked(root / file, mark)
            if source is None:
                wrong.append(f"{document}: {file} has no two lines '// [{mark}]'")
            elif source != quoted:
                wrong.append(f"{document}: the quotation of {file} [{mark}] differs from it")
        if text.count("<!-- quoted:") != len(QUOTATION.findall(text)):
            wrong.append(f"{document}: a quotation has no block of code behind it")
    if count == 0:
        wrong.append("there is no quotation")
    print(*wrong, f"{count} quotations", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
