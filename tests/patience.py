"""How long a test waits for what must happen: until it does, and generously, so that a slow machine passes too."""

PATIENCE_S = 60.0
