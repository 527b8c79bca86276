"""Machines made of namespaces: a network between them that can be cut, and names that resolve to loopback."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))  # its files import each other as scripts do

from machines import can_make_machines  # noqa: E402

SCRIPT = """
import socket, sys, time
from pathlib import Path
from machines import go_apart, make_machines

go_apart()
SERVE = "import socket, time; server = socket.create_server(('10.77.0.1', 1234)); time.sleep(60)"
REACH = "import socket, sys; sys.exit(socket.socket().connect_ex(('10.77.0.1', 1234)))"
NAME = "import socket; print(socket.gethostname(), socket.gethostbyname(socket.gethostname()))"
first, second = make_machines(1, 1)
log = Path(sys.argv[1])
run = lambda script: second.start([sys.executable, "-c", script], log)
first.start([sys.executable, "-c", SERVE], log)
while run(REACH).wait():
    time.sleep(0.1)
second.unplug()
cut = run(REACH)
time.sleep(0.5)
assert cut.poll() is None  # nobody refuses: packets are lost
second.plug()
assert cut.wait(20) == 0
first.lose()
assert run(REACH).wait() != 0
assert run(NAME).wait() == 0
print(log.read_text())
"""


@pytest.mark.skipif(not can_make_machines(), reason="needs namespaces for every user, as Linux has them")
def test_machines_reach_each_other_until_one_is_unplugged_or_lost(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path / "log")]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(ROOT / "benchmarks")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["node2", "127.0.1.1"]
