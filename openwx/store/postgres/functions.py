"""The functions of version 1: all that changes a journal is a call of one of them, so it is one message to the server.
``schema`` creates them.

Each is committed by itself, so no transaction is ever open between two messages. Its statements see what those before
them did, as they must: a report may be stored, answered and ended by one group. They are named by version, because
the version before goes on calling its own after a migration.
"""

from openwx.store.records import MAX_STORED_BODY, DeliveryStatus

FENCED = "OW001"
"""The SQLSTATE of a write whose account has another owner or term, or whose unit was written before."""

_DELIVERED, _FAILED, _DROPPED = map(
    int, (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.DROPPED)
)

TYPES = """
CREATE TYPE term_1 AS (account text, epoch bigint, unit bigint, last_report bigint, last_send bigint);
CREATE TYPE report_1 AS (
    account text, id bigint, chat bytea, kind text, uid bytea, dedupe bytea, status smallint, ended double precision,
    reply_to bytea, media bytea, attachment bytea, body bytea);
CREATE TYPE delivery_1 AS (account text, report_id bigint, target bytea);
CREATE TYPE send_1 AS (
    account text, id bigint, uid bytea, report_id bigint, target bytea, part integer, attachment bytea, body bytea);
CREATE TYPE completed_1 AS (account text, id bigint, body bytea, attachment bytea, status smallint);
CREATE TYPE named_1 AS (account text, name bytea);
CREATE TYPE value_1 AS (account text, name bytea, value bytea);
CREATE TYPE tries_1 AS (account text, report_id bigint, target bytea, tries integer);
CREATE TYPE outcome_1 AS (
    account text, report_id bigint, target bytea, status smallint, http_status integer, error bytea, tries integer);
"""

# A report ends with its last delivery. A large body stays only while it can be sent again.
END_REPORTS = f"""
CREATE FUNCTION end_reports_1(given delivery_1[], instant double precision) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    q record;
BEGIN
FOR q IN SELECT DISTINCT account, report_id FROM unnest(given) LOOP
    UPDATE reports r SET ended = instant, status = s.status,
        body = CASE WHEN length(r.body) > {MAX_STORED_BODY} AND s.status <> {_FAILED} THEN '' ELSE r.body END
    FROM (
        SELECT bool_or(d.status = 0) AS is_pending, CASE WHEN bool_or(d.status = {_FAILED}) THEN {_FAILED}
            WHEN bool_or(d.status = {_DELIVERED}) THEN {_DELIVERED} ELSE {_DROPPED} END AS status
        FROM deliveries d WHERE d.account = q.account AND d.report_id = q.report_id) s
    WHERE r.account = q.account AND r.id = q.report_id AND r.status = 0 AND r.media = '' AND NOT s.is_pending;
END LOOP;
END
$$;
"""  # noqa: S608 - ours

# The fence: of each account that is written for, this process has the term that it claimed, and the unit is a new one.
_IN_THESE_TERMS = f"""\
    FROM (SELECT * FROM unnest(terms) ORDER BY account) q
    WHERE a.account = q.account AND a.incarnation = me AND a.epoch = q.epoch AND a.unit < q.unit;
    GET DIAGNOSTICS counted = ROW_COUNT;
    IF counted <> cardinality(terms) THEN
        RAISE EXCEPTION 'another owner, another term, or written before' USING ERRCODE = '{FENCED}';
    END IF;"""  # noqa: S608 - ours

# Rows that exist are changed one by one, each found by its key. In one statement for all of them, the planner would
# read all that waits for each of them: it plans when little waits, and keeps the plan when much does.
#
# `seq` numbers reports in the order of their publication: by their id, if nothing before them in their chat is held
# back for its media; else it is 0 until a `completed` of their chat. So no report is ever published below a number that
# a reader saw. A reply is stored only while its delivery is pending: the batch that ends the delivery stores its reply
# too, so no second attempt can store it again, not even after the first reply was sent and its row deleted.
WRITE = f"""
CREATE FUNCTION write_1(
    me uuid, instant double precision, terms term_1[], new_reports report_1[], new_deliveries delivery_1[],
    new_sends send_1[], completed completed_1[], new_targets delivery_1[], rewritten value_1[], finished named_1[],
    failed_tries tries_1[], outcomes outcome_1[], retried delivery_1[], dropped delivery_1[], state_set value_1[],
    state_gone named_1[], media_set value_1[], keys_set value_1[],
    OUT reports_stored integer, OUT sends_stored integer, OUT last_reports bigint[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    counted integer;
    sent named_1;
    body_of_send value_1;
    tried tries_1;
    outcome outcome_1;
BEGIN
    UPDATE accounts a SET unit = q.unit, last_report = greatest(a.last_report, q.last_report),
        last_send = greatest(a.last_send, q.last_send)
{_IN_THESE_TERMS}
    reports_stored := 0;
    sends_stored := 0;
    IF cardinality(new_reports) > 0 THEN
        INSERT INTO reports (account, id, chat, kind, uid, dedupe, created, status, ended, seq, reply_to, media,
            attachment, body)
        SELECT q.account, q.id, q.chat, q.kind, q.uid, q.dedupe, instant, q.status, q.ended,
            CASE WHEN q.media <> '' OR EXISTS (SELECT FROM reports h
                WHERE h.account = q.account AND h.chat = q.chat AND h.seq = 0) THEN 0 ELSE q.id END,
            q.reply_to, q.media, q.attachment, q.body
        FROM unnest(new_reports) q ON CONFLICT (account, dedupe) WHERE dedupe IS NOT NULL DO NOTHING;
        GET DIAGNOSTICS reports_stored = ROW_COUNT;
        IF EXISTS (SELECT FROM unnest(new_reports) q WHERE q.media <> '') THEN
            UPDATE reports r SET seq = 0 FROM unnest(new_reports) q
            WHERE r.account = q.account AND r.id = q.id AND r.seq <> 0 AND EXISTS (SELECT FROM reports h
                WHERE h.account = r.account AND h.chat = r.chat AND h.seq = 0 AND h.id < r.id);
        END IF;
        INSERT INTO deliveries (account, report_id, target, created)
        SELECT q.account, q.report_id, q.target, instant FROM unnest(new_deliveries) q
        WHERE reports_stored = cardinality(new_reports)
            OR EXISTS (SELECT FROM reports r WHERE r.account = q.account AND r.id = q.report_id);
    END IF;
    IF cardinality(new_sends) > 0 THEN
        INSERT INTO sends (account, id, uid, report_id, target, part, created, attachment, body)
        SELECT q.account, q.id, q.uid, q.report_id, q.target, q.part, instant, q.attachment, q.body
        FROM unnest(new_sends) q WHERE q.report_id IS NULL OR EXISTS (SELECT FROM deliveries d
            WHERE d.account = q.account AND d.report_id = q.report_id AND d.target = q.target AND d.status = 0)
        ON CONFLICT (account, report_id, target, part) DO NOTHING;
        GET DIAGNOSTICS sends_stored = ROW_COUNT;
    END IF;
    IF cardinality(completed) > 0 THEN
        DELETE FROM deliveries d USING unnest(completed) q, reports r
        WHERE d.account = q.account AND d.report_id = q.id AND r.account = q.account AND r.id = q.id
            AND r.status = 0 AND r.media <> '';
        INSERT INTO deliveries (account, report_id, target, created)
        SELECT q.account, q.report_id, q.target, instant FROM unnest(new_targets) q JOIN reports r
            ON r.account = q.account AND r.id = q.report_id AND r.status = 0 AND r.media <> '';
        UPDATE reports r SET media = '', body = q.body, attachment = q.attachment, status = q.status,
            ended = CASE WHEN q.status = 0 THEN 0 ELSE instant END
        FROM unnest(completed) q WHERE r.account = q.account AND r.id = q.id AND r.status = 0 AND r.media <> '';
        WITH free AS (
            SELECT r.account, r.id, row_number() OVER (PARTITION BY r.account ORDER BY r.id) AS n FROM reports r
            WHERE r.account IN (SELECT q.account FROM unnest(completed) q) AND r.seq = 0
                AND NOT EXISTS (SELECT FROM reports h WHERE h.account = r.account AND h.chat = r.chat
                    AND h.status = 0 AND h.media <> '' AND h.id <= r.id)),
        numbered AS (
            UPDATE reports r SET seq = a.last_report + free.n FROM free JOIN accounts a USING (account)
            WHERE r.account = free.account AND r.id = free.id RETURNING r.account, r.seq)
        UPDATE accounts a SET last_report = n.seq
        FROM (SELECT account, max(seq) AS seq FROM numbered GROUP BY account) n WHERE a.account = n.account;
    END IF;
    FOREACH body_of_send IN ARRAY rewritten LOOP
        UPDATE sends SET body = body_of_send.value
        WHERE account = body_of_send.account AND uid = body_of_send.name;
    END LOOP;
    FOREACH sent IN ARRAY finished LOOP
        DELETE FROM sends WHERE account = sent.account AND uid = sent.name;
    END LOOP;
    FOREACH tried IN ARRAY failed_tries LOOP
        UPDATE deliveries SET tries = tries + tried.tries
        WHERE account = tried.account AND report_id = tried.report_id AND target = tried.target AND status = 0;
    END LOOP;
    IF cardinality(outcomes) > 0 THEN
        FOREACH outcome IN ARRAY outcomes LOOP
            UPDATE deliveries SET status = outcome.status, http_status = outcome.http_status, error = outcome.error,
                ended = instant, tries = greatest(tries, outcome.tries)
            WHERE account = outcome.account AND report_id = outcome.report_id AND target = outcome.target
                AND status = 0;
        END LOOP;
        PERFORM end_reports_1(
            array(SELECT (q.account, q.report_id, q.target)::delivery_1 FROM unnest(outcomes) q), instant);
    END IF;
    IF cardinality(retried) > 0 THEN
        UPDATE deliveries d SET status = 0, http_status = 0, error = '', ended = 0, tries = 0, created = instant,
            unit = t.unit
        FROM unnest(retried) q JOIN unnest(terms) t ON t.account = q.account
        WHERE d.account = q.account AND d.report_id = q.report_id AND d.target = q.target AND d.status = {_FAILED};
        UPDATE reports r SET status = 0, ended = 0 FROM unnest(retried) q
        WHERE r.account = q.account AND r.id = q.report_id AND r.status <> 0 AND EXISTS (SELECT FROM deliveries d
            WHERE d.account = q.account AND d.report_id = q.report_id AND d.status = 0);
    END IF;
    IF cardinality(dropped) > 0 THEN
        UPDATE deliveries d SET status = {_DROPPED}, ended = instant, unit = t.unit
        FROM unnest(dropped) q JOIN unnest(terms) t ON t.account = q.account
        WHERE d.account = q.account AND d.report_id = q.report_id AND d.target = q.target AND d.status = {_FAILED};
        UPDATE reports r SET status = 0, ended = 0 FROM unnest(dropped) q
        WHERE r.account = q.account AND r.id = q.report_id AND r.status = {_FAILED} AND EXISTS (SELECT FROM deliveries d
            WHERE d.account = q.account AND d.report_id = q.report_id AND d.ended = instant AND d.status = {_DROPPED});
        PERFORM end_reports_1(dropped, instant);
    END IF;
    IF cardinality(state_set) > 0 THEN
        INSERT INTO state AS v (account, key, value) SELECT q.account, q.name, q.value FROM unnest(state_set) q
        ON CONFLICT (account, key) DO UPDATE SET value = excluded.value;
    END IF;
    IF cardinality(state_gone) > 0 THEN
        DELETE FROM state v USING unnest(state_gone) q WHERE v.account = q.account AND v.key = q.name;
    END IF;
    IF cardinality(media_set) > 0 THEN
        INSERT INTO media AS v (account, key, created, value)
        SELECT q.account, q.name, instant, q.value FROM unnest(media_set) q
        ON CONFLICT (account, key) DO UPDATE SET created = excluded.created, value = excluded.value;
    END IF;
    IF cardinality(keys_set) > 0 THEN
        INSERT INTO keys AS v (account, key, created, value)
        SELECT q.account, q.name, instant, q.value FROM unnest(keys_set) q
        ON CONFLICT (account, key) DO UPDATE SET value = excluded.value;
    END IF;
    IF cardinality(completed) > 0 THEN
        last_reports := array(SELECT a.last_report FROM unnest(terms) WITH ORDINALITY AS t
            JOIN accounts a ON a.account = t.account ORDER BY t.ordinality);
    END IF;
END
$$;
"""  # noqa: S608 - ours

# Instead of a group that was refused after a lost answer: it uses up the group's units, so that the group can never be
# written any more, and marks them, so that nobody takes it for written.
RULE_OUT = f"""
CREATE FUNCTION rule_out_1(me uuid, terms term_1[]) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    counted integer;
BEGIN
    UPDATE accounts a SET unit = q.unit, ruled_out = q.unit
{_IN_THESE_TERMS}
END
$$;
"""  # noqa: S608 - ours

# Of an account that no other member owns. The newest rows stay, by both numbers, as readers ask for the newest number.
PRUNE = f"""
CREATE FUNCTION prune_1(
    me uuid, whose text, of_status smallint, before double precision, keep bigint, slice integer)
RETURNS integer LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    last_ended double precision;
    last_id bigint;
    gone bigint[];
BEGIN
    PERFORM FROM accounts a WHERE account = whose
        AND NOT EXISTS (SELECT FROM nodes n WHERE n.incarnation = a.incarnation AND n.incarnation <> me)
    FOR NO KEY UPDATE OF a;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another owner' USING ERRCODE = '{FENCED}';
    END IF;
    SELECT ended, id INTO last_ended, last_id FROM reports
    WHERE account = whose AND status = of_status AND status <> 0 ORDER BY ended DESC, id DESC LIMIT 1 OFFSET keep;
    IF last_ended IS NULL OR last_ended < before THEN
        last_ended := before;
        last_id := 0;
    END IF;
    gone := array(
        SELECT r.id FROM reports r
        WHERE r.account = whose AND r.status = of_status AND r.status <> 0 AND r.seq <> 0
            AND (r.ended, r.id) <= (last_ended, last_id)
            AND r.id < (SELECT max(id) FROM reports WHERE account = whose)
            AND r.seq < (SELECT max(seq) FROM reports WHERE account = whose AND seq <> 0)
        ORDER BY r.ended, r.id LIMIT slice);
    UPDATE accounts SET pruned = greatest(pruned,
        (SELECT max(seq) FROM reports WHERE account = whose AND id = ANY (gone)))
    WHERE account = whose AND gone <> '{{}}';
    DELETE FROM deliveries WHERE account = whose AND report_id = ANY (gone);
    DELETE FROM reports WHERE account = whose AND id = ANY (gone);
    RETURN cardinality(gone);
END
$$;
"""  # noqa: S608 - ours

ALL = TYPES + END_REPORTS + WRITE + RULE_OUT + PRUNE
