"""The tables of tests/corpus/h1 (the columns: README.md there)."""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "corpus" / "h1"
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def unescape(text):
    def one(match):
        return chr(int(match[1], 16)) if match[1] else ESCAPES[match[2]]
    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|([rnt0\\]))", one,
                  text).encode("latin-1")


def escape(data):
    text = data.decode("latin-1").replace("\\", "\\\\")
    for letter, char in ESCAPES.items():
        if letter not in "\\0":
            text = text.replace(char, "\\" + letter)
    return "".join(c if " " <= c <= "~" else "\\0" if c == "\0"
                   else f"\\x{ord(c):02x}" for c in text)


def rows(name):
    for line in (FOLDER / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


@dataclass
class Case:
    expect: str
    context: str
    name: str
    data: bytes
    content: bytes

    def __str__(self):
        return self.name


def cases(name):
    for row in rows(name):
        row += [""] * (5 - len(row))
        yield Case(row[0], row[1], row[2], unescape(row[3]),
                   unescape(row[4]))


def outcomes(name):
    """name of the case -> what the other side gets."""
    return {row[0]: unescape(row[1]) for row in rows(name)}
