"""Monitoring of jackpot services: a Prometheus exporter and the bundle of rules, routes and dashboards for it."""

__version__ = "0.1.0"
