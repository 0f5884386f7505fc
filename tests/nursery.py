"""Processes for learners' code, forked from one that has imported NumPy once.

A start of Python with NumPy takes longer than most of what the doctor's tests have it compute, and
they start hundreds. With `pytest --real-starts` they are started as a user's command does it.
"""

import json
import os
import socket
import subprocess
import sys

#: Runs in the process that is forked. A request names what subprocess.Popen is given, and brings
#: the open files; the answers are the child's number, and how it ended.
SERVER = """
import fcntl, json, os, socket, sys

def serve(line):
    while True:
        said, files, _, _ = socket.recv_fds(line, 1 << 20, 16)
        if not said:
            os._exit(0)
        request = json.loads(said)
        child = os.fork()
        if child == 0:
            line.close()
            return request, files
        for file in files:
            os.close(file)
        line.send(str(child).encode())
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        exited = ended.si_code == os.CLD_EXITED
        line.send(str(ended.si_status if exited else -ended.si_status).encode())
        line.recv(1)  # its number is its own until this is known, as with subprocess
        os.waitpid(child, 0)

sys.path[:] = json.loads(sys.argv[2])
import clearconv.doctor.child
request, files = serve(socket.socket(fileno=int(sys.argv[1])))
os.setsid()
os.chdir(request["cwd"])
os.environ.clear()
os.environ.update(request["env"])
beyond = max(request["files"]) + 1
moved = [fcntl.fcntl(file, fcntl.F_DUPFD, beyond) for file in files]
for file, number in zip(moved, request["files"], strict=True):
    os.dup2(file, number)
for file in {*files, *moved} - {*request["files"]}:
    os.close(file)
sys.argv = ["-c", *request["arguments"]]
exec(request["code"], {"__name__": "__main__"})
"""


class Nursery:
    """Stands in for the module subprocess in `clearconv.doctor.sandbox`."""

    PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL

    def __init__(self):
        self._line = None

    def Popen(self, command, **given):
        """Fork what would be started by ``python ... -c CODE ARGUMENTS``."""
        at = command.index("-c")
        if self._line is None:
            self._begin(command[:at], given["env"])
        return Forked(self._line, command[at + 1], command[at + 2 :], given)

    def _begin(self, python, env):
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        path = json.dumps([place for place in sys.path if place])
        self._server = subprocess.Popen(
            [*python, "-c", SERVER, str(number), path],
            stdin=subprocess.DEVNULL,
            pass_fds=[number],
            env=env,
            start_new_session=True,
        )
        theirs.close()

    def close(self):
        """End the process that is forked, if there is one."""
        if self._line is not None:
            self._line.close()
            self._server.wait(timeout=20)


class Forked:
    """As much of a subprocess.Popen as the sandbox uses."""

    def __init__(self, line, code, arguments, given):
        self._line, self.returncode = line, None
        reading, writing = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        files = {0: nothing, 1: writing, 2: writing}
        files |= {number: number for number in given.get("pass_fds", ())}
        request = {
            "code": code,
            "arguments": arguments,
            "cwd": str(given["cwd"]),
            "env": given["env"],
            "files": list(files),
        }
        socket.send_fds(line, [json.dumps(request).encode()], list(files.values()))
        os.close(nothing)
        os.close(writing)
        self.stdout = os.fdopen(reading, "rb")
        self.pid = int(line.recv(100))

    def poll(self):
        """Return how it ended, or None."""
        self._line.setblocking(False)
        try:
            return self.wait()
        except BlockingIOError:
            return None
        finally:
            self._line.setblocking(True)

    def wait(self, timeout=None):
        """Wait for its end."""
        if self.returncode is None:
            self.returncode = int(self._line.recv(100))
            self._line.send(b".")
        return self.returncode
