# bats file_tags=slow

load ../helper

@test "PREFIX and MANDIR are honoured, and compiled in" {
    cp -R "$ES_TOP" tree
    rm -rf tree/build tree/bin/es-*[!c]
    run make -s -C tree -j2 install CFLAGS=-O0 PREFIX=/opt/es MANDIR=/opt/man \
        DESTDIR="$PWD/stage"
    assert_success
    assert_exists stage/opt/es/bin/es-query
    assert_exists stage/opt/man/man1/es-react.1
    assert_not_exists stage/opt/es/share/man
    run grep -c /opt/es/share/es stage/opt/es/bin/es-init
    assert_output 1
    run make -s -C tree uninstall PREFIX=/opt/es MANDIR=/opt/man \
        DESTDIR="$PWD/stage"
    assert_success
    assert_not_exists stage
}

@test "the tarball of make dist builds, and its tests pass" {
    git -C "$ES_TOP" rev-parse HEAD >/dev/null 2>&1 || skip "no repository"
    make -s -C "$ES_TOP" dist DIST="$PWD/es.tar.gz"
    tar xzf es.tar.gz
    cd es-*/
    assert_not_exists build
    run make -s -j2 all unit
    assert_success
    refute_output
    # shellcheck disable=SC2016 # in that shell
    run outside bash -c 'PATH=${PATH//"$ES_BIN":/}
        exec env -u ES_BIN -u ES_TOP tests/run'
    assert_success
    assert_line --regexp '^[0-9]+ passed, 0 failed'
}
