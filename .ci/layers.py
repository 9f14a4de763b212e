#!/usr/bin/env python3
"""Checks imports between the modules of a crate against the layers that docs/architecture.md states.

    .ci/layers.py           fails on an import of a higher layer, and on a cycle of modules
    .ci/layers.py --list    also prints each crate's modules, imports, cycles and imports against its layers
    .ci/layers.py --list store query    of these crates alone

In docs/architecture.md, under "## Layers", a code block has for each crate

    crate: top > {one, other} > {folder/file, this <> that} > bottom

from the top down. A module may import those of lower layers. Modules in braces share a layer and may not import one
another, but for pairs written with `<>`. A module is a file or folder directly in `src`; `folder/file` takes a file
or folder out of its folder. `lib.rs` and `main.rs` are faces and no modules. Tests are left out.

A crate without a line is a fault.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FACES = {"lib", "main"}


def stated():
    """For each crate its layers (lists of modules) and the pairs that may import one another."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = re.search(r"^## Layers\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    crates = {}
    for block in re.findall(r"^```\n(.*?)^```", section.group(1), re.M | re.S) if section else []:
        for crate, order in re.findall(r"^(\w+):(.*(?:\n[ \t]+.*)*)", block, re.M):
            layers, pairs = [], set()
            for layer in re.split(r"\s(?<!<)>\s", " ".join(order.split())):
                names = []
                for item in layer.strip(" {}").split(","):
                    both = [name.strip() for name in item.split("<>")]
                    names += both
                    pairs |= {(a, b) for a in both for b in both if a != b}
                layers.append([name for name in names if name])
            crates[crate] = (layers, pairs)
    return crates


def blanked(code):
    """The code with comments, strings and test modules blanked, every line where it was."""
    blank = lambda m: re.sub(r"[^\n]", " ", m.group())
    literals = r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"' r"|b?'(?:\\.[^']*|[^'\\])'"
    code = re.sub(literals, blank, code, flags=re.S)
    while test := re.search(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))? )?(?:mod|fn|use|impl)\b[^;{]*", code):
        end = test.end()
        if code[end : end + 1] == "{":
            depth = 0
            while end < len(code):
                depth += {"{": 1, "}": -1}.get(code[end], 0)
                end += 1
                if depth == 0:
                    break
        code = code[: test.start()] + re.sub(r"[^\n]", " ", code[test.start() : end]) + code[end:]
    return code


def expand(tree):
    """The paths of a use tree: `a::{b, c::d}` gives `a::b` and `a::c::d`."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        return [re.split(r"\s+as\s+", tree)[0].strip()]
    head, depth, start, paths = tree[:brace], 0, brace + 1, []
    for at in range(brace, len(tree)):
        if tree[at] == "{":
            depth += 1
        elif tree[at] == "}":
            depth -= 1
        if depth == 0 or (depth == 1 and tree[at] == ","):
            part = tree[start:at]
            if part.strip():
                paths += [head + inner for inner in expand(part)]
            start = at + 1
            if depth == 0:
                break
    return paths


class Crate:
    def __init__(self, name, layers, pairs):
        self.name, self.layers, self.pairs = name, layers, pairs
        self.src = ROOT / "crates" / name / "src"
        self.rank = {module: at for at, layer in enumerate(layers) for module in layer}
        self.files = {}
        for path in sorted(self.src.rglob("*.rs")):
            parts = list(path.relative_to(self.src).with_suffix("").parts)
            if parts[-1] == "mod" or parts == ["lib"]:
                parts.pop()
            if parts and "tests" in parts:
                continue
            self.files[tuple(parts)] = path
        self.code = {at: blanked(path.read_text()) for at, path in self.files.items()}
        self.modules = {self.module(at) for at in self.files if at and at[0] not in FACES}
        self.exported = self.exports()
        # (from, to) -> places
        self.imports = defaultdict(list)
        for at in self.files:
            if at and at[0] not in FACES:
                self.scan(at)

    def module(self, at):
        """The module that a path of names lies in."""
        for length in range(len(at), 1, -1):
            if "/".join(at[:length]) in self.rank:
                return "/".join(at[:length])
        return at[0]

    def exports(self):
        """Names that the crate's root re-exports, with where they are from."""
        names = {}
        for tree in re.findall(r"\buse\s+([^;]+);", self.code.get((), "")):
            for path in expand(tree):
                parts = [part for part in path.split("::") if part not in ("crate", "self")]
                if len(parts) > 1 and (parts[0],) in self.files:
                    names[parts[-1]] = tuple(parts)
        return names

    def resolve(self, parts, at):
        """The module that a path names, if it is one of this crate."""
        here = list(at)
        if parts[0] == "crate":
            parts = parts[1:]
        elif parts[0] in ("super", "self"):
            # Inner modules of a file are not told apart: one `super` too few leads into the same folder.
            while parts and parts[0] in ("super", "self"):
                here = here[:-1] if parts[0] == "super" else here
                parts = parts[1:]
            parts = here + parts
        elif (*at, parts[0]) in self.files:
            parts = here + parts
        else:
            return None
        if parts and (parts[0],) not in self.files and parts[0] in self.exported:
            parts = list(self.exported[parts[0]])
        if not parts or (parts[0],) not in self.files:
            return None
        return self.module(parts)

    def scan(self, at):
        code, own = self.code[at], self.module(at)
        paths = []
        for use in re.finditer(r"\buse\s+([^;]+);", code):
            paths += [(path, use.start()) for path in expand(use.group(1))]
        rest = re.sub(r"\buse\s+[^;]+;", lambda m: re.sub(r"[^\n]", " ", m.group()), code)
        paths += [(m.group(), m.start()) for m in re.finditer(r"\b(?:crate|super)(?:::\w+)+", rest)]
        for path, start in paths:
            to = self.resolve(path.split("::"), at)
            if to and to != own:
                place = f"{self.files[at].relative_to(ROOT)}:{code.count(chr(10), 0, start) + 1}"
                self.imports[own, to].append(place)

    def cycles(self):
        """Groups of modules that import each other in a circle, pairs that are stated left out."""
        edges = defaultdict(set)
        for a, b in self.imports:
            if (a, b) not in self.pairs:
                edges[a].add(b)
        reach = {}
        for start in self.modules:
            seen, todo = set(), [start]
            while todo:
                for to in edges[todo.pop()] - seen:
                    seen.add(to)
                    todo.append(to)
            reach[start] = seen
        groups = {frozenset(m for m in reach[a] if a in reach[m]) for a in self.modules if a in reach[a]}
        return sorted(sorted(group) for group in groups)

    def upward(self):
        """Imports against the layers, as (from, to, places)."""
        return [
            (a, b, places)
            for (a, b), places in sorted(self.imports.items())
            if a in self.rank and b in self.rank and self.rank[b] <= self.rank[a] and (a, b) not in self.pairs
        ]

    def faults(self):
        faults = [f"{self.name}: module {m} is in no layer" for m in sorted(self.modules - set(self.rank))]
        faults += [f"{self.name}: the layers name {m}, which is no module" for m in sorted(set(self.rank) - self.modules)]
        for a, b, places in self.upward():
            faults.append(f"{self.name}: {a} imports {b}, which is not below it: {', '.join(sorted(set(places))[:3])}")
        faults += [f"{self.name}: a cycle of {', '.join(group)}" for group in self.cycles()]
        return faults


def main():
    listing = "--list" in sys.argv
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")]
    known, faults = stated(), []
    for folder in sorted((ROOT / "crates").iterdir()):
        if not (folder / "src").is_dir() or wanted and folder.name not in wanted:
            continue
        crate = Crate(folder.name, *known.get(folder.name, ([], set())))
        faults += crate.faults() if folder.name in known else [f"{folder.name}: its layers are not stated"]
        if listing:
            cycles = crate.cycles()
            against = f"{len(crate.upward())} against its layers" if folder.name in known else "no layers stated"
            print(f"{folder.name}: {len(crate.modules)} modules, {len(crate.imports)} imports, {against}, {len(cycles)} cycles")
            for group in cycles:
                print(f"    cycle: {', '.join(group)}")
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)


if __name__ == "__main__":
    main()
