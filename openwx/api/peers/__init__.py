"""Calls for accounts that another node owns: this node forwards them, and answers those that others forward."""
