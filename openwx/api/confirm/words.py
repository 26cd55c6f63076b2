"""The sentences of the page in English and Chinese.
The page in this package uses them.
"""

from openwx.api.routing import Route
from openwx.language import Language

Words = dict[str, str]

BY_LANGUAGE: dict[Language, Words] = {
    "en": {
        "title": "Nothing has been done yet",
        "why": "This is the address of a call that changes something. Opening it executes nothing; the button does.",
        "sent_here": "Another website sent you here. Press the button only if you want this call to be executed.",
        "no_parameters": "No parameters.",
        "needs_token": "This gateway needs its token:",
        "button": "Do it",
        "working": "Working…",
        "lost": "No answer: the call may or may not have been executed.",
        "no_script": "The button needs JavaScript.",
    },
    "zh": {
        "title": "还没有执行任何操作",
        "why": "这个地址是一次会产生实际效果的调用。只打开它不会执行，点下面的按钮才会执行。",
        "sent_here": "你是从别的网站跳转过来的。确定要这样做，再点按钮。",
        "no_parameters": "没有参数。",
        "needs_token": "请输入网关的 token：",
        "button": "执行",
        "working": "正在执行……",
        "lost": "没有收到应答：可能已经执行，也可能没有。",
        "no_script": "按钮需要启用 JavaScript。",
    },
}

CHINESE: dict[str, str] = {
    "start_client": "启动一个账号。",
    "stop_client": "停止一个账号。",
    "verify_code": "提交手机上显示的数字。",
    "send_message": "给好友或群发消息。",
    "send_friend_message": "给好友发消息。",
    "send_group_message": "给群发消息。",
    "upload_media": "上传一个媒体文件。",
    "revoke_message": "撤回一条消息。",
    "consult": "给好友发一句话，并等待回答。",
    "create_group": "新建一个群。",
    "invite_friend": "邀请好友入群。",
    "kick_group_member": "把成员移出群。",
    "set_group_displayname": "修改群名。",
    "check_event": "取走等待中的事件；取走后别的程序就收不到了。",
    "outbox_retry": "重新投递失败的上报。",
    "outbox_drop": "丢弃失败的上报。",
    "set_markname": "修改备注名。",
    "stick": "置顶或取消置顶。",
    "sticky_group": "置顶群或取消置顶。",
    "mark_read": "让手机把聊天标为已读。",
    "refresh_contacts": "从微信重新获取联系人。",
    "make_friend": "申请添加好友。",
    "accept_friend_request": "通过好友申请。",
}
"""What each call does. The English sentence is the first one of the route's description."""


def sentence_of(row: Route, language: Language) -> str:
    """Say what a call of the route would do."""
    english = row.doc.partition("\n\n")[0].replace("\n", " ")
    return CHINESE.get(row.name, english) if language == "zh" else english
