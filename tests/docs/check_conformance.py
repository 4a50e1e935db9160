#!/usr/bin/env python3
"""Holds docs/conformance against the built tests: every row's id stands once, every test that is named exists, and a
page's own count of its rows is right.

usage: check_conformance.py FOLDER PROGRAM...   (FOLDER: docs/conformance; PROGRAM: the built GoogleTest programs)
"""
import pathlib
import re
import subprocess
import sys

# Numbered statements by chapter in appendix B of the OASIS standards: 3.1.1 of 29 October 2014 (its chapter 7 numbers
# four as well), 5.0 of 7 March 2019. ApsaraMQ's facts have no numbers of their own: what was found when they were
# gathered, by subject, and the contradictions among them.
EXPECTED = {
    "mqtt-3.1.1.md": {"1": 3, "2": 9, "3": 95, "4": 26, "6": 4, "7": 4},
    "mqtt-5.0.md": {"1": 5, "2": 7, "3": 175, "4": 60, "6": 4},
    "apsaramq.md": {"names": 24, "p2p": 14, "qos": 13, "mqtt5": 15, "auth": 15, "control": 5, "same-id": 3,
                    "events": 8, "rules": 6, "management": 12, "traces": 12, "list": 12, "choice": 10},
}
ROW = re.compile(r"^\| (?:\[MQTT-((\d+)\.\d+\.\d+-\d+)\]|(([a-z0-9-]+)-\d+)) \|")
TEST = re.compile(r"`([A-Z]\w+\.[A-Z]\w+)`")
SUMMARY = re.compile(r"^\d+ (?:rows|statements): .*\.$", re.MULTILINE)
COUNT = re.compile(r"(\d+) ([a-z ]+)[,.]")
WITHOUT_TEST = ("client only", "not shown", "not built", "not offered", "by design")


def built_tests(programs):
    """'Suite.Name' of all of them, without what parameters put around it."""
    found = set()
    for program in programs:
        listing = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True, timeout=100)
        if listing.returncode != 0:
            sys.exit(f"{program} --gtest_list_tests ends with {listing.returncode}: {listing.stderr.strip()}")
        suite = ""
        for line in listing.stdout.splitlines():
            name = line.split("#")[0].rstrip()
            if name.startswith("  "):
                found.add(suite + "." + name.strip().split("/")[0])
            elif name.endswith("."):
                suite = name[:-1].split("/")[-1]
    return found


def check_page(page, expected, tests):
    problems, seen, count, kinds = [], set(), {}, dict.fromkeys(("shown",) + WITHOUT_TEST, 0)
    text = page.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        row = ROW.match(line)
        if not row:
            continue
        where = f"{page.name}:{number}"
        identity, chapter = (row[1], row[2]) if row[1] else (row[3], row[4])
        if identity in seen:
            problems.append(f"{where}: {identity} is listed twice")
        seen.add(identity)
        count[chapter] = count.get(chapter, 0) + 1
        shown_by = re.split(r"(?<!\\)\|", line)[-2].strip()
        named = TEST.findall(shown_by)
        problems += [f"{where}: no test is called {name}" for name in named if name not in tests]
        kind = next((kind for kind in WITHOUT_TEST if shown_by.startswith(kind)), "shown")
        kinds[kind] += 1
        if not named and kind == "shown":
            problems.append(f"{where}: neither a test nor the reason why there is none")
    for chapter in sorted(expected.keys() | count.keys()):
        if count.get(chapter, 0) != expected.get(chapter, 0):
            problems.append(f"{page.name}: {count.get(chapter, 0)} rows of '{chapter}', {expected.get(chapter, 0)} are expected")
    right = {kind: n for kind, n in kinds.items() if n}
    said = SUMMARY.search(text)
    if right != {kind: int(n) for n, kind in COUNT.findall(said[0] if said else "")}:
        problems.append(f"{page.name}: its own count of the rows is wrong, they are {right}")
    return problems, len(seen)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder, tests = pathlib.Path(sys.argv[1]), built_tests(sys.argv[2:])
    problems = []
    for name, expected in EXPECTED.items():
        found, rows = check_page(folder / name, expected, tests)
        problems += found
        print(f"{name}: {rows} rows")
    print("\n".join(problems) or f"each in its place, among {len(tests)} built tests")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
