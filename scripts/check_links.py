#!/usr/bin/env python3
"""check_links.py FILE.md...: does each relative link lead to a file, and each anchor to a heading?

Links to other sites are not asked for. Anchors are those that GitHub makes of headings.
"""

import functools
import os
import re
import sys

FENCE = re.compile(r"^\s*(```|~~~)")
CODE = re.compile(r"(`+)(?:.*?)\1")
INLINE = re.compile(r"!?\[(?:[^][]|\[[^]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*(?:\"[^\"]*\")?\s*$")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:|^//", re.IGNORECASE)


def prose(path):
    """(number, line) of each line outside fences."""
    fence = None
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            mark = FENCE.match(line)
            if mark and fence in (None, mark.group(1)):
                fence = None if fence else mark.group(1)
            elif not fence:
                yield number, line.rstrip("\n")


def slug(heading):
    """GitHub's: links as their text, lower case, only letters, digits, hyphens, spaces as hyphens."""
    heading = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@functools.lru_cache(maxsize=None)
def anchors(path):
    found, seen = set(), {}
    for _, line in prose(path):
        heading = HEADING.match(line)
        if heading:
            name = slug(heading.group(1))
            count = seen[name] = seen.get(name, -1) + 1
            found.add(f"{name}-{count}" if count else name)
    return found


def links(path):
    for number, line in prose(path):
        line = CODE.sub("", line) if not HEADING.match(line) else line
        reference = REFERENCE.match(line)
        for target in [reference.group(1)] if reference else INLINE.findall(line):
            if not ELSEWHERE.match(target):
                yield number, target


def complaint(path, target):
    """What is wrong with this link, or None."""
    name, _, anchor = target.partition("#")
    file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
    if not os.path.exists(file):
        return "there is no " + file
    if anchor and file.endswith(".md") and anchor not in anchors(file):
        return f"{file} has no heading #{anchor}"
    return None


def main():
    wrong = 0
    if not sys.argv[1:]:
        sys.exit("check_links.py FILE.md...")
    for path in sys.argv[1:]:
        for number, target in links(path):
            why = complaint(path, target)
            if why:
                print(f"{path}:{number}: {target}: {why}", file=sys.stderr)
                wrong += 1
    sys.exit(1 if wrong else 0)


main()
