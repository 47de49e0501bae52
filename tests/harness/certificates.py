"""A certificate authority of a test's own, by the openssl program."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from jackpot_exporter.tools import find

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


# What Python asks of a certificate since 3.13 (VERIFY_X509_STRICT), beside what openssl writes by itself.
_OF_AUTHORITY = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
_OF_SERVER = "subjectAltName=DNS:{host}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"


def _openssl(*arguments: str, at: str = "") -> str:
    """What openssl says, when it is told that now is another time."""
    command = [*([str(find("faketime")), at] if at else []), "openssl", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class Authority:
    """Issues certificates for localhost into a folder."""

    def __init__(self, folder: Path, days: int = 3650) -> None:
        self._folder = folder
        self.file = folder / "ca.pem"
        self._key = folder / "ca.key"
        out = ("-keyout", str(self._key), "-out", str(self.file))
        _openssl("req", "-x509", *_KEY, *out, "-days", str(days), "-subj", "/CN=Test CA", *_OF_AUTHORITY)

    def issue(self, name: str, days: int, host: str = "localhost") -> Path:
        """A file with key, certificate and that of the authority; a negative number of days makes it expired."""
        key, request, certificate = (self._folder / f"{name}.{ending}" for ending in ("key", "csr", "crt"))
        _openssl("req", *_KEY, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={host}")
        names = self._folder / f"{name}.names"
        names.write_text(_OF_SERVER.format(host=host))
        signed = ("-CA", str(self.file), "-CAkey", str(self._key), "-CAcreateserial", "-extfile", str(names))
        # openssl 3.5 issues nothing that has ended already, so that is made a day before it ended.
        valid, at = (str(days), "") if days > 0 else ("1", f"{days - 1} days")
        _openssl("x509", "-req", "-in", str(request), *signed, "-days", valid, "-out", str(certificate), at=at)
        chain = self._folder / f"{name}.pem"
        chain.write_text(key.read_text() + certificate.read_text() + self.file.read_text())
        return chain

    def server(self, name: str, days: int = 90, host: str = "localhost") -> ssl.SSLContext:
        """The context of a server with a new certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(name, days, host))
        return context

    def expiry(self, name: str) -> float:
        """When a certificate ends, in Unix seconds, as openssl says."""
        said = _openssl("x509", "-in", str(self._folder / f"{name}.crt"), "-noout", "-enddate")
        return ssl.cert_time_to_seconds(said.strip().removeprefix("notAfter="))
