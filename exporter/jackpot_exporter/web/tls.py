"""TLS of our own server: the context of a configuration, and when its certificates end.

Must not verify more than OpenSSL does: a certificate that has expired is served, and told by its metric.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import Field, model_validator

from ..config import Section

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class Version(StrEnum):
    """What may be spoken; older versions are broken, and refused also where a file asks for them."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


class ClientAuth(StrEnum):
    """Whether clients show certificates. To ask for one and not to check it protects nothing and is left out."""

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


_VERIFY = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}


class TlsConfig(Section):
    """`tls_server_config`."""

    cert_file: Path = Field(description="certificate, followed by those between it and the root")
    key_file: Path = Field(description="its key, without a passphrase")
    client_ca_file: Path | None = Field(None, description="certificates that those of clients must lead to")
    client_auth_type: ClientAuth = Field(ClientAuth.NONE, description="whether clients show certificates")
    min_version: Version = Field(Version.TLS12, description="oldest version that is spoken")
    max_version: Version = Field(Version.TLS13, description="newest version that is spoken")
    prefer_server_cipher_suites: bool = Field(True, description="the server chooses the cipher")

    @model_validator(mode="after")
    def _clients_and_versions(self) -> TlsConfig:
        if (self.client_ca_file is None) != (self.client_auth_type is ClientAuth.NONE):
            raise ValueError("client_ca_file and a client_auth_type that verifies need each other")
        if self.min_version > self.max_version:
            raise ValueError("min_version must not be above max_version")
        return self

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read to make the context."""
        return tuple(path for path in (self.cert_file, self.key_file, self.client_ca_file) if path is not None)


def server_context(config: TlsConfig) -> ssl.SSLContext:
    """A new context. OSError (SSLError is one) or ValueError, with the name of the file, when one cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[config.min_version]
    context.maximum_version = _VERSIONS[config.max_version]
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if not config.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    # With no password OpenSSL would ask for one on the terminal.
    context.load_cert_chain(config.cert_file, config.key_file, password="")
    if config.client_ca_file is not None:
        context.load_verify_locations(config.client_ca_file)
    context.verify_mode = _VERIFY[config.client_auth_type]
    return context


def earliest_expiry(pem: str) -> float:
    """When the first of the certificates in this text ends, in Unix seconds. ValueError when there is none to read."""
    ends = [_not_after(ssl.PEM_cert_to_DER_cert(certificate)) for certificate in _certificates(pem)]
    if not ends:
        raise ValueError("no certificate in it")
    return min(ends)


def _certificates(pem: str) -> Iterator[str]:
    for part in pem.split(_BEGIN)[1:]:
        yield f"{_BEGIN}{part.partition(_END)[0]}{_END}"


def _not_after(der: bytes) -> float:
    """The end of a certificate's validity (RFC 5280, 4.1).

    The standard library shows it only of a peer's certificate that it has verified, which ours is not when it has
    expired; and only of the first of a chain.
    """
    try:
        certificate = next(_elements(der))[1]
        fields = [element for element in _elements(next(_elements(certificate))[1]) if element[0] != _VERSION]
        validity = fields[3][1]  # behind serial number, algorithm and issuer
        _, (tag, text) = _elements(validity)
        return _time(tag, text.decode("ascii"))
    except (IndexError, StopIteration, ValueError):
        raise ValueError("a certificate that cannot be read") from None


_VERSION = 0xA0
_UTC_TIME = 0x17


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element in a row."""
    at = 0
    while at < len(der):
        tag, length, start = der[at], der[at + 1], at + 2
        if length >= 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[at + 2 : start])
        yield tag, der[start : start + length]
        at = start + length


def _time(tag: int, text: str) -> float:
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
