# shellcheck shell=bash
#
# What the tests of es-check share.

# An app's store with a bit of everything, in this directory and as one file:
# whole.db, with whole.ndjson.
rich_store() {
    cat >messages.json <<'JSON'
{"loans.lend": {"kind": "command", "keys": ["book_id", "member_id"],
   "payload": {"book_id": "string", "member_id": "string",
     "days": {"type": "integer", "default": 14}}},
 "loans.lent": {"payload": {"book_id": "string", "member_id": "string",
     "days": "integer"}}}
JSON
    cat >loans.jq <<'JQ'
def about: {partition_by: ["book_id"]};
def initial: {lent: false};
def evolve($e): apply($e; "loans.lent"; .lent = true);
def decide($c): on($c; "loans.lend";
    require(.lent | not; "is lent already") | event("loans.lent"; $c.payload));
JQ
    # shellcheck disable=SC2016 # another shell's
    printf '#!/bin/sh\n# es: on loans.lent\n# es: retries 0\n%s\n%s\n' \
        '# es: partition_by book_id' \
        'case $(cat) in *b2*) exit 3 ;; esac' >remind
    chmod +x remind
    es-init
    es-append -q -t notes.taken --id first -g topic:roofs text=one
    es-init -m messages.json
    es-react -q loans.jq ./remind
    es-append -q -t loans.lend --id lend1 book_id=b1 member_id=m1
    es-append -q -t loans.lend --id lend2 book_id=b2 member_id=m1 days=7
    es-append -q -t loans.lend --id lend3 book_id=b1 member_id=m2
    es-react -q loans.jq ./remind || true
    es-append -q -t notes.taken -g topic:roofs --meta by=me text=two
    es-append -q -t notes.taken --id gone -g topic:doors text=forgotten
    es-erase gone
    sqlite3 es.db "vacuum into 'whole.db'"
    es-query >whole.ndjson
}
