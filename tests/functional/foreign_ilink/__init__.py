"""Published iLink clients as programs. Each logs in, answers a text, and sends back what it is sent.

They run in environments of their own, print JSON lines, and end when the text "bye" comes. `test_foreign_ilink.py` runs
them.
"""
