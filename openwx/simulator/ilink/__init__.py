"""A simulated iLink bot service (微信 ClawBot), beside the web service of the same world.

From below: `options`, `model`, `cipher` and `items` (data, and how it is written), `bot` (one login), `registry`,
`chat` and `clawbot` (who writes to bots), `codes` (logins), `service` (the calls of bots), `control` and `views`.
"""
