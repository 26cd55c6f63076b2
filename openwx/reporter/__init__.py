"""Delivers reports to ``post_api`` and stdout. ``reporter.py`` begins; ``payload.py`` has the JSON of reports."""
