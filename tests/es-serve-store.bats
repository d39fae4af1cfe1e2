#!/usr/bin/env bats
#
# es-serve over a store that cannot be written, or is replaced under it.

load helper
load es-serve

setup() {
    es_setup
    mkdir -p app/pages
    cat >app/messages.json <<'END'
{"a.in": {"kind": "command", "web": true, "payload": {"x": "string"}}}
END
    cat >app/pages/all.jq <<'END'
def about: {path: "/"};
def initial: 0;
def evolve($e): apply($e; "a.in"; . + 1);
def render($page): ["p", "so many: \(.)"];
END
    es-init app
}

post() {
    request POST /commands/a.in -H 'Datastar-Request: true' -d "x=$1"
}

# It has ended by itself, and its last line is of the store.
assert_ended() {
    finish 10 "$server"
    assert_equal "$status" 1
    assert_regex "$(tail -n 1 serve.err)" "^es-serve: es\.db(-wal|-shm)?: $1"
}

@test "a full disk: 503, pages go on, and so do commands once there is room" {
    # Files may not grow; the signal would kill before a write can fail.
    limit=$(($(stat -c %s es.db) + 8192))
    [ ! -e es.db-wal ] || limit=$((limit + $(stat -c %s es.db-wal)))
    trap '' XFSZ
    serve --no-react
    trap - XFSZ
    prlimit --pid "$server" --fsize="$limit:unlimited"
    text=$(printf '%030000d' 0)
    for i in 1 2 3 4 5; do
        post "$text"
        [ "$status" != 202 ] || continue
        break
    done
    assert_equal "$status" 503
    assert_equal "$(header retry-after)" 5
    run cat body
    assert_output 'the log cannot be written now'
    assert_regex "$(cat serve.err)" '^es-serve: es\.db: '
    stored=$((i - 1))
    assert_equal "$(es-query --count -t a.in)" "$stored"
    request GET /
    assert_equal "$status" 200
    request POST /commands/a.in -d "x=$text" -H "Referer: $url/"
    assert_equal "$status" 503
    assert_equal "$(header retry-after)" 5
    run cat body
    assert_output --partial '<h1>Please try again</h1>'
    prlimit --pid "$server" --fsize=unlimited:unlimited
    post "$text"
    assert_equal "$status" 202
    request GET /
    assert_regex "$(cat body)" "so many: $((stored + 1))"
    es-check
}

@test "a store that cannot be read for a while: 503, and it goes on" {
    serve --no-react
    post 1
    assert_equal "$status" 202
    id=$(header es-id)
    # Everything but the first page is overwritten, in place.
    sqlite3 es.db 'pragma wal_checkpoint(truncate)' >checkpoint
    cp es.db whole
    dd if=/dev/zero of=es.db bs=4096 seek=1 count=$(($(stat -c %s es.db) / 4096 - 1)) \
        conv=notrunc status=none
    post 2
    assert_equal "$status" 503
    request GET "/commands/$id"
    assert_equal "$status" 503
    request GET /
    assert_equal "$status" 500
    within 10 grep -q 'tried again until it can be read' serve.err
    dd if=whole of=es.db conv=notrunc status=none
    post 3
    assert_equal "$status" 202
    request GET /
    assert_equal "$status" 200
    assert_regex "$(cat body)" 'so many: 2'
    assert_equal "$(grep -c 'tried again' serve.err)" 1
}

@test "who holds the store for long keeps nobody from the pages" {
    cat >hold.c <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd = open("es.db-lock", O_RDWR | O_CREAT, 0666);

	if (fd < 0 || fcntl(fd, F_OFD_SETLKW, &l) < 0)
		return 1;
	puts("held");
	fflush(stdout);
	pause();
	return 0;
}
END
    cc -o hold hold.c
    serve --no-react
    start hold ./hold
    within 5 lines hold.out 1
    holder=$pid
    start post curl -sS -o body -w '%{http_code}\n' -d x=1 -H 'Datastar-Request: true' "$url/commands/a.in"
    sender=$pid
    for _ in 1 2 3; do
        request GET / -m 5
        assert_equal "$status" 200
    done
    assert_equal "$(cat post.out)" ''
    kill "$holder"
    finish 10 "$sender"
    assert_equal "$(cat post.out)" 202
    assert_equal "$(es-query --count -t a.in)" 1
}

@test "it ends when its store is removed" {
    serve --no-react
    post 1
    es-init --delete --force
    assert_ended 'the store is gone'
    assert_file_not_exist es.db
}

@test "it ends when another store gets the name, and has written nothing to it" {
    es-copy -q other.db
    serve --no-react
    post 1
    assert_equal "$status" 202
    es-copy -q -s other.db --force es.db
    # Whether it knows already or not: nothing is acknowledged.
    run curl -s -o body -w '%{http_code}' -d x=2 -H 'Datastar-Request: true' "$url/commands/a.in"
    assert_regex "$output" '^(503|000)$'
    assert_ended 'is another file'
    assert_equal "$(es-query --count -t a.in)" 0
    es-check
}

@test "it ends when its -wal or -shm is removed, and acknowledges nothing into it" {
    for file in es.db-wal es.db-shm; do
        serve --no-react
        post 1
        assert_equal "$status" 202
        rm "$file"
        run curl -s -o body -w '%{http_code}' -d x=2 -H 'Datastar-Request: true' "$url/commands/a.in"
        assert_regex "$output" '^(503|000)$'
        assert_ended 'is gone, or another file'
        rm -f es.db*
        es-init app
    done
}
