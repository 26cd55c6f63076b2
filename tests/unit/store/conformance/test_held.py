"""Reports whose media is incomplete hold back the later ones of their chat."""

from openwx.store.base import Journal
from openwx.store.records import CompletedReport, WriteBatch

from ..reports import a_message


async def test_what_waits_for_its_file_is_held_with_its_chat(journal: Journal) -> None:
    picture = a_message(1, "a", media=b"ref")
    batch = WriteBatch(
        account="me", reports=[a_message(0, "a"), picture, a_message(2, "a"), a_message(3, "b")]
    )
    written = (await journal.write(batch)).recorded
    first, held, behind, other = (report.id for report in written)
    assert await journal.pending("me") == [(first, "a"), (other, "b")]
    assert [report.id for report in await journal.held("me")] == [held, behind]
    done = CompletedReport(id=held, body=b"{}", attachment="/a.png")
    await journal.write(WriteBatch(account="me", completed=[done]))
    assert [id_ for id_, _ in await journal.pending("me")] == [first, held, behind, other]
    report = await journal.pending_report("me", held)
    assert report is not None
    assert (report.body, report.attachment, report.media) == (b"{}", "/a.png", b"")
    assert await journal.files("me") == {"/a.png"}
    assert await journal.held("me") == []


async def test_a_file_that_nobody_wants_is_delivered_when_it_is_there(journal: Journal) -> None:
    batch = WriteBatch(account="me", reports=[a_message(1, media=b"ref", targets=())])
    (report,) = (await journal.write(batch)).recorded
    assert [held.id for held in await journal.held("me")] == [report.id]
    await journal.write(
        WriteBatch(account="me", completed=[CompletedReport(id=report.id, body=b"{}", targets=())])
    )
    assert await journal.held("me") == []
    assert await journal.pending("me") == []
