"""The bounds hold where connections are encrypted or go through a proxy, and files still come."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.hub import evil_answers as evil
from tests.hub.evil_case import check_sentence
from tests.hub.hub_case import MODEL, WANTED, contents
from tests.hub.hub_stand_in import HubStandIn

FOLDER = Path("tiny-llama")


def write_certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    certificate = (
        builder.not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(pem, private, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


@pytest.fixture
def secure(hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubStandIn:
    """The hub with HTTPS, for commands in a process of their own."""
    path = write_certificate(tmp_path / "certificate.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    hub.server.socket = context.wrap_socket(hub.server.socket, server_side=True)
    hub.scheme = "https"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    return hub


def test_files_come_encrypted(secure: HubStandIn, process: Run) -> None:
    done = process("download_model.py", MODEL)
    assert done.returncode == 0, done.stderr
    assert contents(FOLDER) == WANTED


def test_encrypted_bodies_are_bounded(secure: HubStandIn, process: Run) -> None:
    secure.evil["API"] = evil.endless()
    done = process("download_model.py", MODEL)
    check_sentence(done, "sends more than 67,108,864 bytes for the listing of org/Tiny-Llama")


def test_an_encrypted_hub_leads_to_no_address_that_is_not(secure: HubStandIn, process: Run) -> None:
    """The token would be sent there for all to read: the host is the same."""
    secure.evil["API"] = evil.redirect("http://127.0.0.1:1/evil")
    done = process("download_model.py", MODEL)
    check_sentence(done, "(it leads to http://127.0.0.1:1/evil, which is not https)")
    secure.evil = {"HEAD": evil.redirect("http://127.0.0.1:1/evil")}
    done = process("download_model.py", MODEL)
    check_sentence(done, "(it leads to http://127.0.0.1:1/evil, which is not https)")


def test_a_certificate_that_nobody_signed(secure: HubStandIn, process: Run) -> None:
    done = process("download_model.py", MODEL, SSL_CERT_FILE="")
    check_sentence(done, "Cannot reach https://127.0.0.1:")


def test_a_proxy_is_used_and_bounded(hub: HubStandIn, process: Run) -> None:
    """The stand-in takes the whole addresses that a proxy gets."""
    proxy = {"HTTP_PROXY": hub.url, "NO_PROXY": "", "HF_ENDPOINT": "http://hub.invalid"}
    done = process("download_model.py", MODEL, **proxy)
    assert done.returncode == 0, done.stderr
    assert contents(FOLDER) == WANTED
    hub.evil["API"] = evil.endless()
    done = process("download_model.py", MODEL, **proxy)
    check_sentence(done, "sends more than 67,108,864 bytes for the listing of org/Tiny-Llama")
