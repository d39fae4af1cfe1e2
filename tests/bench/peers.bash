# peers.bash: the second table of tests/bench/run, which sources it: es beside
# what else does the same.
# shellcheck shell=bash disable=SC2034,SC2086,SC2154 # numbers of run

pair_cells() { printf '| %-53s | %-22s | %9s | %9s | %7s |\n' "$@"; }
# pair WHAT PEER PEERS-RATE ES-RATE
pair() { pair_cells "$1" "$2" "$3" "$4" "$(ratio "$4" "$3")"; }

shell_bulk() { sqlite3 floor.db <inserts.sql >/dev/null; }
es_bulk() { es-append -q -s log.db bulk; }

bulk_pair() {
    lines "$total" 0 $inserts >bulk
    { echo 'begin;'
      sed "s/.*/insert into log values('&');/" bulk
      echo 'commit;'; } >inserts.sql
    turns 3 shell_bulk es_bulk
    pair "$inserts messages in one transaction" "sqlite3, no index" \
        "$(rate $((3 * inserts)) $a_us)" "$(rate $((3 * inserts)) $b_us)"
}

find_pair() {
    turns "$shots" shell_find es_find
    pair "find a donation's messages, a process each" "sqlite3, by its index" \
        "$(rate "$shots" $a_us)" "$(rate "$shots" $b_us)"
}

# Messages into a stream, each synced before it is acknowledged.
redis() {
    redis-benchmark -s redis -c "$1" -n "$2" -q XADD log '*' line "$LINE"
}
redis_one() { redis 1 "$ones"; }
es_one() { es-append -q -s log.db --batch 1 one; }

redis_pairs() (
    command -v redis-server redis-benchmark redis-cli >/dev/null || exit 0
    redis-server --port 0 --unixsocket "$scratch/redis" --appendonly yes \
        --appendfsync always --save '' --dir "$scratch" >/dev/null &
    trap 'kill %1' EXIT
    until redis-cli -s redis ping >/dev/null 2>&1; do :; done
    lines "$total" 0 "$ones" >one
    turns $TURNS redis_one es_one
    pair "one message a commit, one client" "Redis stream, fsync" \
        "$(rate $((TURNS * ones)) $a_us)" "$(rate $((TURNS * ones)) $b_us)"
    timed redis 50 $((50 * ones))
    pair "many clients (50; es: 8 writers)" "Redis stream, fsync" \
        "$(rate $((50 * ones)) $b_us)" "$es_race"
)

# A campaign and then N donations, two commands each.
commands() {
    awk -v n=$((commands / 2)) 'BEGIN {
        print "{\"type\":\"campaigns.create_campaign\",\"payload\":" \
            "{\"campaign_id\":\"c1\",\"name\":\"Roof\"}}"
        for (i = 0; i < n; i++) {
            ids = "\"campaign_id\":\"c1\",\"donation_id\":\"d" i "\""
            print "{\"type\":\"donations.start_donation\",\"payload\":{" \
                ids "}}"
            print "{\"type\":\"donations.select_amount\",\"payload\":{" \
                ids ",\"amount\":10}}"
        }
    }'
}

# Beside commits of one line each.
floor_stream() { floor floor.db 1 "stream$turn"; }
es_stream() {
    es-decide -s decide.db "$app/deciders/donation.jq" "stream$turn"
}
floor_all() { floor floor.db 1 all; }
es_all_commands() { es-react -s react.db "$app"; }

command_pairs() {
    local app=$top/share/es/new decided
    commands >all
    es-init -q -s decide.db "$app"
    head -n 1 all | es-decide -q -s decide.db "$app/deciders/campaign.jq"
    tail -n +2 all | split -d -a 1 -l $((commands / 4)) - stream
    turns 4 floor_stream es_stream
    pair "es-decide, a stream of commands, two a donation" \
        "the floor's commits" "$(rate $commands $a_us)" \
        "$(rate $commands $b_us)"
    es-init -q -s react.db "$app"
    es-append -q -s react.db all
    turns 1 floor_all es_all_commands
    decided=$(es-query -s react.db --count -t donations.amount_selected)
    [ "$decided" -eq $((commands / 2)) ]
    pair "es-react: two deciders and a read model" "the floor's commits" \
        "$(rate $commands $a_us)" "$(rate $commands $b_us)"
}

# Events that an executable answers with one each, once they are all there.
executable() {
    cat >"$1"
    chmod +x "$1"
}
exec_once() { es-react -q -s exec.db ./once; }
exec_stream() { es-react -q -s exec.db ./stream; }

executable_pair() {
    local made
    executable once <<'END'
#!/bin/sh
# es: on bench.exec
# es: partition_by exec_id
echo '{"type":"bench.once"}'
END
    executable stream <<'END'
#!/bin/sh
# es: on bench.exec
# es: partition_by exec_id
# es: stream
exec jq -c --unbuffered '{type: "bench.stream"}, {done: .id}'
END
    es-init -q -s exec.db
    # What acts on the world begins with what comes after it.
    exec_once
    exec_stream
    for ((i = 0; i < shots * 5; i++)); do
        echo '{"type":"bench.exec","payload":{"exec_id":"'$i'"}}'
    done | es-append -q -s exec.db
    turns 1 exec_once exec_stream
    made=$(es-query -s exec.db --count -t bench.once -t bench.stream)
    [ "$made" -eq $((shots * 10)) ]
    pair "messages through an executable that stays" "a process each" \
        "$(rate $((shots * 5)) $a_us)" "$(rate $((shots * 5)) $b_us)"
}

peers() {
    pair_cells "a second" beside its es ratio
    pair_cells --- --- --: --: --:
    pair "one message, a process each (FULL)" "sqlite3, one index" \
        "$shell_shots" "$es_shots"
    find_pair
    bulk_pair
    pair "everything to /dev/null" "sqlite3" "$shell_scan" "$es_scan"
    pair "8 writers, one message a commit (FULL)" \
        "SQLite: p99 ${shell_p99%.*} ms" "$shell_race" "$es_race"
    redis_pairs
    command_pairs
    executable_pair
}
