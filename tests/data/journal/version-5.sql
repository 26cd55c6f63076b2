PRAGMA auto_vacuum = INCREMENTAL;
BEGIN TRANSACTION;
CREATE TABLE forgotten (account TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "forgotten" VALUES('me',4);
CREATE TABLE keys (
    account TEXT NOT NULL, key TEXT NOT NULL, created REAL NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (account, key)) WITHOUT ROWID;
INSERT INTO "keys" VALUES('me','k1',1000.0,X'7265636F7264');
CREATE TABLE media (
    account TEXT NOT NULL, key TEXT NOT NULL, created REAL NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (account, key)) WITHOUT ROWID;
INSERT INTO "media" VALUES('me','m1',1000.0,X'6B6E6F776E');
CREATE TABLE sends (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, uid TEXT NOT NULL UNIQUE,
    upload_id INTEGER, part INTEGER NOT NULL, created REAL NOT NULL, body BLOB NOT NULL, attachment TEXT NOT NULL DEFAULT '',
    UNIQUE (upload_id, part));
INSERT INTO "sends" VALUES(1,'me','s1',NULL,0,1000.0,X'7B7D','');
INSERT INTO "sends" VALUES(2,'me','s2',2,0,1000.0,X'7B7D','/f.png');
CREATE TABLE state (
    account TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (account, key)) WITHOUT ROWID;
INSERT INTO "state" VALUES('me','session',X'7361766564');
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL, chat TEXT NOT NULL, kind TEXT NOT NULL, uid TEXT NOT NULL, dedupe TEXT,
    created REAL NOT NULL, fate INTEGER NOT NULL, settled REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', reply_to BLOB NOT NULL, body BLOB NOT NULL, media BLOB NOT NULL DEFAULT x'', attachment TEXT NOT NULL DEFAULT '', seq INTEGER NOT NULL DEFAULT 0);
INSERT INTO "uploads" VALUES(2,'me','a','receive_message','u2','d2',1000.0,0,0.0,1,0,'',X'746F',X'7B226E223A327D',X'','',2);
INSERT INTO "uploads" VALUES(3,'me','b','receive_message','u3',NULL,1000.0,2,1000.0,0,500,'no',X'',X'7B226E223A337D',X'','',3);
INSERT INTO "uploads" VALUES(5,'me','c','receive_message','u5',NULL,1000.0,0,0.0,0,0,'',X'',X'7B226E223A357D',X'726566','',0);
INSERT INTO "uploads" VALUES(6,'me','c','receive_message','u6',NULL,1000.0,0,0.0,0,0,'',X'',X'7B226E223A367D',X'','',0);
INSERT INTO "uploads" VALUES(7,'me','a','receive_message','u7',NULL,1000.0,1,1000.0,0,0,'',X'',X'7B226E223A377D',X'','',7);
CREATE UNIQUE INDEX uploads_dedupe ON uploads (account, dedupe) WHERE dedupe IS NOT NULL;
CREATE INDEX uploads_pending ON uploads (account, id, chat) WHERE fate = 0;
CREATE INDEX uploads_settled ON uploads (account, fate, settled) WHERE fate != 0;
CREATE INDEX sends_account ON sends (account, id);
CREATE INDEX uploads_incomplete ON uploads (account, chat, id) WHERE fate = 0 AND media != x'';
CREATE INDEX media_created ON media (created);
CREATE INDEX keys_created ON keys (created);
CREATE INDEX uploads_seq ON uploads (account, seq);
CREATE INDEX uploads_hidden ON uploads (account, chat, id) WHERE seq = 0;
CREATE INDEX uploads_chat ON uploads (account, chat, seq) WHERE chat != '';
COMMIT;
PRAGMA user_version = 5;
