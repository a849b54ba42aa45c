"""A private certificate authority with what it signs, and a wrong one, for tests of TLS."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT_NAME = "headrace"
"""The common name of the client's certificate, which a database compares with the user's name."""


@dataclass(frozen=True)
class Certificates:
    """PEM files. Keys are not encrypted; ``client`` holds certificate and key in one file as well.

    The server's certificate is for 127.0.0.1 and localhost. ``wrong_ca`` signed none of them.
    """

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    client_both: Path
    wrong_ca: Path


def make_certificates(folder: Path) -> Certificates:
    """Make all of them below ``folder``, valid for a day."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(
        ca=folder / "ca.pem",
        server=folder / "server.pem",
        server_key=folder / "server.key",
        client=folder / "client.pem",
        client_key=folder / "client.key",
        client_both=folder / "client-both.pem",
        wrong_ca=folder / "wrong-ca.pem",
    )
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority("Headrace's test authority", authority_key)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    made.ca.write_bytes(_pem(authority))
    made.wrong_ca.write_bytes(_pem(_authority("Someone else", ec.generate_private_key(ec.SECP256R1()))))
    for name, usage, extension, certificate, key_file in (
        ("localhost", ExtendedKeyUsageOID.SERVER_AUTH, names, made.server, made.server_key),
        (CLIENT_NAME, ExtendedKeyUsageOID.CLIENT_AUTH, None, made.client, made.client_key),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, authority.subject, key).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        if extension is not None:
            builder = builder.add_extension(extension, critical=False)
        certificate.write_bytes(_pem(builder.sign(authority_key, hashes.SHA256())))
        key_file.write_bytes(_key_pem(key))
        # Drivers refuse a key that others may read.
        key_file.chmod(0o600)
    made.client_both.write_bytes(made.client.read_bytes() + made.client_key.read_bytes())
    made.client_both.chmod(0o600)
    return made


def _authority(name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
