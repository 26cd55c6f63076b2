"""The examples of ``/openapi.json``, which tests run against the real server: one file for each topic of routes.

Tests record them into ``openwx/api/openapi/examples/`` by ``OPENWX_RECORD_EXAMPLES=1 pytest
tests/functional/test_api_examples.py``. Without that variable, the same test runs them and compares.
"""
