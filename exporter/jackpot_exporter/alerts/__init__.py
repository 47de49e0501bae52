"""What fires now, who has taken it, what fired before: read from Alertmanager and Prometheus, silenced on request.

The command `alerts` and the HTTP path `/alerts` use the same code. Nothing here decides whether something is wrong:
that is Prometheus's, and nothing here keeps a state of its own.
"""
