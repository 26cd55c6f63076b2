"""``openwx cluster``: which node runs which account, and who shall run it.
``cli.main`` calls it.
"""
