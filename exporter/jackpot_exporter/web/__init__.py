"""The HTTP side: hands out what the stores hold; asks no source anything."""
