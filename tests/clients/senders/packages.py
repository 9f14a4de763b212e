"""Debian's packages of the senders are unpacked into a folder of their own, so nothing is installed.

rsyslog and syslog-ng exclude each other where they are installed, and a running systemd would be upgraded.
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path

PACKAGES = [
    *("rsyslog", "rsyslog-elasticsearch", "rsyslog-gnutls", "libestr0", "libfastjson4", "liblognorm5", "libcurl3-gnutls"),
    *("syslog-ng-core", "syslog-ng-mod-http", "libivykis0", "libnet1", "libpcre3", "libwrap0", "libcurl4"),
    *("systemd-journal-remote", "libsystemd-shared", "libsystemd0", "libmicrohttpd12"),
]
MULTIARCH = f"{platform.machine()}-linux-gnu"
LIBRARIES = [f"lib/{MULTIARCH}", f"lib/{MULTIARCH}/systemd", f"usr/lib/{MULTIARCH}", "usr/lib/syslog-ng"]
PATHS = {
    "rsyslogd": "usr/sbin/rsyslogd",
    "syslog-ng": "usr/sbin/syslog-ng",
    "systemd-journal-remote": "lib/systemd/systemd-journal-remote",
    "systemd-journal-upload": "lib/systemd/systemd-journal-upload",
}


def root():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skald-clients" / "debian"


def fetch():
    """Downloads and unpacks the packages once for each list of them; the reason when that can't be."""
    done, listed = root() / "packages", "\n".join(PACKAGES)
    if done.is_file() and done.read_text() == listed:
        return None
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return "no apt-get and dpkg here"
    shutil.rmtree(root(), ignore_errors=True)
    debs = root() / "debs"
    debs.mkdir(parents=True)
    download = ["apt-get", "download", "-qq", *PACKAGES]
    if subprocess.run(download, cwd=debs, capture_output=True).returncode != 0:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True)
        again = subprocess.run(download, cwd=debs, capture_output=True, text=True)
        if again.returncode != 0:
            return f"the packages can't be had: {again.stderr.strip()[-300:]}"
    for deb in debs.glob("*.deb"):
        subprocess.run(["dpkg", "-x", deb, root()], check=True)
    shutil.rmtree(debs)
    done.write_text(listed)
    return None


def program(name):
    """Its path, here or of the system."""
    return str(root() / PATHS[name]) if name in PATHS else shutil.which(name)


def environment():
    """What the programs need to find their libraries."""
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(str(root() / folder) for folder in LIBRARIES)}


def missing(name):
    """Why a program can't be started, if so."""
    path = program(name)
    if not path or not Path(path).exists():
        return f"no {name} here"
    done = subprocess.run([path, "--version"], capture_output=True, text=True, env=environment())
    # rsyslogd knows no --version, and says so with its usage.
    return f"{name}: {done.stderr.strip()[-300:]}" if done.returncode == 127 else None
