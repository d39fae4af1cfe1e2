#include "schema.h"

/*
 * What cannot be recomputed from the messages is complete here: identities,
 * digests and salts, clocks, erasures, epochs, provenance, outcomes.  ids and
 * shapes can be rebuilt.
 *
 * message.id, causation, correlation: a UUID in canonical form as 16 bytes,
 * else text.  NULL means: causation, correlation: the message's own id;
 * created_at: stored_at (else microseconds, or text that does not print as
 * microseconds do); metadata: {}; identity: payload stands as it came in.
 *
 * ids.position: negative when the id is reserved by the es.scheduled message
 * at -position.
 */
const char schema_tables[] =
"create table meta(name text primary key, value) without rowid;"
"create table epoch("
"  number integer primary key, id text not null, parent text,"
"  branched_at integer not null, started_at integer not null);"
"create table type(id integer primary key, name text not null);"
"create table shape(id integer primary key, type integer not null,"
"  names blob not null);"
"create table message("
"  position integer primary key, type integer not null,"
"  shape integer not null, kind integer not null,"
"  version integer not null, id not null, tags text,"
"  payload text not null, metadata text, causation, correlation,"
"  created_at, stored_at integer not null, erased_at integer,"
"  salt blob, digest blob, identity blob);"
"create table ids(id primary key, position integer not null) without rowid;"
"create table handler("
"  id integer primary key, name text not null, hash blob not null,"
"  definition text not null, unique(name, hash, definition));"
"create table provenance("
"  id integer primary key, handled integer not null,"
"  handler integer not null, read_at integer not null, partition text,"
"  attempt integer not null, first integer, last integer);"
"create index provenance_first on provenance(first)"
"  where first is not null;"
"create table outcome("
"  command integer primary key, result integer not null,"
"  provenance integer);"
"create table consumer("
"  name text primary key, definition text not null,"
"  state text not null, error text, code integer not null default 0,"
"  hash blob, start integer not null, react_from integer not null)"
"  without rowid;"
"create table shard("
"  name text not null, shard integer not null,"
"  position integer not null, owner integer, epoch integer not null,"
"  primary key(name, shard)) without rowid;"
"create table done("
"  name text not null, shard integer not null, position integer not null,"
"  primary key(name, shard, position)) without rowid;"
"create table failing("
"  name text not null, partition text not null, shard integer not null,"
"  position integer not null, attempt integer not null,"
"  retry_at integer not null, parked integer not null,"
"  reason text not null, primary key(name, partition)) without rowid;";

#define UUID(c) \
"case typeof(" c ") when 'blob' then lower(" \
"substr(hex(" c "),1,8)||'-'||substr(hex(" c "),9,4)||'-'||" \
"substr(hex(" c "),13,4)||'-'||substr(hex(" c "),17,4)||'-'||" \
"substr(hex(" c "),21)) else " c " end"

#define TIME(c) \
"strftime('%Y-%m-%dT%H:%M:%S'," c "/1000000,'unixepoch')||" \
"printf('.%06dZ'," c "%1000000)"

const char schema_view[] =
"create view messages as select m.position,"
UUID("m.id") " as id,"
"case m.kind when 2 then 'command' else 'event' end as kind,"
"t.name as type, m.version, m.tags, m.payload,"
"coalesce(m.metadata,'{}') as metadata,"
UUID("coalesce(m.causation,m.id)") " as causation_id,"
UUID("coalesce(m.correlation,m.id)") " as correlation_id,"
"case typeof(m.created_at) when 'text' then m.created_at when 'null' then "
TIME("m.stored_at") " else " TIME("m.created_at") " end as created_at,"
TIME("m.stored_at") " as stored_at,"
"case when m.erased_at is not null then " TIME("m.erased_at")
" end as erased_at "
"from message m join type t on t.id = m.type;";
