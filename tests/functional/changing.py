"""What the tests of routes that change things have in common."""

from itertools import count

from openwx.simulator import Account, Group, Person
from tests.reply import Reply

from .world import PostedReport, Receiver

SUCCESS = {"status": "success", "code": 0}
_marks = count(1)
STYLES = ("get", "post", "post_json", "post_parts")


def id_of(account: Account, chat: Person | Group) -> str:
    assert account.session is not None
    return account.session.id_of(chat)


def ids_of(account: Account, *people: Person) -> str:
    return ",".join(id_of(account, person) for person in people)


async def in_sync(account: Account, receiver: Receiver) -> None:
    """Wait until everything that WeChat sent so far is reported. The last report is our own event, and is dropped."""
    mark = f"mark {next(_marks)}"
    account.friend("小灰").changes(signature=mark)

    def is_mark(report: PostedReport) -> bool:
        return report.fits(event="friend_property_change") and report.json["params"][3] == mark

    await receiver.until(lambda: any(map(is_mark, receiver.reports)), "the mark")
    receiver.reports[:] = [report for report in receiver.reports if not is_mark(report)]


def is_unknown(reply: Reply) -> None:
    assert (reply.status, reply.code) == (504, -1), reply.body
    assert "unknown" in reply.words
