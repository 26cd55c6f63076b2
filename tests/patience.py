"""How long a test waits for what must happen: until it does, and generously, so that a slow machine passes too."""

PATIENCE_S = 60.0
PATIENCE_MS = 1000 * PATIENCE_S
"""The same for Playwright."""
