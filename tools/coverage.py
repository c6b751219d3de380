#!/usr/bin/python3
"""coverage.py [-o PAGE] BUILD FOLDER... - lines and branches that the tests reached, per folder and file

Reads the counts that a build made with --coverage left behind (gcov's JSON).  With -o the tables between the markers
of that page are written anew.

What counts:
  line     one the compiler made code of, reached once by any test
  branch   one way out of a condition: each of && || ?: if while for and each case of a switch has its own
  not      what assert() decides: it is true unless we are wrong; and the ways out of a call that does not return
A header's functions are counted once, whoever includes them.
"""
import argparse
import bisect
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

# Lines, branches; in percent.
ASKED = {"stack": (95, 85), "link": (95, 85), "policy": (95, 85), "dns": (95, 85),
         "tls": (85, 85), "http": (85, 85), "proxy": (85, 85)}
BEGIN, END = "<!-- coverage: `make coverage` writes what is between -->", "<!-- /coverage -->"
LEAST = 5


def asserts(path):
    """The numbers of the lines of a file on which an assert() stands, from its name to its last parenthesis."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group())
    text = pathlib.Path(path).read_text(encoding="utf-8")
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)
    starts = [0] + [m.end() for m in re.finditer("\n", text)]
    found = set()
    for m in re.finditer(r"\bassert\s*\(", text):
        depth, at = 1, m.end()
        while depth and at < len(text):
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        found.update(range(bisect.bisect_right(starts, m.start()), bisect.bisect_right(starts, at - 1) + 1))
    return found


def gcov(notes):
    out = subprocess.run(["gcov", "--branch-probabilities", "--json-format", "--stdout", str(notes)],
                         capture_output=True, text=True, check=False).stdout
    return [json.loads(row) for row in out.splitlines()]


class Counts:
    """Of each file of those folders: lines[file][line] and branches[file][line, n], the times they were reached."""

    def __init__(self, build, folders):
        self.lines = collections.defaultdict(collections.Counter)
        self.branches = collections.defaultdict(collections.Counter)
        self.asserts = {}
        notes = [n for n in sorted(build.glob("**/*.gcno"))
                 if n.with_suffix(".gcda").exists() or n.relative_to(build).parts[0] in folders]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for rows in pool.map(gcov, notes):
                for f in (f for row in rows for f in row["files"]):
                    name = f["file"].removeprefix("./")
                    if name.split("/")[0] in folders:
                        self.add(name, f["lines"])

    def add(self, name, lines):
        if name not in self.asserts:
            self.asserts[name] = asserts(name)
        for ln in lines:
            at = ln["line_number"]
            self.lines[name][at] += ln["count"]
            if at in self.asserts[name]:
                continue
            for n, b in enumerate(x for x in ln["branches"] if not x["throw"]):
                self.branches[name][at, n] += b["count"]

    def of(self, folder):
        return sorted(f for f in self.lines if f.startswith(folder + "/"))

    def share(self, table, files):
        counts = [c for f in files for c in table[f].values()]
        return sum(1 for c in counts if c), len(counts)

    def percent(self, table, files):
        hit, n = self.share(table, files)
        return 100 * hit / n if n else 100.0


def print_row(counts, name, files):
    def share(table):
        hit, n = counts.share(table, files)
        return f"{hit:6d} / {n:<6d} {100 * hit / n:5.1f} %" if n else " " * 21 + "-"
    print(f"{name:32s} {share(counts.lines)}   {share(counts.branches)}")


def print_all(counts, folders):
    print(f"{'':32s} {'lines':>15s} {'':9s}   {'branches':>15s}")
    for folder in folders:
        files = counts.of(folder)
        print_row(counts, folder + "/", files)
        for f in files:
            print_row(counts, "    " + f.removeprefix(folder + "/"), [f])
    print_row(counts, "all", [f for folder in folders for f in counts.of(folder)])


def tables(counts, folders):
    """What the page says.  Percent are rounded down: what reads as reached is reached."""
    def figure(x):
        return f"{int(x * 10) / 10:.1f}"
    rows = ["| folder | files | lines % | branches % | asked: lines, branches |", "|---|---|---|---|---|"]
    least = ["| folder | least covered: lines %, branches % |", "|---|---|"]
    for folder in folders:
        files = counts.of(folder)
        asked = ASKED.get(folder)
        reached = [counts.percent(counts.lines, files), counts.percent(counts.branches, files)]
        verdict = "–"
        if asked:
            verdict = f"{asked[0]}, {asked[1]}"
            verdict += "" if all(r >= a for r, a in zip(reached, asked)) else ": **short**"
        rows.append(f"| {folder}/ | {len(files)} | {figure(reached[0])} | {figure(reached[1])} | {verdict} |")

        def both(f):
            return counts.percent(counts.lines, [f]), counts.percent(counts.branches, [f])
        worst = sorted(files, key=lambda f: sum(both(f)))[:LEAST]
        said = ", ".join("{} ({}, {})".format(f.removeprefix(folder + "/"), *map(figure, both(f))) for f in worst)
        least.append(f"| {folder}/ | {said} |")
    return "\n".join(rows + [""] + least)


def write(page, text):
    page = pathlib.Path(page)
    old = page.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(END) < old.index(BEGIN):
        sys.exit(f"{page}: there are no two lines\n{BEGIN}\n{END}\nbetween which the tables go")
    new = old[:old.index(BEGIN) + len(BEGIN)] + "\n" + text + "\n" + old[old.index(END):]
    part = page.with_suffix(".new")
    part.write_text(new, encoding="utf-8")
    part.replace(page)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-o", dest="page")
    p.add_argument("build", type=pathlib.Path)
    p.add_argument("folders", nargs="+")
    a = p.parse_args()
    counts = Counts(a.build, a.folders)
    if not counts.lines:
        sys.exit(f"{a.build}: no test has run there")
    print_all(counts, a.folders)
    if a.page:
        write(a.page, tables(counts, a.folders))


main()
