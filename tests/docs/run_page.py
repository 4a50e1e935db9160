#!/usr/bin/env python3
"""Runs the ```sh blocks of a page, one after the other in one shell, in a folder of their own.

usage: run_page.py PAGE.md BIN [PORT...]    BIN goes in front of PATH; each PORT of the page becomes a free one

Ends with 1 and the shell's trace when a command fails, and leaves no process behind.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

DEADLINE = 60  # seconds


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def script_of(page, ports):
    with open(page, encoding="utf-8") as file:
        blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.S | re.M)
    if not blocks:
        sys.exit(f"{page}: no commands")
    text = "\n".join(blocks)
    for old, new in zip(ports, free_ports(len(ports))):
        text, count = re.subn(rf"\b{old}\b", str(new), text)
        if count == 0:
            sys.exit(f"{page}: port {old} is not on it")
    # Job control as in a terminal (%1), and a failure anywhere is the end; "! command" must be seen to fail.
    text = re.sub(r"^! (.*)$", r"if \1; then echo 'that was to fail' >&2; exit 1; fi", text, flags=re.M)
    return "set -emo pipefail -x\n" + text


def main():
    page, programs, *ports = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="shelfwire-page-") as folder:
        environment = dict(os.environ, PATH=os.path.abspath(programs) + ":" + os.environ["PATH"])
        with open(os.path.join(folder, ".said"), "w+", encoding="utf-8", errors="replace") as log:
            shell = subprocess.Popen(["bash", "-c", script_of(page, ports)], cwd=folder, env=environment,
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                     start_new_session=True)
            try:
                code = shell.wait(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                code = f"none within {DEADLINE} s"
            finally:
                stop_session(shell.pid)
            log.seek(0)
            if code != 0:
                sys.exit(f"{log.read()}\n{page}: exit {code}")
        print(f"{page}: all commands did as the page says")


def stop_session(leader):
    """With job control each background command is a group of its own, but all are of one session."""
    listing = subprocess.run(["ps", "-e", "-o", "pid=,sess="], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        pid, session = (int(word) for word in line.split())
        if session == leader:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


if __name__ == "__main__":
    main()
