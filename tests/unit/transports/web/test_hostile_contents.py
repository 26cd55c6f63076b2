"""Contents that try to be more than they are: somebody else's word, another kind, a link, a burden."""

import time

import pytest

from openwx.domain.contacts import Friend, User
from openwx.domain.events import FriendRequested
from openwx.domain.messages import App, Card, Location, Message, Parties, Quote, Recall, Text
from openwx.transports.web import wire
from openwx.transports.web.messages.base import split_sender
from openwx.transports.web.messages.registry import reader_of

PARTIES = Parties(chat=Friend(id="@a"), sender=Friend(id="@a"), receiver=User(id="@me"), mine=False)
MAP = "http://apis.map.qq.com/uri/v1/geocoder?coord=22.5,113.9"


def read_any(
    msg_type: int, content: str = "", app_type: int = 0, **fields: object
) -> Message | FriendRequested:
    entry = wire.Message("1", "@a", "@me", msg_type, content, AppMsgType=app_type)
    for name, value in fields.items():
        setattr(entry, name, value)
    return reader_of(entry)(entry, content, PARTIES)


def read(msg_type: int, content: str = "", app_type: int = 0, **fields: object) -> Message:
    message = read_any(msg_type, content, app_type, **fields)
    assert isinstance(message, Message)
    return message


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# -- senders ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "content", "split"),
    [
        ("@@g", "@a:<br/>@victim:<br/>it was me", ("@a", "@victim:<br/>it was me")),
        ("@@g", "@a:<br/>&lt;br/&gt;@victim:<br/>x", ("@a", "&lt;br/&gt;@victim:<br/>x")),
        ("@@g", "words @victim:<br/>x", ("", "words @victim:<br/>x")),
        ("@@g", "@a b:<br/>x", ("", "@a b:<br/>x")),
        ("@@g", "@<b>:<br/>x", ("", "@<b>:<br/>x")),
        ("@a", "@victim:<br/>x", ("", "@victim:<br/>x")),
        ("@me", "@victim:<br/>x", ("", "@victim:<br/>x")),
    ],
)
def test_only_the_service_says_who_wrote(sender: str, content: str, split: tuple[str, str]) -> None:
    assert split_sender(wire.Message("1", sender, "@me", 1, content), "@me") == split


@pytest.mark.parametrize("msg_type", [1, 10000, 49, 42])
def test_nothing_but_a_recall_takes_back(msg_type: int) -> None:
    xml = '<sysmsg type="revokemsg"><revokemsg><msgid>1</msgid><replacemsg>x</replacemsg></revokemsg></sysmsg>'
    message = read(msg_type, escaped(xml))
    assert not isinstance(message, Recall)
    assert "revoke_id" not in message.details()


@pytest.mark.parametrize("msgid", ["", "1:@victim", "1 2", "../1", "٣", "<b>1</b>", "-1"])
def test_a_recall_names_a_number_or_is_none(msgid: str) -> None:
    xml = (
        f'<sysmsg type="revokemsg"><revokemsg><msgid>{escaped(msgid)}</msgid></revokemsg></sysmsg>'
    )
    assert not isinstance(read(10002, escaped(xml)), Recall)


def test_texts_that_look_like_other_kinds_are_texts() -> None:
    for text in ("[转账](￥100)", "[撤回消息](x)", "[名片]昵称：x", "[media](/etc/passwd)", MAP):
        message = read(1, text)
        assert (type(message), message.content, message.format) == (Text, text, "text")


# -- places ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "javascript://apis.map.qq.com/%0aalert(1)",
        "file://maps.x/etc/passwd",
        "weixin://map.qq.com/",
        "//map.qq.com/",
        "http://nomap/",
        "http://[map.qq.com/",
        "x http://map.qq.com",
    ],
)
def test_no_other_address_makes_a_place(url: str) -> None:
    assert type(read(1, "text", Url=url)) is Text
    place = read(48, '<msg><location x="22.5" y="113.9" label="here"/></msg>', Url=url)
    assert isinstance(place, Location)
    assert place.url in (MAP, url if url.startswith("http") else MAP)


@pytest.mark.parametrize("x", ["1&to=evil", "1,2", "", "x", "1" * 50, "1.5#", "１"])
def test_an_address_is_made_of_numbers_alone(x: str) -> None:
    place = read(48, escaped(f'<msg><location x="{escaped(x)}" y="113.9" label="here"/></msg>'))
    assert (place.content, place.details()) == ("here", {"location_url": ""})


# -- names and values ------------------------------------------------------------------------------------


def test_values_of_cards_links_and_requests_are_texts() -> None:
    hostile = '"><script>alert(1)</script>\r\n<msg ticket="mine">'
    info = wire.Recommend("@x", escaped(hostile), escaped(hostile), "v2_x@stranger")
    card = read(42, RecommendInfo=info)
    assert isinstance(card, Card)
    assert card.card["card_name"] == hostile
    request = read_any(37, RecommendInfo=info)
    assert isinstance(request, FriendRequested)
    assert (request.displayname, request.words) == (hostile, hostile)
    assert (request.id, request.ticket) == ("@x", "v2_x@stranger")
    title = "Q&A: why? <1> </title><url>http://evil/</url>"
    xml = f"<msg><appmsg appid='1'><title>{escaped(title)}</title><url>http://good/</url></appmsg></msg>"
    for content in (escaped(xml), xml):
        link = read(49, content, 5)
        assert isinstance(link, App)
        assert (link.title, link.url) == (title, "http://good/")


@pytest.mark.parametrize(
    "number", ["&#" + "1" * 5000 + ";", "&#x" + "f" * 5000 + ";", "&#9999999;"]
)
@pytest.mark.parametrize(
    ("msg_type", "app_type", "xml"),
    [
        (3, 0, "<msg><img length='{}'><b>"),
        (48, 0, "<msg><location x='{}' y='1' label='{}'>"),
        (49, 5, "<msg><appmsg><title>{}</title><b>"),
        (49, 6, "<msg><appmsg><title>{}</title><totallen>{}</totallen><b>"),
        (10002, 0, "<sysmsg type='x'><a>{}</a><b>"),
        (10002, 0, "<sysmsg type='{}'><b>"),
    ],
)
def test_no_number_of_a_character_is_too_long(
    msg_type: int, app_type: int, xml: str, number: str
) -> None:
    for content in (xml.format(number, number), escaped(xml.format(number, number))):
        assert read(msg_type, content, app_type).id == "1"


@pytest.mark.parametrize(
    ("msg_type", "app_type"),
    [(1, 0), (49, 5), (49, 33), (49, 57), (49, 87), (10000, 0), (10002, 0)],
)
def test_no_content_is_a_burden(msg_type: int, app_type: int) -> None:
    """Whatever it is, it is read in the time that so many characters take."""
    pieces = (
        *("<a>", "&lt;a&gt;", "a='1' ", "<![CDATA[", "&amp;", "<span ", "<br/>", "@x:<br/>", "$a$"),
        *("「x：y」\n- - - - - - ", "」\n- - - - - -", "<mmreader><category><item><title>"),
        *("<item>", "<category>", "<weappinfo>", "<refermsg><content>", "<refermsg>&lt;msg&gt;"),
        *("<link name='a'><nickname>", "<template>$", "<title>&amp;lt;", '<emoji md5="', "&#1;"),
    )
    for root in ("<msg>", "<sysmsg type='x'>"):
        for piece in pieces:
            content = root + piece * (100_000 // len(piece))
            started = time.process_time()
            assert read(msg_type, content, app_type).id == "1"
            assert time.process_time() - started < 5, (root, piece)


# -- what apps share, and what is quoted ----------------------------------------------------------------


def test_a_push_of_many_articles_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    items = "".join(f"<item><title>{number}</title></item>" for number in range(10_000))
    for end in ("</category></mmreader></appmsg></msg>", ""):
        xml = f"<msg><appmsg><title>a</title><mmreader><category>{items}{end}"
        message = read(49, escaped(xml), 5)
        assert isinstance(message, App)
        assert [one.title for one in message.articles] == [str(number) for number in range(100)]
        assert message.xml == ""
    assert "a push has 10000 articles; 100 are reported" in caplog.text
    assert "app_xml is left out" in caplog.text


def test_articles_within_articles_are_none() -> None:
    items = "<item><title>1</title>" * 1000 + "</item>" * 1000
    xml = f"<msg><appmsg><mmreader><category>{items}</category></mmreader></appmsg></msg>"
    message = read(49, escaped(xml), 5)
    assert isinstance(message, App)
    assert len(message.articles) == 1


@pytest.mark.parametrize("app_type", [5, 6, 33, 57, 87])
def test_broken_xml_is_read_as_far_as_it_goes(app_type: int) -> None:
    xml = "<msg><appmsg><title>all & <b>the</title><refermsg><type>1</type><content>quo"
    assert read(49, xml, app_type).id == "1"


def test_a_broken_quote_is_a_text_with_what_there_is() -> None:
    message = read(
        49, "<msg><appmsg><title>yes & <b>no</title><refermsg><type>1</type><content>quo", 57
    )
    assert isinstance(message, Text)
    assert (message.content, message.format) == ("yes & no", "text")
    assert message.quote == Quote(content="quo", format="text")


@pytest.mark.parametrize(
    ("inside", "quote"),
    [
        ("", Quote(content="")),
        ("<svrid>12</svrid>", Quote("12", content=None)),
        ("<svrid>1:@victim</svrid><type>3</type>", Quote(content="", format="media")),
        ("<svrid>٣</svrid><type>1</type><content>x</content>", Quote("", "", "x", "text")),
        ("<type>1</type><content>&lt;b&gt;x</content>", Quote("", "", "<b>x", "text")),
        ("<type>49</type><content>nonsense</content>", Quote(content="", format="app")),
        ("<type>10000</type><content>x</content>", Quote(content="")),
    ],
)
def test_a_quote_names_a_message_or_none(inside: str, quote: Quote) -> None:
    xml = f"<msg><appmsg><title>a</title><refermsg>{inside}</refermsg></appmsg></msg>"
    message = read(49, escaped(xml), 57)
    assert message.quote == quote


def test_a_quote_within_a_quote_says_what_was_written() -> None:
    inner = "<msg><appmsg><title>inner</title><type>57</type><refermsg/></appmsg></msg>"
    xml = (
        "<msg><appmsg><title>outer</title><refermsg><type>49</type>"
        f"<content>{escaped(inner)}</content></refermsg></appmsg></msg>"
    )
    message = read(49, escaped(xml), 57)
    assert (message.content, message.quote) == ("outer", Quote("", "", "inner", "text"))


@pytest.mark.parametrize(
    "text",
    [
        "「a：b」",
        "「a：b」\n- - -\nc",
        "「a b」\n- - - - - - - - - - - - - - -\nc",
        "x「a：b」\n- - - - - - - - - - - - - - -\nc",
    ],
)
def test_what_only_looks_like_a_quote_is_none(text: str) -> None:
    message = read(1, text.replace("\n", "<br/>"))
    assert (message.content, message.quote) == (text, None)
