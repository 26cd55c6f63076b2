"""Mutants of a node: each breaks one rule, and ``openwx crash-test --nodes`` must notice.

``python -m tests.mutants [NAME …]`` runs the crash test with each of them, and says which were noticed. It takes some
minutes a mutant. ``node`` is the program of a mutated node.
"""
