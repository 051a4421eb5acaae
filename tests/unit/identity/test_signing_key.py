"""The own issuer's key: made once, kept for its owner alone."""

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hydrobit.errors import SettingError
from hydrobit.identity.signing import SigningKey, thumbprint
from tests.unit.identity.issuers import NOW, RSA_KEY

_AT_ONCE = """
import sys
from pathlib import Path
from hydrobit.identity.signing import SigningKey
print("ready", flush=True)
sys.stdin.readline()
print(SigningKey.load_or_create(Path(sys.argv[1])).kid)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "signing.pem"


def test_the_first_start_makes_a_key_for_its_owner_alone(path: Path) -> None:
    SigningKey.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == [path.name]


def test_the_mode_does_not_depend_on_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        SigningKey.load_or_create(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_next_start_takes_the_same_key(path: Path) -> None:
    first = SigningKey.load_or_create(path)
    again = SigningKey.load_or_create(path)
    assert again.kid == first.kid
    assert again.public_jwk() == first.public_jwk()


def test_processes_that_start_at_once_agree_on_one_key(path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _AT_ONCE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        kids = {process.communicate(timeout=60)[0].strip() for process in processes}
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert kids == {SigningKey.load_or_create(path).kid}
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644])
def test_a_key_that_others_can_reach_is_refused(path: Path, mode: int) -> None:
    SigningKey.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(SettingError, match=f"{mode:04o}"):
        SigningKey.load_or_create(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand a file of root's to somebody")
@pytest.mark.parametrize(("mode", "is_taken"), [(0o440, True), (0o640, True), (0o444, False), (0o660, False)])
def test_a_key_of_roots_may_be_read_by_the_group_of_the_server(mode: int, is_taken: bool) -> None:
    server = pwd.getpwnam("nobody")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "signing.pem"
        kid = SigningKey.load_or_create(path).kid
        os.chown(path, 0, server.pw_gid)
        path.chmod(mode)
        Path(folder).chmod(0o711)
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(server.pw_gid)
        os.seteuid(server.pw_uid)
        try:
            if is_taken:
                assert SigningKey.load_or_create(path).kid == kid
            else:
                with pytest.raises(SettingError, match=f"{mode:04o}"):
                    SigningKey.load_or_create(path)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)


def _pem(key: serialization.ssh.SSHPrivateKeyTypes, password: bytes | None = None) -> bytes:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no unencrypted private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no unencrypted private key"),
        (_pem(ec.generate_private_key(ec.SECP256R1()), b"secret"), "no unencrypted private key"),
        (_pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (_pem(RSA_KEY), "P-256"),
    ],
    ids=["empty", "broken", "encrypted", "other curve", "RSA"],
)
def test_a_file_that_is_no_p256_key_stops_the_start(path: Path, content: bytes, reason: str) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(SettingError, match=reason):
        SigningKey.load_or_create(path)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_used_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="cannot be read or made"):
        SigningKey.load_or_create(tmp_path / "file" / "signing.pem")


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    # The key and its thumbprint stand in RFC 9449, sections 4.1 and 6.1.
    jwk = {
        "kty": "EC",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        "crv": "P-256",
    }
    assert thumbprint(jwk) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_the_published_key_set_is_public_and_checks_our_tokens(path: Path) -> None:
    key = SigningKey.load_or_create(path)
    jwk = key.public_jwk()
    assert jwk.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    token = key.sign("user_1", NOW, 60, "hydrobit", "hydrobit")
    decoded = jwt.decode_complete(
        token, jwt.PyJWK(jwk), algorithms=["ES256"], options={"verify_exp": False, "verify_aud": False}
    )
    assert decoded["header"] == {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    assert decoded["payload"] == {
        "iss": "hydrobit",
        "aud": "hydrobit",
        "sub": "user_1",
        "iat": NOW // 1000,
        "exp": NOW // 1000 + 60,
    }


def test_the_private_key_is_not_in_what_is_printed(path: Path) -> None:
    key = SigningKey.load_or_create(path)
    assert "rivate" not in repr(key)
    assert str(key.kid) in repr(key)
