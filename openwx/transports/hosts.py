"""The hosts of WeChat, for the transports and for ``openwx doctor``."""

LOGIN_HOST = "login.wx.qq.com"
DEFAULT_DOMAIN = "wx.qq.com"
WEB_HOSTS = (LOGIN_HOST, DEFAULT_DOMAIN, f"webpush.{DEFAULT_DOMAIN}", f"file.{DEFAULT_DOMAIN}")
"""The hosts of web WeChat (protocol reference, section 1)."""
