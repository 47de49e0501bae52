"""Our families side by side with those of the real postgres_exporter, redis_exporter and node_exporter.

All look at the same servers. A peer is read before and after us, so what we say must lie where the peer's value moved.
"""
