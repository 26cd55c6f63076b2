"""The examples that ``/openapi.json`` shows, to be played against the real server: one file a topic of routes.

They are recorded into ``openwx/api/openapi/examples/`` by ``OPENWX_RECORD_EXAMPLES=1 pytest
tests/functional/test_api_examples.py``. Without that variable, the same test plays all of them again and compares.
"""
