#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of the house that a compiler does not check.

usage: tidy.py SOURCE_ROOT RULE [ARCHIVE]

Rules: includes (who may include whom), length (functions and files), words (banned calls, unfinished
work, SPDX lines), symbols (what liboverlay.a may ask of libc; needs ARCHIVE), folders (top level).
Prints each breach as file:line: text and exits 1 when there is one.
"""
import pathlib
import re
import subprocess
import sys

ROOMS = ["overlay", "crypto", "storage", "usage", "node", "tools", "test"]
TOP_LEVEL = {"node", "overlay", "usage", "crypto", "storage", "tools", "test", "docs", "packaging",
             "meson.build", "meson_options.txt", "README.md", "CHANGELOG.md", "LICENSE"}

# A folder and what it may include; the longest matching folder decides.
MAY_INCLUDE = {
    "overlay/base": ["overlay/base"],
    "overlay/wire": ["overlay/base", "overlay/wire"],
    "overlay": ["overlay"],
    "overlay/chord": ["overlay"],
    "crypto": ["overlay", "crypto"],
    "storage": ["overlay", "storage"],
    "usage": ["overlay", "usage"],
    "node": ["overlay", "crypto", "storage", "usage", "node"],
    "tools": ["overlay", "crypto", "storage", "usage", "node", "tools"],
    "test": ROOMS,
}

# The core never names the plug-in: only chord's own files and whoever wires a peer do.
NEVER_FROM = {"overlay/chord": ["overlay"]}

# One library, one place: a system header prefix and the only places that may use it.
LIBRARY_PLACES = {
    "openssl/": ["crypto/", "test/", "node/tls_", "tools/enroll"],
    "uv.h": ["node/", "test/"],
    "sqlite3.h": ["storage/backend_sqlite", "tools/enroll", "tools/sim/vfs", "test/"],
    "osipparser2/": ["usage/sip/", "test/"],
    "expat.h": ["node/configuration_xml"],
    "jansson.h": ["node/control", "node/", "tools/", "test/"],
    "microhttpd.h": ["tools/enroll"],
    "curl/": ["tools/"],
    "confuse.h": ["node/settings", "tools/sim/scenario"],
    "check.h": ["test/"],
}

OVERLAY_SYMBOLS = re.compile(
    r"^(mem(cpy|move|set|cmp|chr|mem)|str(len|cmp|ncmp|chr|rchr|str|casecmp|ncasecmp|nlen|cpy|spn|cspn"
    r"|toul|toull|tol|pbrk|dup|ndup)|v?snprintf|malloc|calloc|realloc|free|abort|qsort|bsearch|is\w+"
    r"|tolower|toupper|reg(comp|exec|free|error)|__\w+|_GLOBAL_OFFSET_TABLE_|_ITM_\w+)$")

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
COLUMNS_MAX = 120


def sources(root, folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".c", ".h") and path.is_file():
                yield path


def longest_match(name, table):
    best = None
    for folder in table:
        if (name == folder or name.startswith(folder + "/")) and (best is None or len(folder) > len(best)):
            best = folder
    return best


def includes(root):
    for path in sources(root, ROOMS):
        name = str(path.relative_to(root))
        room = longest_match(str(path.parent.relative_to(root)), MAY_INCLUDE)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            ours = re.match(r'#include "([^"]+)"', line)
            system = re.match(r"#include <([^>]+)>", line)
            if ours:
                target = ours.group(1)
                if not (root / target).is_file():
                    yield f"{name}:{number}: {target} is not a path from the top folder"
                elif not any(target.startswith(f + "/") for f in MAY_INCLUDE[room]):
                    yield f"{name}:{number}: {room} may not include {target}"
                elif (target.startswith("overlay/chord/") and name.startswith("overlay/")
                      and not name.startswith("overlay/chord/")):
                    yield f"{name}:{number}: the core may not name the topology plug-in"
            if system:
                for prefix, places in LIBRARY_PLACES.items():
                    if system.group(1).startswith(prefix) and not any(name.startswith(p) for p in places):
                        yield f"{name}:{number}: <{system.group(1)}> belongs to {', '.join(places)}"


def functions(lines):
    """Yields (first line number, length) of each brace block that starts in column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start + 1
            start = None


def length(root):
    for path in sources(root, ROOMS):
        name = str(path.relative_to(root))
        lines = path.read_text().splitlines()
        if len(lines) > FILE_LINES_MAX and "Why this file is long:" not in "\n".join(lines[:12]):
            yield f"{name}:1: {len(lines)} lines, no reason given (limit {FILE_LINES_MAX})"
        for start, count in functions(lines):
            if count > FUNCTION_LINES_MAX:
                yield f"{name}:{start}: function of {count} lines (limit {FUNCTION_LINES_MAX})"
        for number, line in enumerate(lines, 1):
            if len(line.expandtabs(8)) > COLUMNS_MAX:
                yield f"{name}:{number}: line of {len(line.expandtabs(8))} columns"


BANNED = [
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "unfinished work"),
    (re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|rand|srand|alloca)\s*\("),
     "banned call"),
]
BANNED_OVERLAY = [
    (re.compile(r"(?<![>.\w])(time|gettimeofday|clock_gettime|random|getenv|socket|open|fopen|printf)\s*\("),
     "overlay has no clock, chance or I/O"),
]
BANNED_TEST = [(re.compile(r"\b(sleep|usleep|nanosleep)\s*\("), "tests never sleep")]


def words(root):
    for path in sources(root, ROOMS):
        name = str(path.relative_to(root))
        lines = path.read_text().splitlines()
        if not lines or "SPDX-License-Identifier: MIT" not in lines[0]:
            yield f"{name}:1: no SPDX line"
        rules = list(BANNED)
        if name.startswith("overlay/"):
            rules += BANNED_OVERLAY
        if name.startswith("test/"):
            rules += BANNED_TEST
        for number, line in enumerate(lines, 1):
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line)
            for pattern, why in rules:
                if pattern.search(code) and not code.lstrip().startswith(("*", "/*")):
                    yield f"{name}:{number}: {why}: {line.strip()}"


def symbols(_root, archive):
    listing = subprocess.run(["nm", "-u", "--format=posix", archive], check=True, text=True,
                             capture_output=True).stdout
    defined = subprocess.run(["nm", "--defined-only", "--format=posix", archive], check=True, text=True,
                             capture_output=True).stdout
    own = {line.split()[0] for line in defined.splitlines() if line and not line.endswith(":")}
    member = "?"
    for line in listing.splitlines():
        if line.endswith(":"):
            member = line
            continue
        if not line:
            continue
        symbol = line.split()[0]
        if symbol not in own and not OVERLAY_SYMBOLS.match(symbol):
            yield f"{member} asks for {symbol}"
    sections = subprocess.run(["nm", "--defined-only", "--format=sysv", archive], check=True, text=True,
                              capture_output=True).stdout
    for line in sections.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and re.match(r"\.bss|\.data(?!\.rel\.ro)|\*COM\*", fields[6]):
            yield f"mutable static in overlay: {fields[0]}"


def folders(root):
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.name in TOP_LEVEL or path.name.startswith("build"):
            continue
        yield f"{path.name}: not one of the top-level folders"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    rule = sys.argv[2]
    breaches = list({"includes": includes, "length": length, "words": words, "symbols": symbols,
                     "folders": folders}[rule](root, *sys.argv[3:]))
    for breach in breaches:
        print(breach)
    print(f"{rule}: {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
