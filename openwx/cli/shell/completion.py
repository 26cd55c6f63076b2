"""``openwx completion``: prints a script by which a shell completes the commands and options of openwx.

``shtab`` writes it from the command line's parser. It is static: a Tab starts no Python.
"""

import argparse

import shtab

from openwx.cli.shell.arguments import FileOption


def main(parser: argparse.ArgumentParser, shell: str) -> int:
    """Print the script for a shell, and return the exit code."""
    FileOption.complete = shtab.FILE
    print(shtab.complete(parser, shell=shell))
    return 0
