"""The errors of deliveries in Chinese, for the pages of the console; ``reporter/delivery_error.py`` has the English."""

from openwx.coded import Coded, Pieces, worded
from openwx.neterrors import NetworkErrorCode
from openwx.reporter.delivery_error import DeliveryErrorCode

_NOT_FOLLOWED = "，不跟随：{location}"

CHINESE: dict[str, Pieces] = {
    NetworkErrorCode.NOT_TRUSTED: (
        "不信任 {host}:{port} 的证书：{cause}。",
        "report.ca 可以指定要信任的证书文件，report.verify = false 则信任任何证书",
    ),
    NetworkErrorCode.UNKNOWN_NAME: ("无法连接 {host}:{port}：找不到这个主机名（DNS）",),
    NetworkErrorCode.NOT_CONNECTED: ("无法连接 {host}:{port}：{cause}",),
    NetworkErrorCode.PRIVATE_ADDRESS: (
        "无法连接 {host}:{port}：它是由调用方指定的，却指向本机、内网或链路本地地址。",
        "可以把主机写进 media.private_hosts，或用 access.allow_private_targets = true 允许全部",
    ),
    NetworkErrorCode.NOT_CONNECTED_IN_TIME: ("连接超时",),
    NetworkErrorCode.CLOSED_BEFORE_ANSWER: ("还没有应答，连接就被关闭了",),
    NetworkErrorCode.CLOSED_IN_ANSWER: ("应答没有传完，连接就被关闭了",),
    NetworkErrorCode.TOO_MANY_REDIRECTS: ("重定向次数过多",),
    NetworkErrorCode.NOT_HTTP: ("应答不是 HTTP",),
    NetworkErrorCode.NOT_ANSWERED_IN_TIME: ("没有及时应答",),
    NetworkErrorCode.CONNECTION_BROKE: ("连接中断", "：{cause}"),
    NetworkErrorCode.SYSTEM_ERROR: ("系统错误：{cause}",),
    NetworkErrorCode.OTHER_ERROR: ("其他错误：{name}",),
    DeliveryErrorCode.HTTP_STATUS: ("应答了 HTTP {status}",),
    DeliveryErrorCode.NOT_CONNECTED_WITHIN: ("{seconds} 秒内没有连上",),
    DeliveryErrorCode.NOT_ANSWERED_WITHIN: ("{seconds} 秒内没有应答",),
    DeliveryErrorCode.REDIRECT: ("HTTP {status}，重定向到 {location}，不跟随",),
    DeliveryErrorCode.REDIRECT_TO_NO_ADDRESS: (f"HTTP {{status}}，重定向的地址无效{_NOT_FOLLOWED}",),
    DeliveryErrorCode.REDIRECT_TO_NO_HTTP: (f"HTTP {{status}}，重定向的地址不是 HTTP{_NOT_FOLLOWED}",),
    DeliveryErrorCode.REDIRECT_TO_OTHER_HOST: (f"HTTP {{status}}，重定向到另一个主机{_NOT_FOLLOWED}",),
    DeliveryErrorCode.REDIRECT_FROM_HTTPS: (f"HTTP {{status}}，从 https 重定向到 http{_NOT_FOLLOWED}",),
    DeliveryErrorCode.REDIRECT_ONCE_MORE: (f"HTTP {{status}}，{{most}} 次重定向之后还要重定向{_NOT_FOLLOWED}",),
    DeliveryErrorCode.TOO_OLD: ("超过了 max_age", "；最后一次的错误：{error}"),
    DeliveryErrorCode.TOO_LATE: ("已经过时",),
    DeliveryErrorCode.NO_SUCH_TARGET: ("配置里已经没有上报目标 {target}",),
    DeliveryErrorCode.AS_WRITTEN: ("{text}",),
}  # fmt: skip

_CAUSES = {
    "ECONNREFUSED": "连接被拒绝",
    "ECONNRESET": "连接被对方重置",
    "ECONNABORTED": "连接已中止",
    "EPIPE": "连接已断开",
    "ETIMEDOUT": "连接超时",
    "EHOSTUNREACH": "主机不可达",
    "EHOSTDOWN": "主机已关闭",
    "ENETUNREACH": "网络不可达",
    "ENETDOWN": "网络已断开",
    "EADDRNOTAVAIL": "没有可用的地址",
    "EACCES": "没有权限",
    "EPERM": "不允许",
    "EMFILE": "打开的文件太多",
    "ENFILE": "打开的文件太多",
    "ENOENT": "找不到",
    "X509_V_ERR_0": "与主机不符",
    "X509_V_ERR_9": "尚未生效",
    "X509_V_ERR_10": "已过期",
    "X509_V_ERR_18": "是自签名的",
    "X509_V_ERR_19": "证书链里有自签名的证书",
    "X509_V_ERR_20": "找不到签发者的证书",
    "X509_V_ERR_21": "无法验证签发者",
    "X509_V_ERR_23": "已被吊销",
    "X509_V_ERR_62": "与主机名不符",
    "X509_V_ERR_64": "与 IP 地址不符",
}
"""Those of networks and certificates. Others are shown as their symbols."""


def in_chinese(error: Coded) -> str:
    """Word an error of a delivery."""
    return worded(error, CHINESE, lambda symbol: _CAUSES.get(symbol, symbol))
