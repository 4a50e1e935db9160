#!/usr/bin/env python3
"""Checks that every test named in docs/conformance stands in a source file that a CMakeLists.txt lists.

usage: conformance_names.py [ROOT]
"""
import pathlib
import re
import sys

NAME = re.compile(r"`([A-Z]\w*\.[A-Z]\w*)`")
TEST = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)


def tests_of(root):
    """Suite.Name of every test in a source that is built."""
    names = set()
    for lists in root.glob("**/CMakeLists.txt"):
        if any(part.startswith(("build", ".", "node_modules")) for part in lists.relative_to(root).parts):
            continue
        for source in set(re.findall(r"[\w/.-]+\.cpp", lists.read_text())):
            file = lists.parent / source
            if file.is_file():
                names.update(f"{suite}.{name}" for suite, name in TEST.findall(file.read_text()))
    return names


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    known = tests_of(root)
    pages = sorted((root / "docs/conformance").glob("*.md"))
    bad, named, rows = [], set(), 0
    for page in pages:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            found = NAME.findall(line)
            named.update(found)
            rows += line.startswith("| ") and bool(found)
            bad += [f"{page.relative_to(root)}:{number}: there is no test {name}" for name in found if name not in known]
            if line.startswith("| MQTT-") and not found and not line.endswith("for clients |"):
                bad.append(f"{page.relative_to(root)}:{number}: no test")
    print("\n".join(bad) or f"{rows} rows of {len(pages)} pages name {len(named)} tests, all there")
    return 1 if bad or len(pages) < 3 or rows < 250 else 0


if __name__ == "__main__":
    sys.exit(main())
