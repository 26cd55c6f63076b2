"""The spelling of the web service: functions from the model's data to what a web client reads."""
