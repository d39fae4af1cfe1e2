# shellcheck shell=bash disable=SC2016
#
# What the tests of es-project share: messages with names in all combinations, a
# projector of them, and looks at its model.

# Print N messages whose names and values come from a small generator: some
# have all the names, some a few, some none, some several values of one.
noise() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        x = seed
        for (i = 0; i < n; i++) {
            x = (x * 1103515245 + 12345) % 2147483648
            a = int(x / 7) % 4; b = int(x / 911) % 5; k = int(x / 65536) % 8
            tags = k == 7 ? ",\"tags\":[\"b:b" (a + b) % 5 "\",\"b:b" b "\"]" : ""
            p = k < 4 || k == 7 ? "\"a\":\"a" a "\"" : ""
            if (k < 3 || k == 4) p = p (p ? "," : "") "\"b\":\"b" b "\""
            if (k == 5) p = "\"c\":1"
            if (k == 6) p = "\"a\":\"a" a "\""
            printf "{\"type\":\"%s\"%s,\"payload\":{%s}}\n", k == 2 ? "other.thing" : "things.seen", tags, p
        }
    }'
}

pairs() {
    cat >pairs.jq <<'JQ'
def about: {partition_by: ["a", "b"]};
def initial: {n: 0, at: []};
def evolve($e): apply($e; "things.seen"; .n += 1 | .at += [$e.position]);
JQ
}

# The same, at a millisecond or so a message.
slow_pairs() {
    pairs
    echo 'def evolve($e): . as $s | [range(3000)] | $s
  | apply($e; "things.seen"; .n += 1 | .at += [$e.position]);' >evolve
    sed -i '/^def evolve/d' pairs.jq
    cat evolve >>pairs.jq
}

model() {
    sqlite3 -readonly "$(es-project --path "$1")" \
        'select key, state, position from states order by key'
}

generations() {
    find es.db.views -name "$1.*.db" -type f | wc -l
}

two_generations() {
    [ "$(generations "$1")" -eq 2 ]
}

position() {
    sqlite3 -readonly "es.db.views/$1.db" 'select position from es_model' \
        2>/dev/null
}

# Whether a model's offset has come to a position, or behind it.
at() {
    [ "$(position "$1")" = "$2" ]
}

past() {
    local now
    now=$(position "$1") && [ "${now:-0}" -ge "$2" ]
}
