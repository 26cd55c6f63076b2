"""The hosts of WeChat, for the transports and for ``openwx doctor``."""

LOGIN_HOST = "login.wx.qq.com"
DEFAULT_DOMAIN = "wx.qq.com"
WEB_HOSTS = (LOGIN_HOST, DEFAULT_DOMAIN, f"webpush.{DEFAULT_DOMAIN}", f"file.{DEFAULT_DOMAIN}")
"""The hosts of web WeChat (protocol reference, section 1)."""

ILINK_HOST = "ilinkai.weixin.qq.com"
ILINK_CDN_HOST = "novac2c.cdn.weixin.qq.com"
ILINK_HOSTS = (ILINK_HOST, ILINK_CDN_HOST)
"""The fixed hosts of the iLink bot API, of calls and of media."""

HOSTS = {"web": WEB_HOSTS, "ilink": ILINK_HOSTS}
"""The hosts of each kind of transport."""
