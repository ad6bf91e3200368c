"""What the shells offer for the beginning of a command line."""

import os
import pty
import select
import subprocess
import time

from debian_root import run


def fish(completions, line):
    """The words that fish offers, with the functions of a package."""
    script = "for file in $argv[1]/*.fish; source $file; end; complete --do-complete $argv[2]"
    return [word.split("\t")[0] for word in run("fish", "-c", script, str(completions), line).splitlines()]


def zsh(completions, line, wanted):
    """Whether zsh, at a terminal of its own, completes a line so that the wanted word is in it."""
    terminal, end = pty.openpty()
    shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=end, stdout=end, stderr=end, start_new_session=True,
                             env=os.environ | {"TERM": "dumb"})
    os.close(end)
    try:
        os.write(terminal, f"fpath=({completions} $fpath); autoload -U compinit; compinit -u -D; print re''ady\n".encode())
        read_until(terminal, "ready")
        os.write(terminal, f"{line}\t".encode())
        return read_until(terminal, wanted)
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def read_until(terminal, wanted, seconds=30):
    """Reads what a terminal shows until a text is in it; false when that does not come."""
    seen = ""
    deadline = time.monotonic() + seconds
    while wanted not in seen:
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        seen += os.read(terminal, 1 << 16).decode(errors="replace")
    return True
