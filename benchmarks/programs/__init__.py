"""Programs that rows start as child processes, each with a core and memory of its own."""
