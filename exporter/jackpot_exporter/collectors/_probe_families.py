"""The families of blackbox_exporter that probes give.

There, one target is probed by one scrape and `instance` tells them apart. Here one scrape has all probes, and the
label `probe` holds the name from the settings: short, chosen by people, and free of the secrets that a URL may hold.
(`target` is taken: it names a monitored deployment.)
"""

from __future__ import annotations

from collections.abc import Mapping

from ..model import MetricSpec, gauge

SUCCESS = gauge("probe_success", "Whether the probe succeeded.", "probe")
DURATION = gauge("probe_duration_seconds", "How long the probe took.", "probe")
DNS = gauge("probe_dns_lookup_time_seconds", "Time taken to look the name up.", "probe")
PROTOCOL = gauge("probe_ip_protocol", "Version of the IP protocol: 4 or 6.", "probe")
REGEX = gauge("probe_failed_due_to_regex", "Whether the probe failed because of what the answer says.", "probe")
STATUS = gauge("probe_http_status_code", "HTTP status; 0 when none came.", "probe")
REDIRECTS = gauge("probe_http_redirects", "Redirects followed.", "probe")
SSL = gauge("probe_http_ssl", "Whether TLS was used for the last redirect.", "probe")
VERSION = gauge("probe_http_version", "HTTP version of the answer.", "probe")
LENGTH = gauge("probe_http_content_length", "Length of the answer as the server says; -1 when it does not.", "probe")
BODY = gauge("probe_http_uncompressed_body_length", "Bytes of the answer's body without compression.", "probe")
MODIFIED = gauge("probe_http_last_modified_timestamp_seconds", "Last-Modified of the answer, Unix seconds.", "probe")
EXPIRY = gauge(
    "probe_ssl_earliest_cert_expiry",
    "Unix time at which the first certificate of the chain expires, also when the chain is not trusted.",
    "probe",
)
CHAIN_EXPIRY = gauge(
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "Unix time at which the chain expires by which the server is trusted.",
    "probe",
)
WEBSOCKET_STATUS = gauge("probe_websocket_status_code", "HTTP status of the upgrade; 0 when none came.", "probe")
UPGRADED = gauge("probe_websocket_connection_upgraded", "Whether the connection became a WebSocket.", "probe")
PING = gauge("probe_websocket_ping_seconds", "Round trip of a ping over the WebSocket.", "probe")
ADDRESSES = gauge("probe_dns_answer_rrs", "Addresses that the name has.", "probe")

PHASES = gauge("probe_http_duration_seconds", "Time of each phase, over all redirects.", "probe", "phase")
TLS_VERSION = gauge("probe_tls_version_info", "TLS version in use; always 1.", "probe", "version")
TLS_CIPHER = gauge("probe_tls_cipher_info", "TLS cipher in use; always 1.", "probe", "cipher")

SINGLE: Mapping[str, MetricSpec] = {
    spec.name: spec
    for spec in (
        SUCCESS, DURATION, DNS, PROTOCOL, REGEX, STATUS, REDIRECTS, SSL, VERSION, LENGTH, BODY, MODIFIED, EXPIRY,
        CHAIN_EXPIRY, WEBSOCKET_STATUS, UPGRADED, PING, ADDRESSES,
    )
}  # fmt: skip
"""Those whose only label is the probe."""
METRICS: tuple[MetricSpec, ...] = (*SINGLE.values(), PHASES, TLS_VERSION, TLS_CIPHER)
PHASE_NAMES = ("resolve", "connect", "tls", "processing", "transfer")
