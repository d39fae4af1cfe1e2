#!/usr/bin/env bats
#
# es-erase: what goes, what stays, and who forgets.

load helper

# nowhere TEXT...: no file of the store holds it, read models and all.
nowhere() {
    local text file
    for text; do
        while IFS= read -r -d '' file; do
            ! grep -aqF -e "$text" "$file" || fail "$text is in $file"
        done < <(find . -name 'es.db*' -type f -print0
            find es.db.views -type f -print0 2>/dev/null)
    done
}

# of ID: the message.
of() {
    es-query | jq -c --arg id "$1" 'select(.id == $id)'
}

# counts N QUERY...: whether so many match.
counts() {
    [ "$(es-query "${@:2}" --count)" = "$1" ]
}

none_fails() {
    [ "$(sqlite3 -readonly es.db 'select count(*) from failing')" = 0 ]
}

# holds FILE TEXT: whether a read model's states have it.
holds() {
    sqlite3 -readonly "es.db.views/$1.db" 'select state from states' |
        grep -q "$2"
}

no_view_has() {
    ! grep -raqF "$1" es.db.views
}

# Three people; the second is called MARKNAME and has tags.
people() {
    es-init
    es-append -q <<'NDJSON'
{"id":"p1","type":"people.came","payload":{"person_id":"1","name":"Ann"}}
{"id":"p2","type":"people.came","version":3,"tags":["vip:MARKTAG","MARKPLAIN"],"payload":{"person_id":"2","name":"MARKNAME","extra":{"deep":"MARKDEEP"}},"metadata":{"by":"MARKMETA"},"causation_id":"other","correlation_id":"story"}
{"id":"p3","type":"people.came","payload":{"person_id":"3","name":"Cid"}}
NDJSON
}

@test "payload, metadata and tags go; id, type, position and causes stay" {
    people
    before=$(of p2)
    run --separate-stderr es-erase p2
    assert_success
    assert_stderr
    assert_equal "$(jq -c '[.type, .kind, .payload, .metadata,
        .causation_id, .correlation_id, .tags]' <<<"$output")" \
        '["es.message_erased","event",{"id":"p2","position":2,"type":"people.came"},{},"p2","story",null]'
    assert_equal "$output" "$(es-query -t es.message_erased)"
    run of p2
    assert_equal "$(jq -c 'del(.erased_at)' <<<"$output")" \
        "$(jq -c 'del(.tags) | .payload = {} | .metadata = {}' <<<"$before")"
    assert_equal "$(jq -r .erased_at <<<"$output")" \
        "$(es-query -t es.message_erased | jq -r .stored_at)"
    nowhere MARKNAME MARKTAG MARKPLAIN MARKDEEP MARKMETA
    assert_equal "$(sqlite3 -readonly es.db "select payload, metadata,
        tags is null, erased_at is not null from messages
        where position = 2")" '{}|{}|1|1'
    run es-check
    assert_success
    # Nor has a copy that is made now.
    sqlite3 -readonly es.db "vacuum into 'es.db-copy'"
    nowhere MARKNAME MARKTAG MARKPLAIN MARKDEEP MARKMETA
}

@test "it is not found by what it carried, and by its type still" {
    people
    es-erase -q p2
    for query in '-k person_id=2' '-g vip:MARKTAG' '-g MARKPLAIN' \
        '-k name=MARKNAME' '-p person_id=2' '-p vip=MARKTAG' \
        '-t people.came -k person_id=2'; do
        # shellcheck disable=SC2086 # words
        assert_equal "$query $(es-query $query --count)" "$query 0"
    done
    assert_equal "$(es-query -t people.came --count)" 3
    assert_equal "$(es-query --count)" 4
    # A condition on what it carried is met again.
    run es-append -q -t people.came person_id=2 --unless -k person_id=2
    assert_success
}

@test "messages on stdin, as es-query prints them, or ids" {
    people
    es-append -q -t people.left person_id=2 why=MARKWHY
    run --separate-stderr bash -c 'es-query -k person_id=2 | es-erase -'
    assert_success
    assert_stderr
    assert_equal "$(jq -c .payload <<<"$output")" \
        '{"id":"p2","position":2,"type":"people.came"}
'"$(es-query -t people.left | jq -c '{id, position, type}')"
    assert_equal "$(es-query -k person_id=2 --count)" 0
    nowhere MARKNAME MARKWHY
    printf 'p1\n\n{"id":"p3","later":"field"}\n' |
        es-erase -v - >out 2>err
    assert_equal "$(cat err)" "es-erase: es.db: 2 erased"
    assert_equal "$(es-query -t people. | jq -c .payload | sort -u)" '{}'
}

@test "all or nothing" {
    people
    run --separate-stderr es-erase p1 nobody p2
    assert_failure 1
    refute_output
    assert_error_line es-erase '^es-erase: es.db: no message has the id nobody$'
    run --separate-stderr bash -c 'printf "p1\np2\nnobody\n" | es-erase -'
    assert_failure 1
    refute_output
    assert_error_line es-erase '<stdin>:3: no message has the id nobody$'
    run --separate-stderr bash -c "printf '%s' '{\"id\":\"p1' | es-erase - p2"
    assert_failure 1
    assert_error_line es-erase '<stdin>:1: .*cut off'
    assert_equal "$(es-query -t es.message_erased --count)" 0
    assert_equal "$(es-query -k person_id=2 --count)" 1
}

@test "once more changes nothing" {
    people
    es-erase -q p2
    before=$(es-query)
    run --separate-stderr es-erase p2 p2
    assert_success
    refute_output
    assert_stderr
    run --separate-stderr bash -c 'es-query -t es. | es-erase -'
    assert_success
    assert_equal "$(es-query)" "$before"
    run --separate-stderr es-erase p1 p1
    assert_success
    assert_equal "${#lines[@]}" 1
}

@test "its id stays used" {
    people
    es-erase -q p2
    run --separate-stderr es-append -t people.came --id p2 person_id=2
    assert_failure 1
    refute_output
    assert_error_line es-append 'p2 was erased \(position 2\)'
}

@test "what others need is refused" {
    echo '{"a.b":{"keys":["x"]}}' >messages.json
    es-init -m messages.json
    es-append -q --id m -t a.b x=1
    catalog=$(es-query -t es.catalog_loaded | jq -r .id)
    run --separate-stderr es-erase m "$catalog"
    assert_failure 1
    assert_error_line es-erase "$catalog is an es.catalog_loaded .*cannot be erased"
    trace=$(es-erase m | jq -r .id)
    run --separate-stderr es-erase "$trace"
    assert_failure 1
    assert_error_line es-erase "an es.message_erased .*cannot be erased"
    run --separate-stderr es-erase
    assert_failure 2
    assert_error_line es-erase 'id of a message'
    run --separate-stderr es-erase 'no id'
    assert_failure 1
    run --separate-stderr es-erase - -
    assert_failure 2
}

@test "a line of another store is refused" {
    people
    run --separate-stderr bash -c \
        'echo "{\"position\":1,\"id\":\"p2\"}" | es-erase -'
    assert_failure 1
    assert_error_line es-erase '<stdin>:1: id: p2 stands at position 2 here, not at 1'
    assert_equal "$(es-query -k person_id=2 --count)" 1
}

@test "the others' digests stand, its own is made anew" {
    people
    digests() {
        sqlite3 -readonly es.db 'select position, hex(salt), hex(digest)
            from message where position <= 3'
    }
    digests >before
    es-erase -q p2
    digests >after
    assert_equal "$(comm -12 before after | cut -d '|' -f 1 | xargs)" '1 3'
    # SHA-256 of the salt and the line as it is printed now.
    salt=$(sqlite3 -readonly es.db 'select hex(salt) from message
        where position = 2')
    assert_equal "$({
        printf '%b' "$(fold -w 2 <<<"$salt" | sed 's/^/\\x/' | tr -d '\n')"
        sed -n 2p <<<"$(es-query)" | tr -d '\n'
    } | sha256sum | cut -d ' ' -f 1 | tr a-f A-F)" \
        "$(sed -n '2s/.*|//p' after)"
}

@test "a reader that holds the -wal back is told of" {
    people
    mkfifo hold
    sqlite3 -readonly es.db >held 2>&1 < <(echo 'begin; select count(*) from messages;'
        cat hold) &
    reader=$!
    within 10 lines held 1
    run --separate-stderr es-erase p2
    assert_failure 5
    assert_line --partial es.message_erased
    assert_error_line es-erase 'es.db-wal: .*once more'
    echo 'commit;' >hold
    wait "$reader"
    run --separate-stderr es-erase p2
    assert_success
    refute_output
    assert_stderr
    nowhere MARKNAME MARKTAG
}

# ---- who forgets ----

lists() {
    cat >list.jq <<'JQ'
def about: {partition_by: ["person_id"]};
def evolve($e): apply($e; "people.came"; . + [$e.payload.name]);
JQ
    cat >all.jq <<'JQ'
def evolve($e): apply($e; "people."; . + [$e.payload.name]);
JQ
}

@test "a read model is made anew without it, and its old file is gone" {
    people
    lists
    es-project -q list.jq
    es-project -q all.jq
    cat >other.jq <<'JQ'
def evolve($e): apply($e; "cats.came"; . + 1);
JQ
    es-project -q other.jq
    others=$(readlink es.db.views/other.db)
    es-erase -q p2
    run --separate-stderr es-project --print list.jq
    assert_success
    assert_stderr 'es-project: es.db.views/list.db: holds what was erased: rebuilding'
    assert_equal "$(jq -c .state <<<"$output")" '["Ann"]
["Cid"]'
    run --separate-stderr es-project --print all.jq
    assert_equal "$(jq -c .state <<<"$output")" '["Ann","Cid"]'
    # What has not taken it in goes on.
    es-project -q other.jq
    assert_equal "$(readlink es.db.views/other.db)" "$others"
    nowhere MARKNAME MARKTAG
    run --separate-stderr es-project all.jq
    assert_success
    assert_stderr
}

@test "a projector that stays rebuilds at once" {
    people
    lists
    start projector es-project -f all.jq
    within 30 holds all MARKNAME
    es-erase -q p2
    within 30 no_view_has MARKNAME
    es-append -q -t people.came person_id=4 name=Dot
    within 30 holds all Dot
    assert_equal "$(sqlite3 -readonly es.db.views/all.db \
        'select state from states')" '["Ann","Cid","Dot"]'
}

decider() {
    cat >welcome.jq <<'JQ'
def about: {partition_by: ["person_id"]};
def initial: {names: []};
def evolve($e): apply($e; "people.came"; .names += [$e.payload.name]);
def decide($c): on($c; "people.welcome";
    if $c.payload.strict then reject("no \($c.payload.note)")
    else event("people.welcomed"; {person_id: $c.payload.person_id, seen: .names}) end);
JQ
}

@test "a decider that stays decides without it" {
    people
    decider
    es-append -q -t people.came person_id=2 name=Ben
    start react es-react -f welcome.jq
    es-append -q --kind command -t people.welcome person_id=2
    within 30 counts 1 -t people.welcomed
    es-erase -q p2
    es-append -q --kind command -t people.welcome person_id=2
    within 30 counts 2 -t people.welcomed
    assert_equal "$(es-query -t people.welcomed | jq -c .payload.seen)" \
        '["MARKNAME","Ben"]
["Ben"]'
}

@test "a command goes with its rejection; its outcome stays" {
    people
    decider
    es-append -q --id c1 --kind command -t people.welcome person_id=2 \
        strict:=true note=MARKNOTE
    es-react -q welcome.jq
    assert_equal "$(es-query -t es.command_rejected -k note=MARKNOTE --count)" 1
    run es-erase c1
    assert_success
    assert_equal "$(jq -r .payload.type <<<"$output")" 'people.welcome
es.command_rejected'
    nowhere MARKNOTE
    assert_equal "$(sqlite3 -readonly es.db 'select result from outcome')" 2
    assert_equal "$(sqlite3 -readonly es.db 'select count(*) from provenance
        where partition is not null')" 0
    es-react -q welcome.jq
    assert_equal "$(es-query -t es.command_rejected --count)" 1
}

@test "a command that nobody has decided is skipped" {
    people
    decider
    es-append -q --id c1 --kind command -t people.welcome person_id=2
    es-erase -q c1
    assert_equal "$(sqlite3 -readonly es.db \
        'select command, result from outcome')" '4|3'
    run --separate-stderr es-react -q welcome.jq
    assert_success
    assert_equal "$(es-query -t people.welcomed --count)" 0
    run --separate-stderr es-decide welcome.jq --id c1 -t people.welcome \
        person_id=2
    assert_failure 1
    assert_error_line es-decide 'c1 was erased'
}

@test "a page that is looked at is shown without it" {
    people
    mkdir -p app/pages app/projectors
    cat >app/pages/list.jq <<'JQ'
def about: {path: "/"};
def initial: [];
def evolve($e): apply($e; "people.came"; . + [$e.payload.name]);
def render($page): ["ul", (.[] | ["li", .])];
JQ
    es-init app
    start serve es-serve -l 127.0.0.1:0 app
    within 10 lines serve.out 1
    url=$(sed 's#/?token=.*##' serve.out)
    curl -sf "$url/" | grep -q MARKNAME
    updates() {
        [ "$(grep -c '^event: datastar-patch-elements' stream.out)" -ge "$1" ]
    }
    start stream curl -sN "$url/updates?page=%2F"
    within 10 updates 1
    grep -q MARKNAME stream.out
    since=$(sed -n 's/^id: //p' stream.out)
    es-erase -q p2
    within 10 updates 2
    sed '1,/MARKNAME/d' stream.out | grep -q '<li>Cid</li>'
    assert_equal "$(grep -c MARKNAME stream.out)" 1
    assert_equal "$(curl -sf "$url/" | grep -c MARKNAME)" 0
    # A browser that comes back with the page of before gets the new one.
    start again curl -sN "$url/updates?page=%2F&since=$since"
    within 10 grep -q '<li>Cid</li>' again.out
    assert_equal "$(grep -c MARKNAME again.out)" 0
}

# Its partition fails at the message with "bad" in it.
mailer() {
    cat >mail <<'SH'
#!/bin/sh
# es: on people.came
# es: partition_by person_id
# es: retries 0
m=$(cat)
case $m in *MARKBAD*) echo "cannot mail MARKBAD" >&2; exit 1 ;; esac
printf '%s\n' "$m" >>mailed
SH
    chmod +x mail
    es-init
    es-react -q ./mail
    es-append -q --id bad -t people.came person_id=MARKID name=MARKBAD
}

@test "a parked partition goes on behind it" {
    mailer
    es-append -q --id good -t people.came person_id=MARKID name=Ben
    es-react -q ./mail || true
    assert_equal "$(es-query -t es.partition_parked --count)" 1
    es-erase -q bad
    assert_equal "$(sqlite3 -readonly es.db 'select position, parked, reason
        from failing')" '2|0|'
    run --separate-stderr es-react ./mail
    assert_success
    assert_equal "$(jq -r .id mailed)" good
    assert_equal "$(sqlite3 -readonly es.db 'select count(*) from failing')" 0
    nowhere MARKBAD
}

@test "a parked partition of nothing else is forgotten" {
    mailer
    es-react -q ./mail || true
    run es-erase bad
    assert_equal "$(jq -r .payload.type <<<"$output")" 'people.came
es.partition_parked'
    assert_equal "$(sqlite3 -readonly es.db 'select count(*) from failing')" 0
    nowhere MARKBAD MARKID
    assert_equal "$(es-group list --json | jq -c '[.lag, .parked]')" '[0,0]'
    run --separate-stderr es-react ./mail
    assert_success
}

@test "a parked partition goes on while its group runs" {
    mailer
    start react es-react -f ./mail
    within 30 counts 1 -t es.partition_parked
    es-append -q --id good -t people.came person_id=MARKID name=Ben
    es-erase -q bad
    within 30 lines mailed 1
    assert_equal "$(jq -r .id mailed)" good
    within 30 none_fails
    nowhere MARKBAD
}

@test "a fault that names it is forgotten, whoever it was" {
    es-init
    cat >sum.jq <<'JQ'
def about: {partition_by: ["p"]};
def initial: 0;
def evolve($e): apply($e; "a.counted"; . + $e.payload.n);
def decide($c): on($c; "a.ask"; event("a.told"; {p: $c.payload.p}));
JQ
    cat >total.jq <<'JQ'
def evolve($e): apply($e; "a.counted"; (. // 0) + $e.payload.n);
JQ
    mkdir -p app/deciders app/projectors
    cp sum.jq app/deciders && cp total.jq app/projectors
    es-append -q --id odd -t a.counted p=1 n=MARKTEXT
    es-append -q --id ask --kind command -t a.ask p=1
    es-react -q app || true
    assert_equal "$(es-query -t es.partition_parked -t es.group_stopped |
        grep -c MARKTEXT)" 2
    es-erase -q odd
    nowhere MARKTEXT
    assert_equal "$(es-query -t es.message_erased |
        jq -r .payload.type | xargs)" \
        'a.counted es.group_stopped es.partition_parked'
    es-group retry sum
    es-group start total
    run --separate-stderr es-react app
    assert_success
    assert_equal "$(es-query -t a.told --count)" 1
}
