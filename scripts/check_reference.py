#!/usr/bin/env python3
"""check_reference.py XML_FOLDER: is everything in the public header documented?

Doxygen warns of functions, types and members without a word; it says nothing of enum values. This
reads its XML and names whatever has no description.
"""

import pathlib
import sys
import xml.etree.ElementTree as tree


def is_described(node):
    texts = [node.find(name) for name in ("briefdescription", "detaileddescription")]
    return any(text is not None and "".join(text.itertext()).strip() for text in texts)


def undocumented(path):
    """(kind, name) of each thing in this file that nobody described."""
    for compound in tree.parse(path).getroot().iter("compounddef"):
        if compound.get("kind") in ("struct", "union") and not is_described(compound):
            yield compound.get("kind"), compound.findtext("compoundname")
        for member in compound.iter("memberdef"):
            if not is_described(member):
                yield member.get("kind"), member.findtext("name")
            for value in member.iter("enumvalue"):
                if not is_described(value):
                    yield "enum value", value.findtext("name")


def main():
    folder = pathlib.Path(sys.argv[1])
    files = [path for path in folder.glob("*.xml") if path.name != "index.xml"]
    if not files:
        sys.exit(f"{folder} holds no XML of Doxygen's")
    found = sorted({thing for path in files for thing in undocumented(path)})
    for kind, name in found:
        print(f"include/limpet/limpet.h: {kind} {name} is not documented", file=sys.stderr)
    sys.exit(1 if found else 0)


main()
