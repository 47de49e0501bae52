"""When certificates end, as openssl says it."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from harness.certificates import Authority
from jackpot_exporter.web.tls import earliest_expiry


@pytest.mark.parametrize("days", [0, 30, 20_000], ids=["at once", "this century's first half", "after 2050"])
def test_a_certificate_ends_when_openssl_says(tmp_path: Path, days: int) -> None:
    authority = Authority(tmp_path, days=40_000)
    authority.issue("leaf", days)

    assert earliest_expiry((tmp_path / "leaf.crt").read_text()) == authority.expiry("leaf")


def test_the_first_of_a_chain_counts(tmp_path: Path) -> None:
    authority = Authority(tmp_path, days=5)
    chain = authority.issue("leaf", 30)

    said = subprocess.run(
        ["openssl", "x509", "-in", authority.file, "-noout", "-enddate"], capture_output=True, text=True, check=True
    ).stdout

    assert earliest_expiry(chain.read_text()) == ssl.cert_time_to_seconds(said.strip().removeprefix("notAfter="))
    assert earliest_expiry(chain.read_text()) < authority.expiry("leaf")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="certificate"):
        earliest_expiry(text)


def test_no_broken_certificate_breaks_the_reader(tmp_path: Path) -> None:
    Authority(tmp_path).issue("leaf", 30)
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "leaf.crt").read_text())

    for at in range(len(der)):
        for piece in (der[:at], der[:at] + b"\xff" + der[at + 1 :]):
            try:
                earliest_expiry(ssl.DER_cert_to_PEM_cert(piece))
            except ValueError:
                continue
