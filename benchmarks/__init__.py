"""How fast and how small openwx is: ``python -m benchmarks`` (see README.md in this folder)."""
