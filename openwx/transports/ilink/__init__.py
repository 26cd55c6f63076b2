"""Tencent's iLink bot API: a bot in the WeChat of one person, as a ``Transport``. ``service`` alone imports it."""
