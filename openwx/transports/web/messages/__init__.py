"""Reads WeChat's entries into messages (protocol reference, section 5).

Adding a kind is adding a reader to one of the modules here and a line to the table in ``registry.py``. An entry that no
reader claims becomes ``Unknown`` with its raw content, and is never lost.
"""
