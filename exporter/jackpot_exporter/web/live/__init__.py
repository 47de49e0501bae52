"""The live page at `/` and the stream of the dashboard: the same readings as everywhere, sent as they change."""
