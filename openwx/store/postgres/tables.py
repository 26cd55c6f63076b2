"""The tables of version 1.

Texts other than names of accounts and kinds are ``bytea``: PostgreSQL's ``text`` refuses NUL. Names are
``COLLATE "C"``: their order is that of their bytes. Bodies are not compressed, since media in them does not shrink, and
a large one is not read where only its length is asked for. Columns that each batch changes have no index, and their
tables have room in each page, so that these updates stay within it (HOT).
"""

# `nodes` are the processes that are members; `accounts` has the owner and the term of each account, the number of the
# last unit that was written in it, that of the last one that was ruled out, and the highest ids. `settings` is NULL
# where an account has a term but no record. `edit` counts the changes by whoever need not own what they change: a late
# duplicate of an older one has no effect. `nodes.draining` ends with the membership; `drains` are what operators said
# of nodes by name, and outlast it.
OWNERSHIP = """
CREATE TABLE nodes (
    incarnation uuid PRIMARY KEY, node text NOT NULL UNIQUE, home uuid NOT NULL UNIQUE, url text NOT NULL,
    version text NOT NULL, beat bigint NOT NULL DEFAULT 0, draining boolean NOT NULL DEFAULT false,
    max_clients integer NOT NULL, lease double precision NOT NULL, proof text NOT NULL DEFAULT '')
    WITH (fillfactor = 50);
CREATE TABLE drains (node text PRIMARY KEY, draining boolean NOT NULL, edit bigint NOT NULL);
CREATE TABLE accounts (
    account text COLLATE "C" PRIMARY KEY, wanted boolean NOT NULL DEFAULT false, settings bytea,
    origin text NOT NULL DEFAULT 'config', incarnation uuid, epoch bigint NOT NULL DEFAULT 0,
    unit bigint NOT NULL DEFAULT 0, ruled_out bigint NOT NULL DEFAULT 0, next text,
    last_report bigint NOT NULL DEFAULT 0, last_send bigint NOT NULL DEFAULT 0, pruned bigint NOT NULL DEFAULT 0,
    edit bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
"""

# `status` is a `DeliveryStatus`, 0 while one delivery is pending; `seq` is 0 while a report is held. `deliveries.unit`
# is the unit that retried or dropped it.
REPORTS = """
CREATE TABLE reports (
    account text COLLATE "C" NOT NULL, id bigint NOT NULL, chat bytea NOT NULL, kind text NOT NULL,
    uid bytea NOT NULL, dedupe bytea, created double precision NOT NULL, status smallint NOT NULL,
    ended double precision NOT NULL, seq bigint NOT NULL, reply_to bytea NOT NULL,
    media bytea NOT NULL, attachment bytea NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (account, id)) WITH (fillfactor = 80);
ALTER TABLE reports ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX reports_dedupe ON reports (account, dedupe) WHERE dedupe IS NOT NULL;
CREATE INDEX reports_pending ON reports (account, id) WHERE status = 0;
CREATE INDEX reports_incomplete ON reports (account, chat, id) WHERE status = 0 AND media <> '';
CREATE INDEX reports_ended ON reports (account, status, ended, id) WHERE status <> 0;
CREATE INDEX reports_seq ON reports (account, seq) WHERE seq <> 0;
CREATE INDEX reports_hidden ON reports (account, chat, id) WHERE seq = 0;
CREATE INDEX reports_chat ON reports (account, chat, seq) WHERE chat <> '' AND seq <> 0;
CREATE TABLE deliveries (
    account text COLLATE "C" NOT NULL, report_id bigint NOT NULL, target bytea NOT NULL,
    created double precision NOT NULL, status smallint NOT NULL DEFAULT 0,
    ended double precision NOT NULL DEFAULT 0, tries integer NOT NULL DEFAULT 0,
    http_status integer NOT NULL DEFAULT 0, error bytea NOT NULL DEFAULT '',
    unit bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account, report_id, target)) WITH (fillfactor = 80);
CREATE INDEX deliveries_ended ON deliveries (account, status, ended, report_id) WHERE status <> 0;
CREATE TABLE sends (
    account text COLLATE "C" NOT NULL, id bigint NOT NULL, uid bytea NOT NULL, report_id bigint,
    target bytea NOT NULL, part integer NOT NULL, created double precision NOT NULL,
    attachment bytea NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (account, id), UNIQUE (account, uid), UNIQUE (account, report_id, target, part));
ALTER TABLE sends ALTER COLUMN body SET STORAGE EXTERNAL;
"""

VALUES = """
CREATE TABLE state (
    account text COLLATE "C" NOT NULL, key bytea NOT NULL, value bytea NOT NULL,
    PRIMARY KEY (account, key)) WITH (fillfactor = 50);
CREATE TABLE media (
    account text COLLATE "C" NOT NULL, key bytea NOT NULL, created double precision NOT NULL,
    value bytea NOT NULL, PRIMARY KEY (account, key));
CREATE INDEX media_created ON media (created);
CREATE TABLE keys (
    account text COLLATE "C" NOT NULL, key bytea NOT NULL, created double precision NOT NULL,
    value bytea NOT NULL, PRIMARY KEY (account, key));
CREATE INDEX keys_created ON keys (created);
"""

# Logins to the console: `digest` is that of a cookie, `until` the end, in Unix time.
VISITS = """
CREATE TABLE visits (
    digest bytea PRIMARY KEY, key bytea NOT NULL, proof bytea NOT NULL, until double precision NOT NULL);
"""
