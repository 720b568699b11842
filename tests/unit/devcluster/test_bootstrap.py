"""requirements/bootstrap.sh, run twice at once by a Python that only pretends to install."""

import shutil
import subprocess
import sys

from batchai_devcluster.paths import REPOSITORY

PYTHON = f"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
  mkdir "$3" || exit 1
  echo made >>"$LOG"
  mkdir "$3/bin"
  printf '#!/bin/sh\\nsleep 0.5\\n[ -d "%s" ] || echo gone >>"$LOG"\\n' "$3" >"$3/bin/pip"
  chmod +x "$3/bin/pip"
else
  exec "{sys.executable}" "$@"
fi
"""


def test_two_runs_at_once_make_one_environment(tmp_path):
    requirements = tmp_path / "root" / "requirements"
    requirements.mkdir(parents=True)
    shutil.copy(REPOSITORY / "requirements" / "bootstrap.sh", requirements)
    (requirements / "dev.lock").write_text("")
    python, log = tmp_path / "python", tmp_path / "log"
    python.write_text(PYTHON)
    python.chmod(0o755)
    environment = {
        "PATH": "/usr/bin:/bin",
        "BATCHAI_HOME": str(tmp_path / "home"),
        "BATCHAI_PYTHON": str(python),
        "LOG": str(log),
    }
    runs = [
        subprocess.Popen(
            ["/bin/sh", requirements / "bootstrap.sh"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    answers = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], answers
    assert len({printed for printed, _ in answers}) == 1
    assert log.read_text() == "made\n"
