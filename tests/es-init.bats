#!/usr/bin/env bats
#
# es-init: stores made, finished, upgraded and refused; catalogs loaded once.

load helper

catalog() {
    cat >messages.json <<'END'
{
  "loans.lend_book": {"kind": "command", "web": true,
    "payload": {"book_id": "string", "days": "integer"}},
  "loans.book_lent": {"keys": ["book_id"],
    "payload": {"book_id": "string", "days": "integer", "note": "string?"}}
}
END
}

@test "a store is made, without a word" {
    run --separate-stderr es-init
    assert_success
    refute_output
    assert_stderr
    assert_file_exist es.db
    run --separate-stderr es-query
    assert_success
    refute_output
}

@test "-v says what was done" {
    run --separate-stderr es-init -v
    assert_success
    refute_output
    assert_stderr 'es-init: es.db: store made'
    run --separate-stderr es-init -v
    assert_success
    assert_stderr 'es-init: es.db: store is there already'
}

@test "the store's name comes from -s, else from ES_STORE" {
    es-init -s a.db
    ES_STORE=b.db es-init
    ES_STORE=b.db es-init --store c.db
    assert_file_exist a.db
    assert_file_exist b.db
    assert_file_exist c.db
    assert_file_not_exist es.db
}

@test "running it again changes nothing" {
    catalog
    es-init -m messages.json
    es-append -q -t loans.book_lent book_id=b1 days=14
    es-query >before
    run --separate-stderr es-init -m messages.json
    assert_success
    refute_output
    assert_stderr
    es-query | cmp before -
}

@test "a catalog is loaded as a message of the log" {
    catalog
    run --separate-stderr es-init -v -m messages.json
    assert_success
    assert_stderr "es-init: es.db: store made
es-init: es.db: catalog loaded"
    run --separate-stderr es-query
    assert_success
    assert_line --partial '"type":"es.catalog_loaded"'
    jq -ce .payload.catalog <<<"$output" | cmp - <(jq -c . messages.json)
}

@test "the same catalog in another writing is in force already" {
    catalog
    es-init -m messages.json
    jq -cS . messages.json >sorted.json
    run --separate-stderr es-init -v -m sorted.json
    assert_success
    assert_stderr "es-init: es.db: store is there already
es-init: es.db: catalog is in force already"
    assert_equal "$(es-query --count)" 1
}

@test "another catalog is loaded behind it" {
    catalog
    es-init -m messages.json
    echo '{"loans.book_lent": {}}' >messages.json
    run --separate-stderr es-init -m messages.json
    assert_success
    assert_equal "$(es-query --count)" 2
    es-append -q -t loans.book_lent anything=goes
}

@test "an APP's catalog is its messages.json" {
    mkdir loans
    catalog
    mv messages.json loans
    run --separate-stderr es-init loans
    assert_success
    refute_output
    run --separate-stderr es-append -t loans.book_lent title=x
    assert_failure 1
    refute_output
    assert_error_line es-append 'title: no such attribute'
}

@test "an APP without a catalog makes no store" {
    mkdir loans
    run --separate-stderr es-init loans
    assert_failure 1
    refute_output
    assert_error_line es-init 'loans: not an app'
    assert_file_not_exist es.db
}

@test "a wrong catalog is refused by place, and makes no store" {
    echo '{"loans.lend_book": {"kind": "order"}}' >bad.json
    run --separate-stderr es-init -m bad.json
    assert_failure 1
    refute_output
    assert_error_line es-init '^es-init: bad.json: loans.lend_book: kind: '
    printf '{\n  "loans.lend_book": {\n' >bad.json
    run --separate-stderr es-init -m bad.json
    assert_failure 1
    assert_error_line es-init '^es-init: bad.json:'
    run --separate-stderr es-init -m none.json
    assert_failure 1
    assert_stderr 'es-init: none.json: No such file or directory'
    assert_file_not_exist es.db
}

@test "a wrong catalog leaves the one in force" {
    catalog
    es-init -m messages.json
    echo '{"loans.book_lent": {"payload": {"days": "int"}}}' >bad.json
    run --separate-stderr es-init -m bad.json
    assert_failure 1
    assert_error_line es-init 'bad.json: loans.book_lent: '
    run --separate-stderr es-append -t loans.book_lent book_id=b1 days=many
    assert_failure 1
    assert_error_line es-append 'days: must be an integer, not "many"'
}

@test "an APP's handlers get their groups before anything is appended" {
    es-init --new shop
    run --separate-stderr es-init shop
    assert_success
    refute_output
    run es-init shop
    assert_success
    run sqlite3 -readonly es.db 'select name from consumer order by 1'
    assert_output "campaign
campaigns
donation"
}

@test "an APP with a mistake in a handler makes no store" {
    es-init --new shop
    echo 'def evolve($e): ' >shop/deciders/campaign.jq
    run --separate-stderr es-init shop
    assert_failure 1
    refute_output
    assert_error_line es-init '^es-init: shop/deciders/campaign.jq:1: '
    assert_file_not_exist es.db
}

@test "--new writes a starter app, and over nothing" {
    run --separate-stderr es-init --new shop
    assert_success
    refute_output
    assert_stderr
    jq -e 'has("donations.select_amount")' shop/messages.json
    assert_file_exist shop/deciders/donation.jq
    assert_file_not_exist es.db
    echo '{}' >shop/messages.json
    run --separate-stderr es-init --new shop
    assert_failure 1
    refute_output
    assert_stderr 'es-init: shop: the directory is not empty'
    assert_equal "$(cat shop/messages.json)" '{}'
    mkdir empty
    es-init --new empty
    assert_file_exist empty/messages.json
    run --separate-stderr es-init --new no/such
    assert_failure 1
    assert_stderr 'es-init: no/such: No such file or directory'
}

@test "usage" {
    run --separate-stderr es-init a b
    assert_failure 2
    refute_output
    assert_stderr 'es-init: b: more than one APP (see -h)'
    run --separate-stderr es-init -m c.json app
    assert_failure 2
    assert_error_line es-init '-m: '
    run --separate-stderr es-init --new
    assert_failure 2
    assert_error_line es-init
    run --separate-stderr es-init --new a b
    assert_failure 2
    assert_error_line es-init '--new stands alone'
    run --separate-stderr es-init --delete app
    assert_failure 2
    assert_error_line es-init '--delete: removes a store'
    run --separate-stderr es-init --force
    assert_failure 2
    assert_error_line es-init '--force goes with --delete'
    run --separate-stderr es-init --new a --delete
    assert_failure 2
    assert_error_line es-init '--new stands alone'
    assert_file_not_exist es.db
}

@test "what is not a store stays as it is" {
    sqlite3 other.db 'create table t(x); insert into t values(1)'
    echo 'not a database at all' >text
    cp other.db other.copy
    cp text text.copy
    run --separate-stderr es-init -s other.db
    assert_failure 1
    refute_output
    assert_stderr 'es-init: other.db: not a store of es'
    run --separate-stderr es-init -s text
    assert_failure 1
    assert_stderr 'es-init: text: file is not a database'
    cmp other.db other.copy
    cmp text text.copy
    # Nor are other files left beside it.
    run compgen -G '*-*'
    refute_output --regexp '(lock|bell|wal|shm)'
}

@test "a store of a newer format is refused and stays as it is" {
    es-init
    sqlite3 es.db 'pragma user_version = 99' >/dev/null
    run --separate-stderr es-init
    assert_failure 1
    refute_output
    assert_error_line es-init 'format'
    run --separate-stderr es-append -t a
    assert_failure 1
    assert_error_line es-append 'format'
    run --separate-stderr es-query
    assert_failure 1
    assert_error_line es-query 'format'
    assert_equal "$(sqlite3 es.db 'pragma user_version')" 99
}

@test "a directory, and one that is not there" {
    mkdir d
    run --separate-stderr es-init -s d
    assert_failure 1
    assert_error_line es-init "^es-init: d: [Ii]s a directory"
    run --separate-stderr es-init -s none/es.db
    assert_failure 1
    assert_error_line es-init 'No such file or directory'
}

@test "a directory that cannot be written" {
    need_unprivileged
    mkdir d
    chmod 555 d
    run --separate-stderr unprivileged es-init -s d/es.db
    assert_failure 1
    refute_output
    assert_error_line es-init 'Permission denied'
}

@test "an empty file becomes a store" {
    : >es.db
    run --separate-stderr es-query
    assert_failure 1
    assert_error_line es-query 'es.db: an empty file, no store: .*es-init'
    run --separate-stderr es-init
    assert_success
    es-append -q -t a
}

@test "one that was killed on the way is finished by the next" {
    # Whatever moment it is: a store, or no store that is in the way.
    local i pid
    for i in 0 1 2 3 4 5 6 7 8 9; do
        es-init -s "$i.db" &
        pid=$!
        within 5 test -e "$i.db"
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" || true
        es-init -s "$i.db"
        es-append -q -s "$i.db" -t a
        assert_equal "$(es-query -s "$i.db" --count)" 1
    done
}

@test "several at once make one store" {
    local i
    for i in 1 2 3 4; do
        start "init$i" es-init -v
    done
    for pid in "${es_started[@]}"; do
        finish 10 "$pid"
        assert_equal "$status" 0
    done
    assert_equal "$(cat init?.err | grep -c 'store made')" 1
    assert_equal "$(cat init?.err | grep -c 'there already')" 3
    assert_equal "$(cat init?.out)" ''
}

@test "an APP that is not there is a failure, no command that was not found" {
    run --separate-stderr es-init nosuchapp
    assert_failure 1
    assert_error_line es-init 'nosuchapp: No such file'
    assert_file_not_exist es.db
}

# The files here, but for those of bats.
here() {
    local name
    for name in *; do
        [[ ! -e $name || $name == separate-stderr-* ]] || printf '%s ' "$name"
    done
}

# A store with everything that may lie beside it.
whole_store() {
    es-init
    es-append -q -t a.b a_id=x
    printf '%s\n' 'def about: {partition_by: ["a_id"]};' 'def initial: 0;' \
        'def evolve($e): apply($e; "a.b"; . + 1);' >p.jq
    es-react -q p.jq
    es-project p.jq
    touch es.db-token
    assert_file_exist es.db-workers
    assert_file_exist es.db.views/p.db
    rm p.jq
}

@test "--delete removes a store with all its files" {
    whole_store
    touch es.dbx es.db.other
    run --separate-stderr es-init --delete
    assert_success
    refute_output
    assert_stderr
    assert_equal "$(here)" 'es.db.other es.dbx '
    run --separate-stderr es-init --delete
    assert_failure 1
    refute_output
    assert_stderr 'es-init: es.db: there is no store here'
    es-init -s a.db
    run --separate-stderr es-init -v -s a.db --delete
    assert_success
    assert_stderr 'es-init: a.db: removed'
}

@test "--delete leaves alone what is not a store" {
    sqlite3 other.db 'create table t(x)'
    echo text >text
    : >empty
    mkdir dir
    for name in other.db text empty dir; do
        run --separate-stderr es-init --delete --force -s "$name"
        assert_failure 1
        refute_output
        assert_error_line es-init "$name: "
    done
    assert_equal "$(here)" 'dir empty other.db text '
    assert_equal "$(cat text)" text
}

@test "--delete leaves alone what a program has open, but for --force" {
    es-init
    es-append -q -t a
    start follow es-query -f
    within 10 lines follow.out 1
    run --separate-stderr es-init --delete
    assert_failure 5
    refute_output
    assert_stderr \
        'es-init: es.db: another program has it open: end it, or use --force'
    assert_equal "$(es-query --count)" 1
    run --separate-stderr es-init --delete --force
    assert_success
    finish 10 "$pid"
    assert_equal "$status" 1
    assert_equal "$(compgen -G "es.db*")" ''
}

@test "who writes to a store that was removed is told" {
    es-init
    mkfifo in
    start writer bash -c 'es-append --each <in'
    exec {in}>in
    echo '{"type":"first"}' >&"$in"
    within 10 lines writer.out 1
    es-init --delete --force
    es-init
    echo '{"type":"second"}' >&"$in"
    exec {in}>&-
    finish 10 "$pid"
    assert_equal "$status" 1
    grep -q 'es.db: is another file' writer.err
    assert_equal "$(wc -l <writer.out)" 1
    assert_equal "$(es-query --count)" 0
}

@test "--delete that was killed is finished by the next" {
    # Whatever it had removed by then.
    local names=(es.db.views/p.db es.db-wal es.db-shm es.db-workers
        es.db-token es.db es.db-bell) n
    for n in 0 1 2 3 4 5 6 7; do
        whole_store
        sqlite3 es.db 'pragma wal_checkpoint(truncate)' >/dev/null
        rm -f "${names[@]:0:n}"
        [ "$n" -lt 6 ] || rm -rf es.db.views
        run --separate-stderr es-init --delete
        assert_success
        assert_equal "$(here)" ''
    done
}

@test "--delete follows a link, and leaves it" {
    mkdir real
    es-init -s real/es.db
    ln -s real/es.db link
    run --separate-stderr es-init --delete -s link
    assert_success
    assert_equal "$(ls -A real)" ''
    [ -L link ]
}

@test "--delete where it may not removes nothing of the database" {
    mkdir ro
    es-init -s ro/es.db
    chmod 555 ro
    run --separate-stderr unprivileged es-init --delete -s ro/es.db
    chmod 755 ro
    assert_failure 1
    assert_error_line es-init 'ro/es.db'
    assert_file_exist ro/es.db
}

# change JQ: change messages.json and load it.
change() {
    jq "$1" messages.json >changed.json
    run --separate-stderr es-init -m changed.json
}

@test "a change that would make good payloads bad needs a new version" {
    catalog
    es-init -m messages.json
    es-query >before
    change '."loans.book_lent".payload.days = "string"'
    assert_failure 1
    refute_output
    assert_stderr 'es-init: changed.json: loans.book_lent: days: was integer, now string, without a new version'
    change 'del(."loans.book_lent".payload.note)'
    assert_failure 1
    assert_stderr 'es-init: changed.json: loans.book_lent: note: was string, now gone, without a new version'
    # The first one, in the order of the file.
    change '."loans.lend_book".kind = "event"
      | ."loans.book_lent".payload.days = "string"'
    assert_failure 1
    assert_stderr 'es-init: changed.json: loans.lend_book: kind: was command, now event, without a new version'
    es-query | cmp before -
    # An app is refused in the same way.
    mkdir app
    jq '."loans.book_lent".payload.more = "any"' messages.json \
        >app/messages.json
    run --separate-stderr es-init app
    assert_failure 1
    assert_stderr 'es-init: app/messages.json: loans.book_lent: more: was not there, now required, without a new version'
    es-query | cmp before -
}

@test "what keeps good payloads good is loaded" {
    catalog
    es-init -m messages.json
    change '."loans.book_lent" |= (.keys = ["days"] | .channel = "a"
      | .payload += {days: "number", note: "any?", more: "uuid?"})
      | ."loans.lend_book".web = false | ."other.type" = {}'
    assert_success
    refute_output
    assert_stderr
    run es-query --count
    assert_output 2
    # The catalog that is loaded counts, not the first.
    run --separate-stderr es-init -m messages.json
    assert_failure 1
    assert_stderr 'es-init: messages.json: loans.book_lent: days: was number, now integer, without a new version'
}

@test "a version goes up, never down" {
    catalog
    es-init -m messages.json
    change '."loans.book_lent" += {version: 2, upcast: ".", keys: [],
      payload: {days: "string"}}'
    assert_success
    run --separate-stderr es-init -m messages.json
    assert_failure 1
    assert_stderr 'es-init: messages.json: loans.book_lent: version: was 2, now 1: a version never goes back'
    change '."loans.book_lent".version = 2'
    assert_failure 1
    assert_error_line es-init 'days: was string, now integer, without a new'
}
