"""Make `.venv` from `uv.lock` with nothing but a Python: no pip, no ensurepip, no root.

    python3 scripts/bootstrap.py [--group NAME]

uv is one static binary inside a wheel, so this fetches that wheel from the package index, checks it against the digest
below, and unpacks it into `.tools/`; uv then builds `.venv`. Every machine takes this one way, because it is the only
one that works on a Debian without python3-venv. It may be run twice, and by two processes at once.

The index and the certificates are those pip would use here: its variables and its configuration files.
"""

import base64
import configparser
import contextlib
import fcntl
import hashlib
import html
import io
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
STAMP = VENV / "ready"  # holds the path it was built at; the Makefile compares its age with the lock's
PYPI = "https://pypi.org/simple"

# To take a newer uv, set its version and copy the four digests from its page of files on PyPI.
UV_VERSION = "0.13.9"
UV_WHEELS = {
    # The Linux binaries are static: they run with any C library.
    "Linux x86_64": (
        "musllinux_1_1_x86_64",
        "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    ),
    "Linux aarch64": (
        "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ),
    "Darwin x86_64": (
        "macosx_10_12_x86_64",
        "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    ),
    "Darwin arm64": (
        "macosx_11_0_arm64",
        "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ),
}
UV = TOOLS / f"uv-{UV_VERSION}"

FETCH_ATTEMPTS_MAX = 3
FETCH_TIMEOUT_S = 60


def main(arguments: list[str]) -> None:
    """Fetch uv unless it is there and bring `.venv` to what the lock says; the stamp comes last, so it means "done"."""
    for variable, setting in (("SSL_CERT_FILE", "cert"), ("HTTPS_PROXY", "proxy")):
        take_from_pip(variable, setting)
    TOOLS.mkdir(exist_ok=True)
    with one_at_a_time(TOOLS / "lock"):
        if not UV.exists():
            unpack_uv(*UV_WHEELS[machine()])
        discard_moved_environment()
        build_environment(arguments)
        STAMP.write_text(f"{ROOT}\n")


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold the lock file, so that `make run` and `make test` started together do not build over each other."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- what pip was told ---


def pip_setting(name: str) -> str | None:
    """The value pip would use for `name`: its variable, else the last configuration file that has it."""
    variable = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if variable:
        return variable
    parser = configparser.RawConfigParser()
    parser.read(pip_configuration_files(), encoding="utf-8")
    for section in ("install", "global"):
        value = parser.get(section, name, fallback="").strip()
        if value:
            return value
    return None


def pip_configuration_files() -> list[Path]:
    """Where pip looks, the weakest first."""
    own = os.environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return []
    home = Path(os.path.expanduser("~"))
    user_folder = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        home / "Library/Application Support/pip/pip.conf",
        user_folder / "pip/pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    return [*files, Path(own)] if own else files


def take_from_pip(variable: str, setting: str) -> None:
    """Set an environment variable that both Python and uv read from pip's setting, unless the user set it."""
    value = pip_setting(setting)
    if value and not os.environ.get(variable) and not os.environ.get(variable.lower()):
        os.environ[variable] = value


def index_url() -> str:
    """The index to fetch from: uv's own variable, else pip's setting, else PyPI."""
    return (os.environ.get("UV_DEFAULT_INDEX") or pip_setting("index-url") or PYPI).rstrip("/")


# --- uv ---


def machine() -> str:
    """Name this machine as a key of `UV_WHEELS`; leaves with a sentence where uv is not pinned for it."""
    name = f"{platform.system()} {platform.machine()}"
    if name not in UV_WHEELS:
        sys.exit(f"No uv is pinned here for {name}. Put the uv {UV_VERSION} program at {UV} and start again.")
    return name


def unpack_uv(platform_tag: str, digest: str) -> None:
    """Fetch the wheel, check it, and put its binary in place in one step: an interrupted start leaves no half of it."""
    name = f"uv-{UV_VERSION}-py3-none-{platform_tag}.whl"
    print(f"Fetching uv {UV_VERSION} from {without_credentials(index_url())} ...", flush=True)
    try:
        wheel = fetch(file_url(name))
    except OSError as error:
        sys.exit(f"uv {UV_VERSION} could not be fetched: {error}. Check the network, the proxy and pip's index-url.")
    if hashlib.sha256(wheel).hexdigest() != digest:
        sys.exit(f"{name} does not have the pinned digest, so it was not used. Check pip's index-url.")
    partial = UV.with_suffix(".partial")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        partial.write_bytes(archive.read(f"uv-{UV_VERSION}.data/scripts/uv"))
    partial.chmod(0o755)
    partial.replace(UV)


def file_url(name: str) -> str:
    """The address of a file of uv in the index, from the HTML page that every index serves (PEP 503)."""
    page_url = f"{index_url()}/uv/"
    page = fetch(page_url).decode()
    for reference in re.findall(r'href="([^"]+)"', page):
        address = urllib.parse.urljoin(page_url, html.unescape(reference).partition("#")[0])
        if urllib.parse.unquote(address).endswith(f"/{name}"):
            return address
    raise FileNotFoundError(f"{without_credentials(page_url)} does not list {name}")


def fetch(url: str) -> bytes:
    """The body at `url`, tried a few times, because one lost connection should not end a first start."""
    for attempt in range(1, FETCH_ATTEMPTS_MAX + 1):
        try:
            return fetch_once(url)
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == FETCH_ATTEMPTS_MAX:
                raise
        except OSError:
            if attempt == FETCH_ATTEMPTS_MAX:
                raise
        time.sleep(attempt)
    raise AssertionError("the last attempt returns or raises")


def fetch_once(url: str) -> bytes:
    """The body at `url`; user and password in it become a header, which urllib does not do by itself."""
    parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(without_credentials(url), headers={"Accept": "text/html, */*;q=0.1"})
    if parts.username:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_S) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.URLError as error:
        untrusted = isinstance(error.reason, ssl.SSLCertVerificationError)
        if not untrusted or os.environ.get("SSL_CERT_FILE") or parts.username:
            raise
    # A bare Debian has no ca-certificates. The pinned digest vouches for the wheel, whoever sent it, and uv brings its
    # own roots for everything after it.
    with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_S, context=ssl._create_unverified_context()) as answer:
        return bytes(answer.read())


def without_credentials(url: str) -> str:
    """The address without user and password."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


# --- the environment ---


def discard_moved_environment() -> None:
    """Remove `.venv` when it was built at another path: its programs name their Python by that path."""
    if STAMP.exists() and STAMP.read_text().strip() != str(ROOT):
        shutil.rmtree(VENV)


def build_environment(options: list[str]) -> None:
    """Install what the lock says. The lock names PyPI's files; from another index they come by name and digest."""
    index = index_url()
    if index == PYPI:
        uv("sync", "--frozen", *options)
        return
    requirements = TOOLS / "requirements.txt"
    uv("export", "--quiet", "--frozen", "--no-emit-project", "--output-file", str(requirements), *options)
    uv("venv", "--quiet", "--allow-existing", str(VENV))
    uv("pip", "sync", "--default-index", index, "--require-hashes", str(requirements))
    uv("pip", "install", "--default-index", index, "--no-deps", "--editable", ".")


def uv(*arguments: str) -> None:
    """Run uv for this folder alone; leaves with its exit code when it fails, since it has said why."""
    environment = {
        **os.environ,
        "UV_PYTHON": getattr(sys, "_base_executable", sys.executable),  # also when started from an active environment
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "UV_CACHE_DIR": cache_folder(),
        "VIRTUAL_ENV": str(VENV),
    }
    if system_has_certificates():
        environment.setdefault("UV_SYSTEM_CERTS", "true")
    if arguments[0] == "pip":
        environment["UV_PYTHON"] = str(VENV / "bin/python")
    done = subprocess.run([UV, *arguments], cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def system_has_certificates() -> bool:
    """Whether the system trusts anyone: then uv shall trust the same, and else the roots that it brings."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile) or bool(paths.capath and os.listdir(paths.capath))


def cache_folder() -> str:
    """Choose uv's usual cache where it can be written, else one in `.tools/`: a service user often has no home."""
    if chosen := os.environ.get("UV_CACHE_DIR"):
        return chosen
    home = Path(os.path.expanduser("~"))
    usual = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "uv"
    with contextlib.suppress(OSError):
        if home.is_dir():
            usual.mkdir(parents=True, exist_ok=True)
            if os.access(usual, os.W_OK | os.X_OK):
                return str(usual)
    return str(TOOLS / "cache")


if __name__ == "__main__":
    main(sys.argv[1:])
