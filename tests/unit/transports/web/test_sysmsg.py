"""Messages of MsgType 10002: recalls, and all others, which say something to people."""

import pytest

from openwx.domain.contacts import Friend, User
from openwx.domain.messages import Message, Notice, Parties, Recall, Unknown
from openwx.transports.web import wire
from openwx.transports.web.messages.registry import reader_of

PARTIES = Parties(chat=Friend(id="@a"), sender=Friend(id="@a"), receiver=User(id="@me"), mine=False)

TEMPLATE = (
    '<sysmsg type="sysmsgtemplate"><sysmsgtemplate><content_template type="tmpl_type_profile">'
    "<plain><![CDATA[]]></plain><template><![CDATA[{template}]]></template><link_list>"
    '<link name="username" type="link_profile"><memberlist><member><username>wxid_1</username>'
    "<nickname><![CDATA[小灰]]></nickname></member></memberlist></link>"
    '<link name="names" type="link_profile"><memberlist>'
    "<member><username>wxid_2</username><nickname><![CDATA[$username$]]></nickname></member>"
    "<member><username>wxid_3</username><nickname><![CDATA[<b>老王</b>]]></nickname></member>"
    "</memberlist><separator><![CDATA[、]]></separator></link>"
    '<link name="revoke" type="link_revoke" hidden="1"><title><![CDATA[撤销]]></title></link>'
    '<link name="open" type="link"><title><![CDATA[查看]]></title></link>'
    "</link_list></content_template></sysmsgtemplate></sysmsg>"
)

SAID = [
    (
        ('<sysmsg type="delchatroommember"><delchatroommember><plain><![CDATA[你邀请"小灰"加入了群聊  ]]></plain>'
        "<text><![CDATA[other]]></text><link><text><![CDATA[撤销]]></text></link></delchatroommember></sysmsg>"),
        '你邀请"小灰"加入了群聊',
    ),
    (TEMPLATE.format(template='"$username$"邀请"$names$"加入了群聊  $revoke$'),
     '"小灰"邀请"$username$、<b>老王</b>"加入了群聊'),
    (TEMPLATE.format(template="有人@你，$open$ $nothing$"), "有人@你，查看 $nothing$"),
    (('<sysmsg type="pat"><pat><fromusername>wxid_1</fromusername><template><![CDATA["${wxid_1}" 拍了拍我]]></template>'
     "</pat></sysmsg>"), '"wxid_1" 拍了拍我'),
    (('<sysmsg type="paymsg"><paymsg><PayMsgType>9</PayMsgType><systip><![CDATA[已收款 <a href="weixin://x">12.50</a>]]>'
     "</systip></paymsg></sysmsg>"), "已收款 12.50"),
    (('<sysmsg type="NewXmlChatRoomAccessVerifyApplication"><NewXmlChatRoomAccessVerifyApplication><msgid>77</msgid>'
     "<text><![CDATA[“小灰”想邀请1位朋友进群]]></text></NewXmlChatRoomAccessVerifyApplication></sysmsg>"),
     "“小灰”想邀请1位朋友进群"),
    (('<sysmsg type="carditemmsg"><carditemmsg><id>8812</id><words><![CDATA[券已到账]]></words><url>http://x.cn/a b'
     "</url></carditemmsg></sysmsg>"), "券已到账"),
    ('<sysmsg type="dynacfg"><dynacfg><a>1</a><b>wxid_x</b></dynacfg></sysmsg>', "[系统消息](dynacfg)"),
    ("<sysmsg/>", "[系统消息](sysmsg)"),
    ('<sysmsg type="paymsg"><paymsg><systip>broken & 到账', "broken & 到账"),
    ('<sysmsg type="paymsg"><msgid>5</msgid><plain>到账</plain></sysmsg>', "到账"),  # no recall
    ('<sysmsg type="revokemsg"><revokemsg><msgid>@x</msgid><replacemsg>撤回</replacemsg></revokemsg></sysmsg>', "撤回"),
]  # fmt: skip


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def read(content: str, msg_type: int = 10002) -> Message:
    entry = wire.Message("1", "@a", "@me", msg_type, content)
    message = reader_of(entry)(entry, content, PARTIES)
    assert isinstance(message, Message)
    return message


@pytest.mark.parametrize(("xml", "words"), SAID, ids=[words for _, words in SAID])
def test_what_is_no_recall_is_a_notice_in_words(xml: str, words: str) -> None:
    for content in (escaped(xml), xml, escaped(escaped(xml)), f"  <br/>{escaped(xml)}"):
        message = read(content)
        assert type(message) is Notice
        assert message.content == words


@pytest.mark.parametrize(
    "content",
    ["", "no XML", "&lt;msg&gt;&lt;msgid&gt;5&lt;/msgid&gt;&lt;/msg&gt;", "<msgid>5</msgid>"],
)
def test_what_is_no_system_message_is_reported_raw(content: str) -> None:
    message = read(content)
    assert (type(message), message.content) == (Unknown, content)


@pytest.mark.parametrize("msg_type", [10000, 9999])
def test_so_are_system_messages_that_come_as_notices(msg_type: int) -> None:
    for xml, said in SAID[:8]:
        assert read(escaped(xml), msg_type).content == said


def test_a_recall_names_a_message_by_its_number() -> None:
    xml = (
        '<sysmsg type="revokemsg"><revokemsg><session>x</session><oldmsgid>3</oldmsgid><msgid>4835</msgid>'
        '<replacemsg><![CDATA["]]&gt;<msgid>999</msgid>" 撤回了一条消息]]></replacemsg></revokemsg></sysmsg>'
    )
    message = read(escaped(xml))
    assert isinstance(message, Recall)
    assert message.revoked == "4835"


def test_a_notice_with_a_name_that_looks_like_a_system_message() -> None:
    found = read('"&lt;sysmsg type="x"&gt;&lt;plain&gt;y&lt;/plain&gt;"加入了群聊', 10000)
    assert found.content == '"<sysmsg type="x"><plain>y</plain>"加入了群聊'
