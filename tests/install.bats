load helper

# A tree of its own, built already, so that the one under test is left alone;
# and what it installs, for the tests that only look.
setup_file() {
    [ "$ES_BIN" = "$ES_TOP/bin" ] || return 0
    mkdir -p "$BATS_FILE_TMPDIR/tree/build"
    cd "$ES_TOP" || return
    cp -a Makefile .ci bin lib man share "$BATS_FILE_TMPDIR/tree/"
    cp -a build/flags build/lib build/bin build/libes.a \
        "$BATS_FILE_TMPDIR/tree/build/"
    umask 077
    tree=$BATS_FILE_TMPDIR/tree es_make install \
        DESTDIR="$BATS_FILE_TMPDIR/installed"
}

setup() {
    es_setup
    [ "$ES_BIN" = "$ES_TOP/bin" ] || skip "only of the build in bin/"
    tree=$BATS_FILE_TMPDIR/tree
    installed=$BATS_FILE_TMPDIR/installed/usr/local
    stage=$BATS_TEST_TMPDIR/stage
}

# Wherever the build itself is meant to go; nothing is compiled for that.
es_make() {
    run --separate-stderr make -s -C "$tree" -o build/flags "$@" \
        PREFIX=/usr/local MANDIR=/usr/local/share/man
    assert_success
    refute_output
    assert_stderr
}

programs() {
    local file
    for file in "$ES_TOP"/bin/es-*.c; do
        basename "$file" .c
    done
}

@test "what is installed is complete and works from its place" {
    local name page file
    cd "$installed"
    assert_file_permission 755 share/es
    for name in $(programs); do
        assert_file_permission 755 "bin/$name"
        run --separate-stderr "bin/$name" -V
        assert_success
        assert_file_permission 644 "share/bash-completion/completions/$name"
        assert_exists "share/zsh/site-functions/_$name"
        assert_exists "share/fish/vendor_completions.d/$name.fish"
    done
    for page in "$ES_TOP"/man/*.[1-9]; do
        file=${page##*/}
        assert_file_permission 644 "share/man/man${file##*.}/$file"
    done
    while read -r file; do
        cmp "$ES_TOP/share/es/$file" "share/es/$file"
        [ ! -x "$ES_TOP/share/es/$file" ] || [ -x "share/es/$file" ] ||
            fail "$file has lost its x"
    done < <(cd "$ES_TOP/share/es" && find . -type f)
}

@test "an installed program finds its share beside it" {
    local at=$PWD/moved/bin
    cp -R "$installed" moved
    PATH=$at:$PATH
    run --separate-stderr "$at/es-init" --new app
    assert_success
    assert_exists app/messages.json
}

@test "uninstall leaves nothing behind" {
    cp -R "$BATS_FILE_TMPDIR/installed" "$stage"
    es_make uninstall DESTDIR="$stage"
    assert_not_exists "$stage"

    mkdir "$stage"
    es_make install DESTDIR="$stage"
    es_make install DESTDIR="$stage"
    es_make uninstall DESTDIR="$stage"
    run ls -A "$stage"
    assert_output ""
}

@test "uninstall leaves what others have put there, and their directories" {
    mkdir -p "$stage/usr/local/bin" "$stage/usr/local/share/man/man1"
    echo theirs >"$stage/usr/local/bin/es-other"
    es_make install DESTDIR="$stage"
    echo theirs >"$stage/usr/local/share/fish/other"
    es_make uninstall DESTDIR="$stage"
    run sh -c "cd '$stage' && find . | LC_ALL=C sort"
    assert_output ".
./usr
./usr/local
./usr/local/bin
./usr/local/bin/es-other
./usr/local/share
./usr/local/share/fish
./usr/local/share/fish/other
./usr/local/share/man
./usr/local/share/man/man1"
    # Nothing to take back is no error.
    es_make uninstall DESTDIR="$stage"
}

# The flags of the usage text.
flags() {
    "$1" -h | sed -n '/^Options:/,/^$/p' |
        sed -n 's/^  *\(-[A-Za-z], \)\{0,1\}\(--[a-z-]*\).*/\1 \2/p' |
        tr -d ',' | tr ' ' '\n' | grep .
}

@test "completions have every flag of -h, and are well formed" {
    local name flag file word all of_bash of_zsh of_fish
    for name in $(programs); do
        file=$installed/share/bash-completion/completions/$name
        bash -n "$file"
        of_bash=$(<"$file")
        file=$installed/share/zsh/site-functions/_$name
        ! command -v zsh >/dev/null || zsh -n "$file"
        of_zsh=$(<"$file")
        file=$installed/share/fish/vendor_completions.d/$name.fish
        ! command -v fish >/dev/null || fish -n "$file"
        of_fish=$(<"$file")
        mapfile -t all < <(flags "$name")
        [ ${#all[@]} -ge 10 ] || fail "$name: few flags"
        for flag in "${all[@]}"; do
            [[ $of_bash =~ [\ \|\"]${flag}[\ \|\"\)] ]] ||
                fail "bash: $name $flag"
            [[ $of_zsh =~ [[:space:]\({,\']${flag}[\'=+\),}\ [] ]] ||
                fail "zsh: $name $flag"
            word=${flag#-}
            case $word in
            -*) word="-l ${word#-}" ;;
            *) word="-s $word" ;;
            esac
            [[ "$of_fish " =~ \ ${word}[[:space:]] ]] ||
                fail "fish: $name $flag"
        done
    done
}

# complete WORD...: what bash offers for the last of the words.
complete_words() {
    # shellcheck disable=SC2034 # for the completion
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    "_${1//-/_}"
    printf '%s\n' "${COMPREPLY[@]}"
}

@test "bash completes flags, kinds and files" {
    # shellcheck disable=SC1090,SC1091
    . "$installed/share/bash-completion/completions/es-query"
    run complete_words es-query --rev
    assert_output --reverse
    run complete_words es-query --kind ''
    assert_output "event
command"
    touch 'a file' other
    run complete_words es-query -s 'a'
    assert_output 'a file'
    run complete_words es-query -n ''
    assert_output ''
    run complete_words es-query oth
    assert_output other
}
