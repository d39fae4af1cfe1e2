#!/usr/bin/env bats
#
# es-project: what evolve makes of the messages; the read model's file, its
# generations and its offset; what stops it and what does not.
#
# shellcheck disable=SC2016,SC2154 # jq has variables; pid is set by start

load helper
load es-project

# One name: a campaign with what it has brought in.
campaigns() {
    cat >campaigns.jq <<'JQ'
def about: {partition_by: ["campaign_id"]};
def initial: {name: null, total: 0};
def evolve($e):
    apply($e; "campaigns.created"; .name = $e.payload.name)
  | apply($e; "campaigns.closed"; .closed = true)
  | apply($e; "donations.paid"; .total += $e.payload.amount);
JQ
}

# Two names: a donation, with what it is told of its campaign.
donations() {
    cat >donations.jq <<'JQ'
def about: {partition_by: ["campaign_id", "donation_id"]};
def initial: {campaign: null, seen: []};
def evolve($e):
    apply($e; "campaigns."; .campaign = $e.payload.name | .seen += [$e.position])
  | apply($e; "donations."; .seen += [$e.position]);
JQ
}

# A counter for each value of NAME, in FILE.
counter() {
    printf 'def about: {partition_by: ["%s"]};\ndef initial: 0;\ndef evolve($e): apply($e; "things.seen"; . + 1);\n' \
        "$1" >"$2"
}

story() {
    es-init
    es-append -q -t campaigns.created campaign_id=c1 name=Roof
    es-append -q -t donations.paid campaign_id=c1 donation_id=d1 amount:=5
    es-append -q -t donations.paid campaign_id=c1 donation_id=d2 amount:=7
    es-append -q -t campaigns.created campaign_id=c2 name=Bell
}

# ---- what evolve makes ----

@test "a state for each value of the name" {
    campaigns
    story
    run --separate-stderr es-project campaigns.jq
    assert_success
    refute_output
    assert_stderr
    run --separate-stderr es-project --print campaigns.jq
    assert_success
    assert_stderr
    assert_output - <<'OUT'
{"key":{"campaign_id":"c1"},"state":{"name":"Roof","total":12},"position":3}
{"key":{"campaign_id":"c2"},"state":{"name":"Bell","total":0},"position":4}
OUT
}

@test "--print brings it up to date, -p chooses" {
    campaigns
    story
    run --separate-stderr es-project --print -p campaign_id=c2 campaigns.jq
    assert_success
    assert_output '{"key":{"campaign_id":"c2"},"state":{"name":"Bell","total":0},"position":4}'
    es-append -q -t campaigns.closed campaign_id=c2
    run --separate-stderr es-project --print -p campaign_id=c2 campaigns.jq
    assert_output '{"key":{"campaign_id":"c2"},"state":{"name":"Bell","total":0,"closed":true},"position":5}'
    run --separate-stderr es-project --print -p campaign_id=none campaigns.jq
    assert_success
    refute_output
    run --separate-stderr es-project --print -p donation_id=d1 campaigns.jq
    assert_failure 2
    assert_error_line es-project 'donation_id'
}

@test "a message with all names bears a state, which folds the earlier ones first" {
    donations
    story
    run --separate-stderr es-project --print donations.jq
    assert_success
    assert_output - <<'OUT'
{"key":{"campaign_id":"c1","donation_id":"d1"},"state":{"campaign":"Roof","seen":[1,2]},"position":2}
{"key":{"campaign_id":"c1","donation_id":"d2"},"state":{"campaign":"Roof","seen":[1,3]},"position":3}
OUT
}

@test "a message with some names updates every state that matches" {
    donations
    story
    es-project donations.jq
    es-append -q -t donations.paid campaign_id=c2 donation_id=d1
    es-append -q -t campaigns.renamed campaign_id=c1 name=Roofs
    es-append -q -t donations.renamed donation_id=d1
    run --separate-stderr es-project --print donations.jq
    assert_success
    assert_output - <<'OUT'
{"key":{"campaign_id":"c1","donation_id":"d1"},"state":{"campaign":"Roofs","seen":[1,2,6,7]},"position":7}
{"key":{"campaign_id":"c1","donation_id":"d2"},"state":{"campaign":"Roofs","seen":[1,3,6]},"position":6}
{"key":{"campaign_id":"c2","donation_id":"d1"},"state":{"campaign":"Bell","seen":[4,5,7]},"position":7}
OUT
    run --separate-stderr es-project --print -p donation_id=d1 -p campaign_id=c2 donations.jq
    assert_output '{"key":{"campaign_id":"c2","donation_id":"d1"},"state":{"campaign":"Bell","seen":[4,5,7]},"position":7}'
    run --separate-stderr es-project --print -p donation_id=d1 donations.jq
    assert_equal "${#lines[@]}" 2
}

@test "a message that carries no name is folded into nothing" {
    counter n n.jq
    es-init
    es-append -q -t things.seen other=1
    run --separate-stderr es-project --print n.jq
    assert_success
    refute_output
    assert_stderr
}

@test "without partition_by there is one state, and its key is {}" {
    printf 'def evolve($e): apply($e; "things.seen"; . + 1);\n' >all.jq
    es-init
    run --separate-stderr es-project --print all.jq
    assert_success
    refute_output
    es-append -q -t things.seen n=1
    es-append -q -t things.seen
    run --separate-stderr es-project --print all.jq
    assert_output '{"key":{},"state":2,"position":2}'
    run sqlite3 -readonly es.db.views/all.db 'select * from "all"'
    assert_output '2|2'
}

@test "of several values of one name the first counts" {
    counter n n.jq
    es-init
    es-append -q -t things.seen -g n:b -g n:a
    es-append -q -t things.seen n=b
    run --separate-stderr es-project --print n.jq
    assert_output - <<'OUT'
{"key":{"n":"a"},"state":1,"position":1}
{"key":{"n":"b"},"state":1,"position":2}
OUT
}

@test "values that are numbers, booleans, quotes, other scripts" {
    counter n n.jq
    es-init
    es-append -q -t things.seen n:=1
    es-append -q -t things.seen n=1
    es-append -q -t things.seen n:=true
    es-append -q -t things.seen n="it's \"so\" \\ 'x'"
    es-append -q -t things.seen n=$'two\nlines'
    es-append -q -t things.seen n='žluť 🔔'
    run --separate-stderr es-project --print n.jq
    assert_success
    assert_line '{"key":{"n":"1"},"state":2,"position":2}'
    assert_line '{"key":{"n":"true"},"state":1,"position":3}'
    assert_line '{"key":{"n":"it'\''s \"so\" \\ '\''x'\''"},"state":1,"position":4}'
    assert_line '{"key":{"n":"two\nlines"},"state":1,"position":5}'
    assert_line '{"key":{"n":"žluť 🔔"},"state":1,"position":6}'
    run --separate-stderr es-project --print -p n="it's \"so\" \\ 'x'" n.jq
    assert_equal "${#lines[@]}" 1
    run sqlite3 -readonly es.db.views/n.db "select n, state from n where position = 5"
    assert_output $'two\nlines|1'
}

@test "following, rebuilding and --given make the same of anything" {
    pairs
    es-init
    local i
    for i in 1 2 3 4 5 6; do
        noise $((i * i * 5)) $((i * 77 + 1)) >part
        es-append -q part
        es-project pairs.jq
    done
    es-project --print pairs.jq >followed
    assert_equal "$(wc -l <followed)" 20
    es-project --rebuild --print pairs.jq >rebuilt
    diff followed rebuilt
    es-query | es-project --given - pairs.jq >given
    diff followed given
    # What a reader of the partition gets, by another way.
    jq -c 'select(.key == {"a":"a1","b":"b2"}) | .state.at[]' followed >got
    es-query -t things.seen -p a=a1 -p b=b2 |
        jq -c 'select((.tags // []) as $t
            | [$t[] | select(startswith("b:"))] | sort | . == [] or .[0] == "b:b2")
            | .position' >want
    diff want got
}

# ---- the file ----

@test "the file has states and a view with the projector's name" {
    donations
    story
    es-project donations.jq
    run --separate-stderr es-project --path donations.jq
    assert_success
    assert_output es.db.views/donations.db
    assert_link_exist es.db.views/donations.db
    run sqlite3 -readonly -header es.db.views/donations.db 'select * from states limit 1'
    assert_line --index 0 'key|state|position'
    assert_line --index 1 '{"campaign_id":"c1","donation_id":"d1"}|{"campaign":"Roof","seen":[1,2]}|2'
    run sqlite3 -readonly -header es.db.views/donations.db "select * from donations where donation_id = 'd2'"
    assert_line --index 0 'campaign_id|donation_id|state|position'
    assert_line --index 1 'c1|d2|{"campaign":"Roof","seen":[1,3]}|3'
    run sqlite3 -readonly es.db.views/donations.db 'pragma table_info(states)'
    assert_output - <<'OUT'
0|key|TEXT|0||1
1|state|TEXT|0||0
2|position|INTEGER|0||0
OUT
    run sqlite3 -readonly es.db.views/donations.db \
        "pragma trusted_schema=0; explain query plan select * from donations where donation_id = 'd2'"
    assert_output --partial 'USING INDEX es_model_key_2'
    refute_output --partial SCAN
}

@test "a copy of the file is complete: no -wal is left behind" {
    campaigns
    story
    es-project campaigns.jq
    cp es.db.views/campaigns.db copy.db
    run sqlite3 copy.db 'select count(*) from campaigns'
    assert_output 2
}

@test "an empty log, and one without a match, are a model without states" {
    campaigns
    es-init
    run --separate-stderr es-project --print campaigns.jq
    assert_success
    refute_output
    es-append -q -t things.seen n=1
    run --separate-stderr es-project --print campaigns.jq
    assert_success
    refute_output
    run sqlite3 -readonly es.db.views/campaigns.db 'select position from es_model'
    assert_output 1
    run sqlite3 -readonly es.db.views/campaigns.db 'select * from campaigns'
    assert_success
    refute_output
}

@test "names that SQL or the file know already" {
    local name
    es-init
    es-append -q -t things.seen key=k state=s position=p select=x
    for name in key state position select; do
        counter "$name" "$name.jq"
        run --separate-stderr es-project --print "$name.jq"
        assert_success
        assert_line "{\"key\":{\"$name\":\"${name:0:1}\"},\"state\":1,\"position\":1}" ||
            assert_line "{\"key\":{\"select\":\"x\"},\"state\":1,\"position\":1}"
    done
    run sqlite3 -readonly es.db.views/select.db 'select "select", state from "select"'
    assert_output 'x|1'
    counter key order.by-2.jq
    run --separate-stderr es-project order.by-2.jq
    assert_success
    run sqlite3 -readonly es.db.views/order.by-2.db 'select * from "order.by-2"'
    assert_output 'k|1|1'
}

@test "a projector that cannot be called so is refused" {
    local name
    es-init
    for name in states STATES es_model sqlite_x; do
        counter n "$name.jq"
        run --separate-stderr es-project "$name.jq"
        assert_failure 1
        assert_error_line es-project "cannot be called \"$name\""
    done
    printf 'def about: {name: "../up"};\ndef evolve($e): apply($e; "a"; 1);\n' >up.jq
    run --separate-stderr es-project up.jq
    assert_failure 1
    assert_error_line es-project '\.\./up'
    assert_not_exist es.db.views
}

@test "about.name names the model" {
    printf 'def about: {name: "tally"};\ndef evolve($e): apply($e; "things.seen"; . + 1);\n' >x.jq
    es-init
    es-append -q -t things.seen
    es-project x.jq
    run --separate-stderr es-project --path x.jq
    assert_output es.db.views/tally.db
    run sqlite3 -readonly es.db.views/tally.db 'select state from tally'
    assert_output 1
}

@test "the sqlite3 shell that was first leaves an empty file: it is replaced" {
    campaigns
    story
    mkdir es.db.views
    : >es.db.views/campaigns.db
    run --separate-stderr es-project campaigns.jq
    assert_success
    assert_link_exist es.db.views/campaigns.db
}

@test "a file that es-project did not make is left alone" {
    campaigns
    story
    mkdir es.db.views
    echo mine >es.db.views/campaigns.db
    run --separate-stderr es-project campaigns.jq
    assert_failure 1
    assert_error_line es-project 'es\.db\.views/campaigns\.db: not a link'
    assert_equal "$(cat es.db.views/campaigns.db)" mine
    ln -sf /etc/passwd es.db.views/campaigns.db
    run --separate-stderr es-project --rebuild campaigns.jq
    assert_failure 1
    assert_error_line es-project 'not a link'
}

# ---- rebuilding ----

@test "another text of the projector: rebuilt, with a line that says so" {
    campaigns
    story
    es-project campaigns.jq
    sed -i 's/total: 0/total: 100/' campaigns.jq
    run --separate-stderr es-project --print campaigns.jq
    assert_success
    assert_stderr 'es-project: campaigns.jq changed: rebuilding'
    assert_line --index 1 '{"key":{"campaign_id":"c2"},"state":{"name":"Bell","total":100},"position":4}'
    run --separate-stderr es-project campaigns.jq
    assert_stderr
    echo '# other names, too' | cat donations.jq - >campaigns.jq 2>/dev/null || donations
    sed 's/.*partition_by.*/def about: {partition_by: ["donation_id"]};/' donations.jq >campaigns.jq
    run --separate-stderr es-project -q --print campaigns.jq
    assert_success
    assert_stderr
    assert_line --index 0 --partial '{"key":{"donation_id":"d1"}'
    assert_equal "$(generations campaigns)" 1
}

@test "--rebuild makes a new generation and removes the old one" {
    campaigns
    story
    es-project campaigns.jq
    local old new
    old=$(readlink es.db.views/campaigns.db)
    model campaigns.jq >before
    sqlite3 "es.db.views/$old" "update states set state = 'null'"
    run --separate-stderr es-project --rebuild campaigns.jq
    assert_success
    assert_stderr
    new=$(readlink es.db.views/campaigns.db)
    [ "$old" != "$new" ] || fail "the same generation: $old"
    model campaigns.jq >after
    diff before after
    assert_equal "$(find es.db.views -name "$old*")" ''
}

@test "a rebuild leaves other projectors alone, whatever they are called" {
    counter n n.jq
    counter n n.0123456789abcdef.jq
    es-init
    es-append -q -t things.seen n=1
    es-project n.0123456789abcdef.jq
    es-project n.jq
    es-project --rebuild n.jq
    run --separate-stderr es-project --print n.0123456789abcdef.jq
    assert_success
    assert_output '{"key":{"n":"1"},"state":1,"position":1}'
    assert_stderr
}

@test "a model of another store or of a log that was put back is rebuilt" {
    campaigns
    story
    es-project campaigns.jq
    rm -f es.db es.db-*
    es-init
    es-append -q -t campaigns.created campaign_id=c9 name=New
    run --separate-stderr es-project --print campaigns.jq
    assert_success
    assert_stderr 'es-project: es.db.views/campaigns.db: made from another log: rebuilding'
    assert_output '{"key":{"campaign_id":"c9"},"state":{"name":"New","total":0},"position":1}'
    # A backup of the same store, which then went another way.
    sqlite3 es.db "vacuum into 'backup.db'"
    es-append -q -t donations.paid campaign_id=c9 amount:=1
    es-append -q -t donations.paid campaign_id=c9 amount:=1
    es-project campaigns.jq
    rm -f es.db es.db-*
    mv backup.db es.db
    sqlite3 es.db 'pragma journal_mode=wal' >/dev/null
    run --separate-stderr es-project --print campaigns.jq
    assert_stderr 'es-project: es.db.views/campaigns.db: made from another log: rebuilding'
    assert_output '{"key":{"campaign_id":"c9"},"state":{"name":"New","total":0},"position":1}'
}

@test "a damaged model is rebuilt" {
    campaigns
    story
    es-project campaigns.jq
    model campaigns.jq >good
    echo garbage >"es.db.views/$(readlink es.db.views/campaigns.db)"
    run --separate-stderr es-project campaigns.jq
    assert_success
    assert_stderr 'es-project: es.db.views/campaigns.db: damaged: rebuilding'
    model campaigns.jq | diff good -
    sqlite3 es.db.views/campaigns.db 'drop table es_model'
    run --separate-stderr es-project campaigns.jq
    assert_success
    assert_stderr 'es-project: es.db.views/campaigns.db: damaged: rebuilding'
    model campaigns.jq | diff good -
    rm "es.db.views/$(readlink es.db.views/campaigns.db)"
    run --separate-stderr es-project campaigns.jq
    assert_success
    model campaigns.jq | diff good -
    sqlite3 es.db.views/campaigns.db 'pragma user_version=2'
    run --separate-stderr es-project campaigns.jq
    assert_failure 1
    assert_error_line es-project 'format is 2'
    run --separate-stderr es-project --rebuild campaigns.jq
    assert_success
    model campaigns.jq | diff good -
}

# ---- faults ----

@test "a fault stops: it names the message, and what came before counts" {
    campaigns
    story
    es-append -q -t donations.paid --id bad campaign_id=c1 amount=much
    es-append -q -t donations.paid campaign_id=c2 amount:=1
    local i
    for i in 1 2; do
        run --separate-stderr es-project campaigns.jq
        assert_failure 1
        refute_output
        assert_error_line es-project \
            '^es-project: campaigns\.jq: evolve: donations\.paid bad at 5: .*cannot be added'
    done
    run sqlite3 -readonly es.db.views/campaigns.db 'select position from es_model'
    assert_output 4
    run sqlite3 -readonly es.db.views/campaigns.db 'select * from campaigns'
    assert_line 'c1|{"name":"Roof","total":12}|3'
    sed -i 's/+= \$e.payload.amount/+= ($e.payload.amount | numbers \/\/ 0)/' campaigns.jq
    run --separate-stderr es-project --print campaigns.jq
    assert_success
    assert_line '{"key":{"campaign_id":"c2"},"state":{"name":"Bell","total":1},"position":6}'
}

@test "a fault of a message that a new state folds first" {
    donations
    sed -i 's/.campaign = .*/.campaign = $e.payload.name + 1)/' donations.jq
    sed -i 's/donations\."; .seen/donations."; .seen/' donations.jq
    story
    run --separate-stderr es-project donations.jq
    assert_failure 1
    assert_error_line es-project \
        '^es-project: donations\.jq: evolve: campaigns\.created [^ ]+ at 1: '
    run sqlite3 -readonly es.db.views/donations.db 'select position from es_model'
    assert_output 1
}

@test "evolve gives exactly one state" {
    es-init
    es-append -q -t things.seen
    printf 'def evolve($e): apply($e; "things.seen"; 1, 2);\n' >two.jq
    run --separate-stderr es-project two.jq
    assert_failure 1
    assert_error_line es-project 'two\.jq: evolve: things\.seen [^ ]+ at 1: '
    printf 'def evolve($e): apply($e; "things.seen"; empty);\n' >none.jq
    run --separate-stderr es-project none.jq
    assert_failure 1
    assert_error_line es-project 'none\.jq: evolve: things\.seen [^ ]+ at 1: '
}

@test "a fault of initial" {
    es-init
    es-append -q -t things.seen --id x n=1
    printf 'def about: {partition_by: ["n"]};\ndef initial: .n + 1;\ndef evolve($e): apply($e; "things.seen"; 1);\n' >bad.jq
    run --separate-stderr es-project bad.jq
    assert_failure 1
    assert_error_line es-project 'bad\.jq: initial: things\.seen x at 1: '
}

@test "an evolve that does not end is a fault of its message" {
    es-init
    es-append -q -t things.seen n=1
    es-append -q -t things.seen --id slow n=2 forever=yes
    es-append -q -t things.seen n=3
    cat >slow.jq <<'JQ'
def about: {partition_by: ["n"], deadline: "200ms"};
def forever: forever;
def evolve($e): apply($e; "things.seen"; if $e.payload.forever then forever else 1 end);
JQ
    run --separate-stderr es-project slow.jq
    assert_failure 1
    assert_error_line es-project 'slow\.jq: evolve: things\.seen slow at 2: '
    run sqlite3 -readonly es.db.views/slow.db 'select n from slow'
    assert_output 1
}

@test "an evolve that takes the worker down is a fault of its message" {
    es-init
    seq 200 | sed 's/.*/{"type":"things.seen","payload":{"n":"&"}}/' | es-append -q
    es-append -q -t things.seen --id big n=5 big=yes
    es-append -q -t things.seen n=300
    cat >big.jq <<'JQ'
def about: {partition_by: ["n"]};
def evolve($e): apply($e; "things.seen"; if $e.payload.big then (.[10000000000] = 1 | length) else 1 end);
JQ
    sed -i 's/(.\[10000000000\] = 1 | length)/([range(1e9)] | length)/' big.jq
    run --separate-stderr es-project big.jq
    assert_failure 1
    assert_error_line es-project 'big\.jq: evolve: things\.seen big at 201: '
    run sqlite3 -readonly es.db.views/big.db 'select count(*) from big'
    assert_output 200
}

@test "what is no projector is refused" {
    es-init
    printf 'def decide($c): on($c; "a"; event("b"; {}));\n' >d.jq
    run --separate-stderr es-project d.jq
    assert_failure 1
    assert_error_line es-project '^es-project: d\.jq: no projector'
    printf 'def evolve($e): apply($e; "a"; \n' >broken.jq
    run --separate-stderr es-project broken.jq
    assert_failure 1
    assert_error_line es-project 'broken\.jq:'
    printf '#!/bin/sh\n# es: on a.b\n' >run
    chmod +x run
    run --separate-stderr es-project run
    assert_failure 1
    assert_error_line es-project '^es-project: run: no projector'
    run -127 --separate-stderr es-project missing.jq
    assert_failure 127
    assert_error_line es-project 'missing\.jq'
    assert_not_exist es.db.views
}

# ---- following, and several at once ----

@test "-f stays and follows" {
    campaigns
    story
    start follower es-project -f campaigns.jq
    within 10 at campaigns 4
    es-append -q -t campaigns.closed campaign_id=c2
    within 10 at campaigns 5
    es-append -q -t things.seen
    within 10 at campaigns 6
    run sqlite3 -readonly es.db.views/campaigns.db "select state from campaigns where campaign_id = 'c2'"
    assert_output '{"name":"Bell","total":0,"closed":true}'
    assert_equal "$(cat follower.out follower.err)" ''
}

@test "a follower goes on with the generation that another process has made" {
    campaigns
    story
    start follower es-project -f campaigns.jq
    within 10 at campaigns 4
    es-project --rebuild campaigns.jq
    es-append -q -t campaigns.closed campaign_id=c2
    within 10 at campaigns 5
    assert_equal "$(generations campaigns)" 1
    assert_equal "$(cat follower.out follower.err)" ''
}

@test "a follower gives way to another text, and to another store" {
    campaigns
    story
    start follower es-project -f campaigns.jq
    within 10 at campaigns 4
    echo '# new' >>campaigns.jq
    es-project -q campaigns.jq
    es-append -q -t things.seen
    finish 10 "$pid"
    assert_equal "$status" 1
    run cat follower.err
    assert_output 'es-project: campaigns.jq: another text of this projector has taken over the read model'
    start follower es-project -f campaigns.jq
    within 10 at campaigns 5
    mv es.db old.db
    rm es.db-wal es.db-shm
    es-init
    finish 10 "$pid"
    assert_equal "$status" 1
    run cat follower.err
    assert_output --partial 'es.db'
}

@test "several at once make what one makes" {
    pairs
    es-init
    noise 300 5 | es-append -q
    local pids=() i
    for i in 1 2 3; do
        start "p$i" es-project pairs.jq
        pids+=("$pid")
    done
    for i in "${pids[@]}"; do
        finish 60 "$i"
        assert_equal "$status" 0
    done
    run cat p1.err p2.err p3.err
    refute_output
    model pairs.jq >together
    es-project --rebuild pairs.jq
    model pairs.jq | diff together -
}

@test "rebuilds at once, and an updater beside them" {
    slow_pairs
    es-init
    noise 200 5 | es-append -q
    es-project pairs.jq
    model pairs.jq >want
    local pids=() i
    for i in 1 2; do
        start "p$i" es-project --rebuild pairs.jq
        pids+=("$pid")
    done
    start p3 es-project pairs.jq
    pids+=("$pid")
    for i in "${pids[@]}"; do
        finish 60 "$i"
        assert_equal "$status" 0
    done
    run cat p1.err p2.err p3.err
    refute_output
    model pairs.jq | diff want -
    assert_equal "$(generations pairs)" 1
}

@test "killed while it catches up, it goes on where it was" {
    slow_pairs
    es-init
    noise 500 9 | es-append -q
    start killed es-project pairs.jq
    within 20 past pairs 1
    kill -KILL "$pid"
    finish 10 "$pid"
    run --separate-stderr es-project pairs.jq
    assert_success
    assert_stderr
    model pairs.jq >resumed
    es-project --rebuild pairs.jq
    model pairs.jq | diff resumed -
}

@test "killed while it rebuilds, readers keep the old model and the rest is swept" {
    slow_pairs
    es-init
    noise 200 9 | es-append -q
    es-project pairs.jq
    model pairs.jq >want
    local linked
    linked=$(readlink es.db.views/pairs.db)
    start killed es-project --rebuild pairs.jq
    within 20 two_generations pairs
    kill -KILL "$pid"
    finish 10 "$pid"
    assert_equal "$(readlink es.db.views/pairs.db)" "$linked"
    model pairs.jq | diff want -
    es-project --rebuild pairs.jq
    assert_equal "$(generations pairs)" 1
    model pairs.jq | diff want -
}

@test "a reader that has the old generation open keeps it" {
    campaigns
    story
    es-project campaigns.jq
    mkfifo go
    sqlite3 -readonly es.db.views/campaigns.db >read.out 3>&- <<'SQL' &
begin;
select count(*) from campaigns;
.shell read -r _ <go
select count(*) from campaigns;
SQL
    es_started+=("$!")
    within 10 lines read.out 1
    es-append -q -t campaigns.created campaign_id=c3 name=Third
    es-project --rebuild campaigns.jq
    echo >go
    within 10 lines read.out 2
    run cat read.out
    assert_output $'2\n2'
    run sqlite3 -readonly es.db.views/campaigns.db 'select count(*) from campaigns'
    assert_output 3
}

@test "one that was stopped for a while does not undo what others did" {
    campaigns
    story
    start follower es-project -f campaigns.jq
    within 10 at campaigns 4
    kill -STOP "$pid"
    es-append -q -t donations.paid campaign_id=c1 amount:=1
    es-append -q -t donations.paid campaign_id=c1 amount:=2
    es-project campaigns.jq
    kill -CONT "$pid"
    es-append -q -t donations.paid campaign_id=c1 amount:=3
    within 10 at campaigns 7
    run sqlite3 -readonly es.db.views/campaigns.db "select state from campaigns where campaign_id = 'c1'"
    assert_output '{"name":"Roof","total":18}'
    assert_equal "$(cat follower.err)" ''
}

# ---- without a store; where nothing can be written ----

@test "--given needs no store and makes no file" {
    campaigns
    cat >history <<'IN'
{"type":"campaigns.created","payload":{"campaign_id":"c1","name":"Roof"}}
{"type":"donations.paid","payload":{"campaign_id":"c1","amount":3}}
{"type":"things.seen","payload":{"campaign_id":"c1"}}
{"type":"donations.paid","payload":{"campaign_id":"c0","amount":4}}
IN
    run --separate-stderr es-project --given history campaigns.jq
    assert_success
    assert_stderr
    assert_output - <<'OUT'
{"key":{"campaign_id":"c0"},"state":{"name":null,"total":4},"position":4}
{"key":{"campaign_id":"c1"},"state":{"name":"Roof","total":3},"position":2}
OUT
    run --separate-stderr es-project --given history -p campaign_id=c0 campaigns.jq
    assert_output '{"key":{"campaign_id":"c0"},"state":{"name":null,"total":4},"position":4}'
    assert_not_exist es.db
    assert_not_exist es.db.views
    : >empty
    run --separate-stderr es-project --given empty campaigns.jq
    assert_success
    refute_output
}

@test "--given: a bad line, and a fault" {
    campaigns
    printf '%s\n' '{"type":"campaigns.created","payload":{"campaign_id":"c1"}}' '{"type":' >history
    run --separate-stderr es-project --given history campaigns.jq
    assert_failure 1
    refute_output
    assert_error_line es-project '^es-project: history:2: '
    printf '%s\n' '{"type":"donations.paid","payload":{"campaign_id":"c1","amount":"x"}}' >history
    run --separate-stderr es-project --given - campaigns.jq <history
    assert_failure 1
    refute_output
    assert_error_line es-project '^es-project: campaigns\.jq: evolve: donations\.paid [^ ]+ at 1: '
}

@test "where it cannot be written, --print prints what is there" {
    need_unprivileged
    campaigns
    story
    es-project campaigns.jq
    es-append -q -t campaigns.closed campaign_id=c2
    chmod -R a-w es.db.views
    run --separate-stderr unprivileged es-project --print campaigns.jq
    chmod -R u+w es.db.views
    assert_success
    assert_stderr 'es-project: es.db.views: cannot be written: printed as it is there'
    assert_line --index 1 '{"key":{"campaign_id":"c2"},"state":{"name":"Bell","total":0},"position":4}'
    chmod -R a-w es.db.views
    run --separate-stderr unprivileged es-project campaigns.jq
    chmod -R u+w es.db.views
    assert_failure 1
    assert_error_line es-project 'es\.db\.views/'
}

# ---- usage ----

@test "usage errors" {
    campaigns
    story
    local words
    for words in '' 'a.jq b.jq' '-p campaign_id=c1 campaigns.jq' \
        '-f --print campaigns.jq' '-f --given x campaigns.jq' \
        '--path --print campaigns.jq' '--path --rebuild campaigns.jq' \
        '--given x --rebuild campaigns.jq' '--print -p c1 campaigns.jq' \
        '-j 2 campaigns.jq' '--rollback campaigns.jq' \
        '--wait 3 campaigns.jq' '--as-of 3 campaigns.jq' \
        '--check --print campaigns.jq'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-project $words
        assert_failure 2
        refute_output
        assert_error_line es-project
    done
    assert_not_exist es.db.views
}
