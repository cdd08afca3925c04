"""A program in a session of its own, pinned to cores, that dies with us."""

import ctypes
import os
import pwd
import signal
import subprocess

from processes import session_pids, wait_for

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Pinned:
    """stdin and stdout are pipes where asked for; else the log file."""

    def __init__(self, argv, cores, log, pipes=False, user=None, env=None,
                 nice=0):
        self.argv = [str(a) for a in argv]

        def prepare():
            os.setsid()
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, cores)
            if nice:
                os.setpriority(os.PRIO_PROCESS, 0, nice)

        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                self.argv, preexec_fn=prepare, stderr=out, env=env, user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None, text=True,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else out)
        self.pid = self.process.pid

    def pids(self):
        """Itself and all that it has started."""
        return session_pids(self.pid)

    def ended(self):
        return self.process.poll() is not None

    def stop(self, timeout_s=6.0):
        """Asks, waits, and kills what is left of its own session."""
        if not self.ended():
            self.process.terminate()
        wait_for(lambda: self.ended() and not self.pids(), timeout_s)
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
