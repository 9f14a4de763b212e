"""Programs of Go's, npm's and Python's registries are built and installed into folders of their own.

Each once for each version of its manifest; a manifest is a folder here. Go is asked every time, as it knows by itself.
"""

import os
import shutil
import subprocess
from pathlib import Path

from skald import Failed

HERE = Path(__file__).resolve().parent
# A first compilation on a busy machine is slow.
INSTALL_SECONDS = 1200


def cache(name):
    """The folder of a manifest's programs."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skald-clients" / f"senders-{name}"
    root.mkdir(parents=True, exist_ok=True)
    return root


def run(*words, cwd):
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, words))}: {(done.stdout + done.stderr).strip()[-1500:]}")


def once(name, manifest, install):
    """Installs what a manifest names, unless that was done."""
    done = cache(name) / "installed"
    wanted = (HERE / name / manifest).read_text()
    if not done.is_file() or done.read_text() != wanted:
        done.unlink(missing_ok=True)
        install()
        done.write_text(wanted)


def go():
    run("go", "build", "-trimpath", "-ldflags=-s -w", "-o", f"{cache('go')}/", "./otelcol", "./sdk", cwd=HERE / "go")


def node():
    def install():
        shutil.copy(HERE / "node" / "package.json", cache("node"))
        run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", cwd=cache("node"))

    once("node", "package.json", install)


def python():
    def install():
        shutil.rmtree(cache("python") / "venv", ignore_errors=True)
        run("python3", "-m", "venv", "venv", cwd=cache("python"))
        wanted = HERE / "python" / "requirements.txt"
        run("venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted, cwd=cache("python"))

    once("python", "requirements.txt", install)


# What each needs to be installed.
TOOLS = {go: "go", node: "npm", python: "python3"}
installed = set()


def missing(install):
    """Why programs can't be had, if so: there is no tool for them. That they can't be installed is a failure."""
    if not shutil.which(TOOLS[install]):
        return f"no {TOOLS[install]} here"
    if install not in installed:
        install()
        installed.add(install)
    return None
