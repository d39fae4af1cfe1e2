#!/usr/bin/env bats
#
# es-react: what happens to a group while its handlers run.

load helper

json() {
    es-group list --json | jq -c "select(.name == \"$1\") | $2"
}

# A handler that says which try it begins, and waits until it may end.
gated() {
    cat >gated <<'END'
#!/bin/bash
# es: on a.b
# es: partition_by x
# es: backoff 1ms
echo "$ES_ID $ES_ATTEMPT" >>begun
exec 3<> <(:)
until [ -e "open-$ES_ID" ]; do read -rt 0.02 -u 3; done
if [ -e "fail-$ES_ID" ]; then rm "fail-$ES_ID" "open-$ES_ID"; exit 1; fi
echo "$ES_ID" >>ended
echo '{"type":"a.c"}'
END
    chmod +x gated
    es-react -q ./gated
}

# some FROM TO: messages, each of a partition of its own.
some() {
    seq "$1" "$2" | sed 's/.*/{"type":"a.b","id":"m&","payload":{"x":&}}/' |
        es-append -q
}

# one FROM TO: messages of one partition.
one() {
    seq "$1" "$2" | sed 's/.*/{"type":"a.b","id":"m&","payload":{"x":0}}/' |
        es-append -q
}

# Whether a process has so many shards.
shards() {
    [ "$(sqlite3 -readonly es.db \
        'select count(*) from shard where owner is not null')" -eq "$1" ]
}

gates() {
    seq "$1" "$2" | sed 's/^/open-m/' | xargs touch
}

@test "a stop while a handler runs loses nothing of what waits" {
    es-init
    gated
    one 1 3
    start react es-react -f ./gated
    within 20 lines begun 1
    es-group stop gated
    gates 1 3
    within 20 lines ended 1
    kill -TERM "$pid"
    finish 20 "$pid"
    assert_equal "$(json gated '[.state, .lag]')" '["stopped",2]'
    es-group start gated
    es-react ./gated
    assert_equal "$(cat ended)" "$(printf 'm%d\n' 1 2 3)"
}

@test "a stop and a start while a handler runs repeat nothing" {
    es-init
    gated
    start react es-react -f -j 2 ./gated
    within 20 shards 16
    # What is done above what runs lies in shards with it, too.
    some 1 40
    gates 2 40
    within 20 lines ended 39
    es-group stop gated
    es-group start gated
    some 41 41
    gates 41 41
    within 20 lines ended 40
    gates 1 1
    within 20 lines ended 41
    kill -TERM "$pid"
    finish 20 "$pid"
    assert_equal "$(sort -V ended)" "$(printf 'm%d\n' {1..41})"
    assert_equal "$(es-query --count -t a.c)" 41
}

@test "a stop and a start while a retry runs" {
    es-init
    gated
    one 1 3
    touch fail-m1
    gates 1 1
    start react es-react -f ./gated
    within 20 lines begun 2
    es-group stop gated
    es-group start gated
    # Handled: it has heard of both.
    some 4 4
    gates 4 4
    within 20 lines ended 1
    gates 1 3
    within 20 lines ended 4
    kill -TERM "$pid"
    finish 20 "$pid"
    assert_equal "$(json gated '[.state, .lag, .retrying]')" \
        '["running",0,0]'
    assert_equal "$(cat ended)" "$(printf 'm%d\n' 4 1 2 3)"
    assert_equal "$(cat begun)" \
        "$(printf 'm%d %d\n' 1 1 1 2 4 1 2 1 3 1)"
}

@test "a message that is skipped while a retry of it runs is given up" {
    es-init
    gated
    one 1 2
    touch fail-m1
    gates 1 1
    start react es-react -f ./gated
    within 20 lines begun 2
    touch fail-m1
    es-group skip gated
    gates 1 2
    within 20 lines ended 1
    kill -TERM "$pid"
    finish 20 "$pid"
    assert_equal "$(cat begun)" "$(printf 'm%d %d\n' 1 1 1 2 2 1)"
    assert_equal "$(json gated '[.lag, .parked, .retrying]')" '[0,0,0]'
}

@test "who runs a group that is redefined ends, and stores nothing more" {
    es-init
    gated
    one 1 1
    start react es-react -q -f ./gated
    within 20 lines begun 1
    mkdir new
    sed 's/on a\.b$/on a.b a.d/' gated >new/gated
    chmod +x new/gated
    es-group redefine gated new/gated
    gates 1 1
    finish 20 "$pid"
    assert_equal "$status" 1
    stderr=$(cat react.err) assert_error_line es-react \
        'group gated is defined otherwise .* es-group redefine gated'
    assert_equal "$(es-query --count -t a.c)" 0
    es-react new/gated
    assert_equal "$(es-query --count -t a.c)" 1
}

@test "what another process has handled meanwhile is not stored again" {
    es-init
    gated
    some 1 40
    start react es-react -f -j 40 ./gated
    within 20 lines begun 40
    # It took all shards, as if this one had been frozen, and died.
    sqlite3 es.db 'update shard set epoch = epoch + 1, owner = null,
        position = 40'
    gates 1 1
    # Back again, by whom the old tries are not.
    within 20 shards 1
    gates 2 40
    within 20 lines ended 40
    some 41 41
    gates 41 41
    within 20 lines ended 41
    kill -TERM "$pid"
    finish 20 "$pid"
    assert_equal "$(es-query -t a.c | jq -r .causation_id)" m41
    assert_equal "$(cat react.err)" ''
}

# What waits for ever, unless it is told to end; $1: another line for its head.
endless() {
    printf '#!/bin/bash\n# es: on a.b\n# es: retries 0\n%s\n' "${1-}" >endless
    cat >>endless <<'END'
echo "$$" >pid
read -r m
echo "${ES_ATTEMPT-}" >>begun
exec 3<> <(:)
read -r -u 3
END
    chmod +x endless
    es-react -q ./endless
    es-append -q -t a.b x=1
}

@test "a handler that was stopped together with es-react has not failed" {
    es-init
    endless
    for n in 1 2; do
        start react es-react -f ./endless
        within 20 lines begun "$n"
        kill -TERM "$pid" "$(cat pid)"
        finish 20 "$pid"
        assert_equal "$status" 0
        assert_equal "$(cat react.err)" ''
    done
    assert_equal "$(cat begun)" "$(printf '1\n1')"
    assert_equal "$(json endless '[.lag, .parked, .retrying]')" '[1,0,0]'
}

@test "nor has a coprocess" {
    es-init
    endless '# es: stream'
    start react es-react -f ./endless
    within 20 lines begun 1
    kill -TERM "$pid" "$(cat pid)"
    finish 20 "$pid"
    assert_equal "$status" 0
    assert_equal "$(cat react.err)" ''
    assert_equal "$(json endless '[.lag, .parked, .retrying]')" '[1,0,0]'
}

@test "a handler that is killed by itself has failed" {
    es-init
    endless
    start react es-react ./endless
    within 20 lines begun 1
    kill -TERM "$(cat pid)"
    finish 20 "$pid"
    assert_equal "$status" 1
    stderr=$(cat react.err) assert_error_line es-react \
        'endless: message 1: killed \(signal 15\): parked after 1 try'
}

@test "a handler that fails for itself while es-react ends has failed, if it says so" {
    es-init
    cat >says <<'END'
#!/bin/bash
# es: on a.b
# es: stream
# es: retries 0
read -r m
id=${m#*\"id\":\"}
echo begun >>begun
exec 3<> <(:)
until [ -e open ]; do read -rt 0.02 -u 3; done
echo "{\"failed\":\"${id%%\"*}\",\"reason\":\"no stock\"}"
END
    chmod +x says
    es-react -q ./says
    es-append -q -t a.b x=1
    start react es-react -f ./says
    within 20 lines begun 1
    kill -TERM "$pid"
    touch open
    finish 20 "$pid"
    assert_equal "$status" 0
    assert_equal "$(json says '[.lag, .parked]')" '[1,1]'
}

@test "what was refused before a handler turned out not to run is stored" {
    es-init
    cat >d <<'END'
#!/nobody/here
# es: decide a.do
# es: partition_by x
echo '{"type":"a.done"}'
END
    chmod +x d
    es-append -q --kind command -t a.do --id lacks y=1
    es-append -q --kind command -t a.do --id has x=1
    run -126 --separate-stderr es-react ./d
    assert_regex "$stderr" 'd: stopped: '
    assert_equal "$(es-query -t es.command_rejected |
        jq -r .payload.command_id)" lacks
    # Nothing is forgotten of the other.
    sed -i '1s/.*/#!\/bin\/sh/' d
    es-group start d
    es-react ./d
    assert_equal "$(es-query -t a.done | jq -r .causation_id)" has
}
