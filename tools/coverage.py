#!/usr/bin/python3
"""coverage.py BUILD FOLDER... - lines and branches that the tests reached, per folder and file

Reads the counts that a build made with --coverage left behind (gcov's JSON).  Branches that the compiler
makes for itself (exception edges) are not counted.
"""
import collections
import json
import pathlib
import subprocess
import sys

build, folders = pathlib.Path(sys.argv[1]), sys.argv[2:]
lines = collections.defaultdict(dict)      # file -> line -> count
branches = collections.defaultdict(dict)   # file -> (line, n) -> count

for notes in sorted(build.glob("**/*.gcno")):
    if not notes.with_suffix(".gcda").exists() and notes.relative_to(build).parts[0] not in folders:
        continue
    text = subprocess.run(["gcov", "--branch-probabilities", "--json-format", "--stdout", str(notes)],
                          capture_output=True, text=True, check=False).stdout
    for row in text.splitlines():
        for f in json.loads(row)["files"]:
            name = f["file"].removeprefix("./")
            for ln in f["lines"]:
                at = ln["line_number"]
                lines[name][at] = lines[name].get(at, 0) + ln["count"]
                for n, b in enumerate(x for x in ln["branches"] if not x["throw"]):
                    branches[name][at, n] = branches[name].get((at, n), 0) + b["count"]


def row(name, files):
    def share(table):
        counts = [c for f in files for c in table[f].values()]
        hit = sum(1 for c in counts if c)
        return f"{hit:6d} / {len(counts):<6d} {100 * hit / len(counts):5.1f} %" if counts else " " * 21 + "-"
    print(f"{name:32s} {share(lines)}   {share(branches)}")


print(f"{'':32s} {'lines':>15s} {'':9s}   {'branches':>15s}")
everything = []
for folder in folders:
    files = sorted(f for f in lines if f.startswith(folder + "/"))
    if not files:
        continue
    row(folder + "/", files)
    for f in files:
        row("    " + f.removeprefix(folder + "/"), [f])
    everything += files
row("all", everything)
