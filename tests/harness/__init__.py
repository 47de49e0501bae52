"""What the tests use and the product does not: faults on the wire, waiting, a running exporter."""
