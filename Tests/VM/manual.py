"""The commands of the documents, so that the tests run exactly what a reader is told."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Manual:
    """A document in Markdown; its commands are the fenced blocks that start with ```sh."""

    def __init__(self, name):
        self.sections = self._sections((ROOT / name).read_text())
        self.unused = set(self.sections)

    @staticmethod
    def _sections(text):
        """Section → its blocks. A section ends at the next heading, whatever its level."""
        sections = {}
        parts = re.split(r"^(```.*?^```)$", text, flags=re.M | re.S)
        heading = ""
        for part in parts:
            if part.startswith("```"):
                first, _, code = part.removesuffix("```").partition("\n")
                if first == "```sh":
                    sections.setdefault(heading, []).append(code)
            elif headings := re.findall(r"^#+ (.+)$", part, re.M):
                heading = headings[-1]
        return sections

    def blocks(self, section):
        """The blocks of a section, in their order, which then count as run."""
        self.unused.discard(section)
        return self.sections[section]

    def run(self, machine, section, timeout=600):
        """Runs the blocks of a section as root would type them; returns what each printed. The first that fails ends it."""
        return [machine.run(f"set -euo pipefail\n{block}", timeout) for block in self.blocks(section)]
