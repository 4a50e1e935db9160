"""One child process with a log file, and waiting for conditions with deadlines."""
import os
import re
import signal
import socket
import subprocess
import time


class Failed(Exception):
    """What went wrong, for a person."""


def wait_for(what, condition, deadline=30.0, step=0.02):
    """The first true value of condition(); Failed with `what` after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {deadline:.0f} s")
        time.sleep(step)


def check_port_free(host, port, name):
    """Port 0 is always free; a taken one is named."""
    if port == 0:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Failed(f"port {port} for {name} is taken ({error.strerror}); choose another one with --{name}-port")


def free_port(host="127.0.0.1"):
    """For programs that cannot take port 0. Another process may still be faster."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class Process:
    """Started at construction. `log` is appended to, so that a restart keeps what was said before."""

    def __init__(self, name, command, log, env=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.log = str(log)
        self.start_of_log = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as out:
            try:
                self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                              env={**os.environ, **(env or {})}, start_new_session=True)
            except FileNotFoundError:
                raise Failed(f"{self.command[0]} is not there; build first: cmake --preset release && cmake --build build")

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def said(self):
        """What it has written since this start."""
        with open(self.log, "rb") as log:
            log.seek(self.start_of_log)
            return log.read().decode("utf-8", "replace")

    def wait_for_line(self, pattern, deadline=30.0):
        """The match of a regular expression in its log."""
        def found():
            match = re.search(pattern, self.said())
            if match is None and not self.alive():
                raise Failed(f"{self.name} ended with code {self.child.returncode}:\n{self.said()[-2000:]}")
            return match
        try:
            return wait_for(f"{self.name} says /{pattern}/", found, deadline)
        except Failed as error:
            raise Failed(f"{error}\n{self.said()[-2000:]}") from None

    def listening(self, what="listening on"):
        """The port of its line "... listening on ADDR:PORT"."""
        return int(self.wait_for_line(what + r" \S*:(\d+)").group(1))

    def kill(self):
        """SIGKILL, now."""
        if self.alive():
            self.child.kill()
        self.child.wait()

    def stop(self, deadline=15.0):
        """SIGTERM, then SIGKILL after the deadline. The exit code; Failed when it had to be killed."""
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(deadline)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failed(f"{self.name} did not stop within {deadline:.0f} s and was killed")
        return self.child.returncode

    def peak_memory_mb(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) / 1024
