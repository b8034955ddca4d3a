# SPDX-License-Identifier: BSD-3-Clause
"""A Slurm of its own on this machine: its daemons, two nodes that are both this host, and nothing in /etc.

Everything lies in one folder, listens on the loopback interface only, and ends with `stop`.
"""
import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "sinfo")
PATIENCE = 30  # seconds; of a daemon to come up

# No accounting, no cgroups, no limits on memory. What is asked for is started at once, and a job that is to end gets
# two seconds. Nodes have more processors than the machine: jobs are to run side by side, and to wait for nothing.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={controller}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
# Of its own for each node: their steps would share names of sockets otherwise.
TmpFS={folder}/tmp.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SchedulerParameters=sched_min_interval=0,bf_interval=1,batch_sched_delay=0,sched_interval=2
MinJobAge=3600
KillWait=2
MessageTimeout=30
SlurmctldTimeout=120
SlurmdTimeout=120
PropagateResourceLimits=NONE
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=60 DefaultTime=5 State=UP
"""


class Unavailable(Exception):
    """Slurm cannot be had here; the text says why."""


def end_with_parent():
    """In a child: it ends when the test does, however that ends."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    NODES = ("n1", "n2")
    PROCESSORS = 8

    def __init__(self, folder):
        self.folder = Path(folder)
        self.daemons = []
        # A job that this test may run in, and options of runs, are none of the business of the jobs here.
        own = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "MPIPE_"))}
        self.environment = {**own, "SLURM_CONF": str(self.folder / "slurm.conf")}
        self.environment["PATH"] += ":/usr/sbin:/sbin"

    # --- daemons

    def start(self):
        path = self.environment["PATH"]
        missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
        if missing:
            raise Unavailable(f"these programs are missing: {', '.join(missing)}")
        self.write_files()
        folder = self.folder
        self.daemon("munged", "--foreground", "--force", "--num-threads=2", f"--key-file={folder}/munge.key",
                    f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
                    f"--seed-file={folder}/munged.seed", f"--log-file={folder}/munged.log")
        self.wait_for(lambda: (folder / "munge.socket").exists(), "munged")
        self.daemon("slurmctld", "-D", "-f", folder / "slurm.conf")
        for node in self.NODES:
            self.daemon("slurmd", "-D", "-N", node, "-f", folder / "slurm.conf")
        self.wait_for(self.is_idle, "the nodes")

    def write_files(self):
        controller, *ports = free_ports(1 + len(self.NODES))
        host = socket.gethostname().split(".")[0]
        for name in ("state", *(f"{kind}.{node}" for node in self.NODES for kind in ("spool", "tmp"))):
            (self.folder / name).mkdir()
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o600)
        nodes = "\n".join(f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={self.PROCESSORS} Boards=1 "
                          f"SocketsPerBoard=1 CoresPerSocket={self.PROCESSORS} ThreadsPerCore=1 RealMemory=1000"
                          for node, port in zip(self.NODES, ports))
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=host, user=pwd.getpwuid(os.getuid()).pw_name, folder=self.folder, controller=controller, nodes=nodes))
        # Where nobody asks for cgroups, slurmd looks for them all the same, and does not start where it finds none.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")

    def daemon(self, *command):
        number = len(self.daemons)
        with open(self.folder / f"daemon-{number}-{command[0]}.log", "wb") as log:
            self.daemons.append(subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                 env=self.environment, preexec_fn=end_with_parent))

    def is_idle(self):
        found = subprocess.run(["sinfo", "-h", "-N", "-o", "%t"], env=self.environment, text=True, capture_output=True)
        return found.stdout.split() == ["idle"] * len(self.NODES)

    def wait_for(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            ended = [daemon.args[0] for daemon in self.daemons if daemon.poll() is not None]
            if ended or time.monotonic() > end:
                reason = f"{ended[0]} ended" if ended else f"{what} did not come up within {PATIENCE} s"
                raise Unavailable(f"{reason}:\n{self.logs()}")
            time.sleep(0.05)

    def logs(self):
        """The last lines of all daemons."""
        return "\n".join(f"{path.name}: {line}" for path in sorted(self.folder.glob("*.log"))
                         for line in path.read_text(errors="replace").splitlines()[-5:])

    def stop(self):
        if self.daemons and (self.folder / "slurm.conf").exists():
            subprocess.run(["scancel", "--signal=KILL", "--full", "--user", pwd.getpwuid(os.getuid()).pw_name], env=self.environment,
                           capture_output=True, timeout=PATIENCE, check=False)
            subprocess.run(["scancel", "--user", pwd.getpwuid(os.getuid()).pw_name], env=self.environment,
                           capture_output=True, timeout=PATIENCE, check=False)
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    # --- jobs

    def call(self, *command, cwd=None):
        """What a command says; it must succeed."""
        done = subprocess.run([str(word) for word in command], cwd=cwd, env=self.environment, text=True, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def submit(self, script, *options, cwd):
        return self.call("sbatch", "--parsable", *options, script, cwd=cwd).strip()

    def jobs(self, job):
        """What Slurm says of a job, or of all tasks of an array: a dictionary each."""
        return [dict(re.findall(r"(\w+)=(\S*)", line))
                for line in self.call("scontrol", "show", "job", "--oneliner", job).splitlines() if line.strip()]

    def states(self, job):
        return {each["JobState"] for each in self.jobs(job)}

    def has_requeued(self, job):
        """The job waits to be started again, and nothing of its first start is left: what Slurm tells of jobs shows the one
        before the other."""
        return any(f"Requeuing JobId={job}" in path.read_text(errors="replace") for path in self.folder.glob("*slurmctld.log"))
