"""The commands for shell scripts: ``openwx send``, ``ask``, ``who`` and ``tail``, in a module each; ``completion``.

All of them ask the gateway that runs with the configuration, and end with the exit codes of ``outcomes``. What they
import is what a script waits for: neither the API nor the service is among it.
"""
