"""Several nodes that share a store: which of them runs which account."""
