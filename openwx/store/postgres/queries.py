"""Queries of the journal, and the records that are made of their rows. ``PostgresJournal`` makes them."""

from collections.abc import Sequence
from typing import Any

from openwx.store.postgres.ownership import NO_OTHER_OWNS
from openwx.store.records import (
    Counts,
    DeliveryKey,
    DeliveryStatus,
    ListedDelivery,
    MessagePage,
    PublishedReport,
    Report,
    ReportPage,
    Send,
    StoredReport,
)

_FIELDS = """r.id, r.account, r.chat, r.kind, r.uid, coalesce(r.dedupe, '') AS dedupe, r.reply_to, r.media,
r.attachment, r.body"""
# asyncpg knows arrays of texts; of `bytea[]` it would ask the server.
_TARGET = "encode(d.target, 'hex')"
_JOINED = "reports r JOIN deliveries d ON d.account = r.account AND d.report_id = r.id"
PENDING_REPORT = f"""
SELECT {_FIELDS}, d.created, d.tries, ARRAY[{_TARGET}] AS targets FROM {_JOINED}
WHERE r.account = $1 AND r.id = $2 AND d.target = $3 AND d.status = 0"""  # noqa: S608 - ours
# A report whose media is incomplete holds back the later ones of its chat.
_BEHIND = """EXISTS (SELECT FROM reports h WHERE h.account = r.account AND h.chat = r.chat
AND h.status = 0 AND h.media <> '' AND h.id <= r.id)"""
_PENDING = f"{_JOINED} AND d.status = 0 WHERE r.account = $1 AND r.status = 0"
PENDING = f"SELECT r.id, r.chat FROM {_PENDING} AND d.target = $2 AND NOT {_BEHIND} ORDER BY r.id"  # noqa: S608
TARGETS_WAITED_FOR = f"SELECT DISTINCT d.target FROM {_PENDING}"  # noqa: S608
HELD = f"""
SELECT {_FIELDS}, r.created, 0 AS tries, array(SELECT {_TARGET} FROM deliveries d
    WHERE d.account = r.account AND d.report_id = r.id AND d.status = 0 ORDER BY d.target) AS targets
FROM reports r WHERE r.account = $1 AND r.status = 0 AND {_BEHIND} ORDER BY r.id"""  # noqa: S608
_LISTED = """
SELECT d.report_id AS id, d.target, r.chat, r.kind, r.uid, d.created, d.ended, d.tries, d.http_status, d.error,
d.status"""
_ENDED = f"""{_LISTED} FROM {_JOINED}
WHERE d.account = $1 AND ($2::bytea IS NULL OR d.target = $2) AND d.status <> 0"""
_NEWEST_FIRST = "ORDER BY d.ended DESC, d.report_id DESC LIMIT $3"
FAILED = f"{_ENDED} AND d.status = {int(DeliveryStatus.FAILED)} {_NEWEST_FIRST}"
DELIVERED = f"{_ENDED} AND d.status = {int(DeliveryStatus.DELIVERED)} {_NEWEST_FIRST}"
WAITING = f"""{_LISTED} FROM {_PENDING}
AND ($2::bytea IS NULL OR d.target = $2) ORDER BY r.id, d.target LIMIT $3"""
DELIVERIES = f"{_LISTED} FROM {_JOINED} WHERE r.account = $1 AND r.id = $2 ORDER BY d.target"
COUNT_FAILED = f"""
SELECT count(*) FROM deliveries WHERE account = $1 AND status <> 0 AND status = {int(DeliveryStatus.FAILED)}"""  # noqa: S608
_STORED = "id, chat, kind, uid, created, seq, body"
REPORT = f"SELECT {_STORED} FROM reports WHERE account = $1 AND id = $2"  # noqa: S608
PUBLISHED_REPORT = f"SELECT {_STORED} FROM reports WHERE account = $1 AND seq = $2 AND seq <> 0"  # noqa: S608
CHATS = f"""
SELECT {_STORED} FROM reports WHERE account = $1 AND seq <> 0 AND seq IN (
    SELECT max(seq) FROM reports WHERE account = $1 AND chat <> '' AND seq <> 0
    GROUP BY chat ORDER BY max(seq) DESC LIMIT $2)
ORDER BY seq DESC"""  # noqa: S608
LOG = f"SELECT {_STORED} FROM reports WHERE account = $1 AND seq < $2 AND seq <> 0 ORDER BY seq DESC LIMIT $3"  # noqa: S608
# Bodies beyond the size of a page are not read: `before` is the size of those that come first.
_MESSAGES = """
SELECT seq, CASE WHEN before < $4 THEN body ELSE '' END AS body, before FROM (
    SELECT seq, body, (sum(length(body)) OVER (ORDER BY seq DESC))::bigint - length(body) AS before FROM (
        SELECT seq, {body} AS body FROM reports WHERE account = $1 AND seq < $2 AND seq <> 0 {more}
        ORDER BY seq DESC LIMIT $3) newest) counted
ORDER BY seq DESC"""
MESSAGES = _MESSAGES.format(
    body="CASE WHEN kind IN ('receive_message', 'send_message') THEN body ELSE '' END", more=""
)
MESSAGES_OF_CHAT = _MESSAGES.format(body="body", more="AND chat <> '' AND chat = $5")
PUBLISHED = """
SELECT seq AS id, kind, uid, created, attachment, body FROM (
    SELECT *, (sum(length(body)) OVER (ORDER BY seq))::bigint - length(body) AS before FROM (
        SELECT seq, kind, uid, created, attachment, body FROM reports WHERE account = $1 AND seq > $2 AND seq <> 0
        ORDER BY seq LIMIT $3) next) counted
WHERE before < greatest($4::bigint, 1) ORDER BY seq"""
PRUNED_TO = "SELECT pruned FROM accounts WHERE account = $1"
NEWEST = "SELECT coalesce(max(seq), 0) FROM reports WHERE account = $1 AND seq <> 0"
BODIES = "SELECT id, body FROM reports WHERE account = $1 AND id = ANY ($2::bigint[])"
BODY_OF = "SELECT body FROM reports WHERE account = $1 AND dedupe = $2"
# Reports that ended before the period are not read, since `ended` is never before `created`.
COUNTS = f"""
WITH recent AS (
    SELECT kind, body FROM reports
    WHERE account = $1 AND status <> 0 AND status IN (1, 2, 3) AND ended > $2 AND created > $2
    UNION ALL SELECT kind, body FROM reports WHERE account = $1 AND status = 0 AND created > $2),
over AS (SELECT status FROM deliveries WHERE account = $1 AND status <> 0 AND status IN (1, 2) AND ended > $2)
SELECT (SELECT count(*) FROM recent WHERE kind = 'receive_message') AS received,
(SELECT count(*) FROM recent WHERE kind = 'send_message' AND position($3::bytea IN body) > 0) AS sent,
(SELECT count(*) FROM over WHERE status = 1) AS delivered, (SELECT count(*) FROM over WHERE status = 2) AS failed,
(SELECT count(*) FROM {_PENDING}) AS waiting"""  # noqa: S608 - ours
SENDS = """
SELECT id, account, uid, report_id, target, part, created, attachment, body FROM sends WHERE account = $1 ORDER BY id"""
UNFINISHED = """
SELECT (SELECT count(*) FROM reports WHERE account = $1 AND status = 0),
(SELECT count(*) FROM sends WHERE account = $1)"""
STATE = "SELECT key, value FROM state WHERE account = $1"
MEDIA = "SELECT value FROM media WHERE account = $1 AND key = $2"
# `!` follows the space, which separates a call's key from what is written under it.
KEYS_OF = (
    "SELECT key, value FROM keys WHERE account = $1 AND key >= $2 AND key < $2 || '\\x21'::bytea"
)
FILES = """
SELECT attachment FROM reports WHERE account = $1 AND status = 0 AND attachment <> ''
UNION SELECT attachment FROM sends WHERE account = $1 AND attachment <> ''"""
SIZE = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"""
ACCOUNTS = "SELECT account, wanted, settings, origin FROM accounts WHERE settings IS NOT NULL ORDER BY account"

# -- asked on the connection that writes -------------------------------------------------------------

TERMS = """
SELECT account, epoch, unit, ruled_out, last_report FROM accounts
WHERE account = ANY ($1::text[]) AND incarnation = $2"""
STORED_REPORTS = """
SELECT account, id FROM unnest($1::text[], $2::bigint[]) AS q (account, id) JOIN reports r USING (account, id)"""
STORED_SENDS = """
SELECT account, id FROM unnest($1::text[], $2::bigint[]) AS q (account, id) JOIN sends s USING (account, id)"""
CHANGED = f"""
SELECT {_FIELDS}, d.created, d.tries, ARRAY[{_TARGET}] AS targets, d.status = 0 AS is_pending FROM {_JOINED}
WHERE d.account = $1 AND d.report_id = ANY ($3::bigint[]) AND d.unit = $2"""  # noqa: S608 - ours
COMMIT_SOMETHING = "SELECT pg_logical_emit_message(true, 'openwx', repeat('x', $1))"
PRUNE = "SELECT prune_1($1, $2, $3, $4, $5, $6)"
PRUNABLE = f"SELECT account FROM accounts a WHERE {NO_OTHER_OWNS} ORDER BY account"  # noqa: S608 - ours
PRUNE_OLD = {
    table: f"""
DELETE FROM {table} WHERE (account, key) IN (
    SELECT v.account, v.key FROM {table} v JOIN accounts a ON a.account = v.account AND {NO_OTHER_OWNS}
    WHERE v.created < $2 ORDER BY v.created LIMIT $3 FOR UPDATE OF v SKIP LOCKED) RETURNING 1"""  # noqa: S608 - ours
    for table in ("media", "keys")
}


Row = Any
"""A row, whose values are found by name and in their order."""

_TEXTS = {"chat", "uid", "dedupe", "attachment", "error", "target"}
"""Fields that are text in records, and bytes in tables."""


def _named(row: Row, names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name].decode() if name in _TEXTS else row[name] for name in names}


def report_of(row: Row) -> Report:
    values = _named(row, Report.__struct_fields__)
    targets = tuple(bytes.fromhex(target).decode() for target in values["targets"])
    return Report(**values | {"targets": targets})


def changed_of(row: Row) -> tuple[DeliveryKey, bool, Report]:
    report = report_of(row)
    return DeliveryKey(report.id, report.targets[0]), row["is_pending"], report


def send_of(row: Row) -> Send:
    return Send(**_named(row, Send.__struct_fields__))


def listed_delivery_of(row: Row) -> ListedDelivery:
    return ListedDelivery(**_named(row, ListedDelivery.__struct_fields__))


def stored_report_of(row: Row) -> StoredReport:
    return StoredReport(**_named(row, StoredReport.__struct_fields__))


def counts_of(row: Row) -> Counts:
    return Counts(**_named(row, Counts.__struct_fields__))


def report_page_of(found: Sequence[Row], pruned: int, rows: int, size: int) -> ReportPage:
    reports = [PublishedReport(**_named(row, PublishedReport.__struct_fields__)) for row in found]
    is_full = sum(len(report.body) for report in reports) >= size
    return ReportPage(reports, pruned, more=is_full or len(reports) == rows)


def message_page_of(found: Sequence[Row], before: int, rows: int, size: int) -> MessagePage:
    """Make a page of rows, one more than it may have so that it is known whether there are more."""
    page = [row for row in found[:rows] if row["before"] < size]
    end = page[-1]["seq"] if page else before
    messages = [(row["seq"], row["body"]) for row in page if row["body"]]
    return MessagePage(messages, end, more=len(page) < len(found))
