"""The spelling of the web service: pure functions from the model's data to what a web client reads."""
