"""What runs as a process of its own, so that it has a core and a memory of its own."""
