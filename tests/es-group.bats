#!/usr/bin/env bats
#
# es-group: what it shows of groups, and what it does to them.

load helper

# A group that fails for orders called bad*, with three orders.
shop() {
    es-init
    cat >ship <<'END'
#!/bin/sh
# es: on shop.ordered
# es: partition_by order_id
# es: retries 0
case $(cat) in *'"order_id":"bad'*) echo "no stock" >&2; exit 3 ;; esac
END
    chmod +x ship
    es-react ./ship
    for id in good bad1 bad2; do
        es-append -q -t shop.ordered --id "o-$id" order_id=$id
    done
}

failing_shop() {
    shop
    es-react -q ./ship || true
}

@test "list of a store without groups is empty" {
    es-init
    run --separate-stderr es-group list
    assert_success
    refute_output
    assert_stderr
    run --separate-stderr es-group list --json
    assert_success
    refute_output
}

@test "list tells state, position, lag, parked, retrying, workers" {
    shop
    run --separate-stderr es-group list --json
    assert_success
    assert_output '{"name":"ship","state":"running","position":0,"lag":3,"parked":0,"retrying":0,"workers":0,"error":null}'
    es-react -q ./ship || true
    run --separate-stderr es-group list --json
    assert_output '{"name":"ship","state":"running","position":1,"lag":2,"parked":2,"retrying":0,"workers":0,"error":null}'
    run --separate-stderr es-group list
    assert_success
    assert_line --index 0 --regexp '^GROUP  STATE +POSITION +LAG +PARKED +RETRYING +WORKERS$'
    assert_line --index 1 --regexp '^ship   running +1 +2 +2 +0 +0$'
}

@test "show tells why a partition is parked" {
    failing_shop
    run --separate-stderr es-group show ship
    assert_success
    assert_line --partial 'parked {"order_id":"bad1"} at position 2 after 1 try'
    assert_line --partial 'no stock'
    run --separate-stderr es-group show ship --json
    assert_success
    assert_equal "$(jq -c '.failing[] | [.partition.order_id, .state, .position, .attempts, .retry_at]' <<<"$output")" \
        "$(printf '%s\n' '["bad1","parked",2,1,null]' '["bad2","parked",3,1,null]')"
    assert_equal "$(jq -c '.definition | [.kind, .reacts, .partition_by]' <<<"$output")" \
        '["executable",["shop.ordered"],["order_id"]]'
}

@test "skip names the one partition that is meant" {
    failing_shop
    run --separate-stderr es-group skip ship
    assert_failure 1
    assert_error_line es-group '2 failing partitions'
    run --separate-stderr es-group skip ship -p order_id=bad1
    assert_success
    refute_output
    assert_stderr
    run --separate-stderr es-group skip ship -p order_id=bad1
    assert_failure 1
    assert_error_line es-group 'skipped already'
    run --separate-stderr es-group skip ship -p order_id=other
    assert_failure 1
    assert_error_line es-group 'no such failing partition'
    es-react -q ./ship || true
    assert_equal "$(es-group list --json | jq -c '[.lag, .parked]')" '[1,1]'
    run --separate-stderr es-group skip ship
    assert_success
    es-react ./ship
    assert_equal "$(es-group list --json | jq -c '[.lag, .parked]')" '[0,0]'
    assert_equal "$(es-query -t es.message_skipped | jq -c .payload.id)" \
        "$(printf '"o-bad1"\n"o-bad2"')"
}

@test "a partition without some of the names is told by null" {
    es-init
    cat >ship <<'END'
#!/bin/sh
# es: on shop.ordered
# es: partition_by shop order_id
# es: retries 0
exit 3
END
    chmod +x ship
    es-react -q ./ship
    es-append -q -t shop.ordered --id both shop=s order_id=o
    es-append -q -t shop.ordered --id one shop=s
    es-append -q -t shop.ordered --id none
    es-react -q ./ship || true
    run --separate-stderr es-group skip ship -p shop=s
    assert_failure 1
    assert_error_line es-group '2 failing partitions like that'
    es-group skip ship -p shop=s -p order_id=null
    es-group skip ship -p shop=null -p order_id=null
    assert_equal "$(es-query -t es.message_skipped | jq -r .payload.id)" \
        "$(printf 'one\nnone')"
}

@test "control bytes of a reason do not reach a terminal" {
    es-init
    es-append -q -t a.b
    es-react -q --name g -t a.b --from start -- $'./no\esuch' || true
    for words in list 'show g'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-group $words
        assert_success
        assert_output --partial 'no\x1bsuch: not found'
    done
    assert_equal "$(es-group list --json | jq -r .error)" $'./no\esuch: not found'
}

@test "retry tries one partition, or all that are parked" {
    failing_shop
    run --separate-stderr es-group retry ship -p order_id=bad2
    assert_success
    assert_equal "$(es-group list --json | jq -c '[.parked, .retrying]')" '[1,1]'
    sed -i 's/^case.*//' ship
    run --separate-stderr es-react ./ship
    assert_failure 1
    assert_equal "$(es-group list --json | jq -c '[.lag, .parked]')" '[1,1]'
    es-group retry ship
    run --separate-stderr es-react ./ship
    assert_success
    run --separate-stderr es-group retry ship
    assert_failure 1
    assert_error_line es-group 'nothing of group ship is parked'
}

@test "a skipped command has an outcome and is not decided" {
    es-init
    cat >d.jq <<'END'
def about: {partition_by: ["x"]};
def decide($c): on($c; "a.do"; if $c.payload.n == 1 then error("no") else event("a.done"; $c.payload) end);
END
    es-append -q -t a.do --kind command --id c1 x=1 n:=1
    es-append -q -t a.do --kind command --id c2 x=1 n:=2
    run --separate-stderr es-react d.jq
    assert_failure 1
    es-group skip d
    run --separate-stderr es-react d.jq
    assert_success
    assert_equal "$(es-query -t a.done | jq -c .payload.n)" 2
    mv d.jq renamed.jq
    run --separate-stderr es-react renamed.jq
    assert_success
    assert_equal "$(es-query --count -t a.done)" 1
}

@test "stop and start are events, and saying it twice is one" {
    shop
    es-group stop ship
    es-group stop ship
    run --separate-stderr es-react ./ship
    assert_failure 1
    assert_equal "$(es-group list --json | jq -c '[.state, .lag]')" '["stopped",3]'
    es-group start ship
    es-group start ship
    assert_equal "$(es-query -t es. | jq -r .type)" \
        "$(printf 'es.group_stopped\nes.group_started')"
}

@test "redefine goes on from where the group is, in other partitions too" {
    es-init
    cat >log <<'END'
#!/bin/sh
# es: on a.
# es: partition_by x
echo "$ES_ID" >>seen
END
    chmod +x log
    es-react ./log
    for i in 1 2 3 4 5 6 7 8; do
        es-append -q -t a.b --id "m$i" x=$i y=$((i % 2))
    done
    es-react ./log
    sed -i 's/partition_by x/partition_by y/' log
    run --separate-stderr es-react ./log
    assert_failure 1
    es-group redefine log ./log
    es-append -q -t a.b --id m9 x=9 y=1
    run --separate-stderr es-react ./log
    assert_success
    assert_equal "$(sort seen)" "$(printf 'm%s\n' 1 2 3 4 5 6 7 8 9)"
    assert_equal "$(es-query -t es.group_redefined | jq -c .payload.definition.partition_by)" '["y"]'
}

@test "redefine is refused while a partition fails" {
    failing_shop
    sed -i 's/partition_by order_id/partition_by order_id,shop/' ship
    run --separate-stderr es-group redefine ship ./ship
    assert_failure 1
    assert_error_line es-group 'retry or skip them first'
}

@test "wrong words are refused" {
    shop
    run --separate-stderr es-group
    assert_failure 2
    assert_error_line es-group
    run --separate-stderr es-group look
    assert_failure 2
    assert_error_line es-group '"look" is none of'
    run --separate-stderr es-group show
    assert_failure 2
    assert_error_line es-group 'which group'
    run --separate-stderr es-group show nothing
    assert_failure 1
    assert_error_line es-group 'no group nothing'
    run --separate-stderr es-group stop nothing
    assert_failure 1
    assert_error_line es-group 'no group nothing'
    run --separate-stderr es-group list too much
    assert_failure 2
    assert_error_line es-group 'too much'
    # Flags that a verb does not know look as if they had been heeded.
    for flags in 'stop ship -p order_id=bad1' 'retry ship -t shop.ordered' \
        'list --by order_id' 'start ship --from now' 'skip ship --json' \
        'retry ship -- true'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr es-group $flags
        assert_failure 2
        assert_error_line es-group ' go(es)? with '
    done
    run --separate-stderr es-group reset ship
    assert_failure 2
    assert_error_line es-group
    run --separate-stderr es-group redefine ship
    assert_failure 2
    assert_error_line es-group
    run --separate-stderr es-group -s nowhere.db list
    assert_failure 1
    assert_error_line es-group es-init
}

# held: ship was made in the store from which this one is a copy.
held() {
    es-copy copy.db
    export ES_STORE=copy.db
}

@test "a group that a new epoch holds back is adopted, not started" {
    shop
    es-react -q app || true
    held
    run --separate-stderr es-group list --json
    assert_success
    assert_equal "$(jq -r 'select(.name == "ship") | .state' <<<"$output")" held
    before=$(jq -c 'select(.name == "ship") | [.position, .lag, .parked]' \
        <<<"$output")
    run --separate-stderr es-group list
    assert_output --regexp 'ship +held '
    run --separate-stderr es-group start ship
    assert_failure 1
    refute_output
    assert_stderr "es-group: group ship is held back since a new epoch has \
begun: let it go on with es-group adopt ship"
    # Stopping does not let it go.
    es-group stop ship
    assert_equal "$(es-group show ship --json | jq -r .state)" held
    run --separate-stderr es-group adopt ship
    assert_success
    refute_output
    assert_stderr
    assert_equal "$(es-group list --json |
        jq -c 'select(.name == "ship") | [.position, .lag, .parked]')" "$before"
    assert_equal "$(es-group show ship --json | jq -r .state)" running
    assert_equal "$(es-query -t 'es.*' --tail 1 | jq -c '[.type, .payload]')" \
        '["es.group_adopted",{"group":"ship"}]'
    # Saying it twice is no second event.
    es-group adopt ship
    assert_equal "$(es-query -t es.group_adopted --count)" 1
    es-group stop ship
    run --separate-stderr es-group adopt ship
    assert_failure 1
    assert_error_line es-group 'start it with es-group start ship'
}

@test "a group that is made in a new epoch is not held" {
    shop
    held
    es-react -q --name new -t shop.ordered --from start -- true
    assert_equal "$(es-group show new --json | jq -r .state)" running
}
