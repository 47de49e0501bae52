"""The demo: real servers, a simulated service under traffic, faults, and a sink for notifications.

The product never imports this package; the tests borrow its servers.
"""
