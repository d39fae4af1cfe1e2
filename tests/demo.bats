# What a newcomer runs first: the demo, the starter app, the README.

load helper

# section HEADING: the sh blocks of that section of the README
section() {
    awk -v heading="## $1" '
        /^## / { here = $0 == heading }
        here && /^```sh$/ { on = 1; next }
        /^```$/ { on = 0 }
        on' "$ES_TOP/README.md"
}

@test "the demo goes to its end and leaves nothing behind" {
    export DONATIONS_DELAY=0 TMPDIR=$PWD/tmp
    mkdir tmp
    run --separate-stderr "$ES_TOP/share/es/demo-cli"
    assert_success
    assert_stderr
    assert_line --regexp '^es-react: take-payment: .* try 1 failed'
    assert_line --partial 'rejected: sorry, this campaign is closed'
    assert_line 'exit 4'
    assert_line --partial '"total":40'
    assert_line 'All of it went as it should.'
    run ls tmp
    refute_output
}

@test "the demo in a browser serves what it has sown, and leaves nothing behind" {
    export DONATIONS_DELAY=0 TMPDIR=$PWD/tmp
    mkdir tmp
    start demo "$ES_TOP/share/es/demo"
    within 30 grep -q '^http' demo.out
    url=$(sed 's,/?.*,,' demo.out)
    run curl -sS "$url/"
    assert_output --partial 'A new roof for the library</h3>'
    assert_output --partial '<strong>€ 80</strong>'
    assert_output --partial '<strong>€ 100</strong>'
    donation=/c0000000-0000-4000-8000-000000000001/d0000000-0000-4000-8000-000000000006
    shows() { curl -sS "$url$1" | grep -qF "$2"; }
    within 30 shows "$donation" 'How much would you like to give?'

    # A mail's code is printed when it is "sent".
    store=$(echo tmp/*/es.db)
    run -0 es-query --count -s "$store" -t es.command_rejected
    assert_output 0
    set -- campaign_id=c0000000-0000-4000-8000-000000000001 \
        donation_id=d0000000-0000-4000-8000-000000000006
    es-append -q -s "$store" -t donations.select_amount "$@" amount=5
    es-append -q -s "$store" -t donations.enter_details "$@" name=Kay \
        email=kay@example.org
    within 30 grep -q '^mail to kay@example.org: your code is [0-9a-f]' demo.err

    kill -TERM "$pid"
    finish 20 "$pid"
    run ls tmp
    refute_output
    run pgrep -f "$PWD/tmp/"
    refute_output
}

@test "the demo goes on with a store that is there" {
    export DONATIONS_DELAY=0
    mkdir here
    es-init -s here/es.db "$ES_TOP/share/es/apps/donations"
    before=$(es-query -s here/es.db --count)
    start demo "$ES_TOP/share/es/demo" here
    within 30 grep -q '^http' demo.out
    kill -TERM "$pid"
    finish 20 "$pid"
    assert_equal "$(es-query -s here/es.db --count)" "$before"
    assert_file_not_exist here/mails
}

@test "what the demo did can be looked at" {
    DONATIONS_DELAY=0 "$ES_TOP/share/es/demo-cli" here >log
    cd here
    # Every command has its one outcome, and knows what caused it.
    run es-query --count -t es.command_rejected
    assert_output 0
    run es-group list --json
    assert_equal "$(jq -sc 'map([.lag, .parked, .retrying]) | unique' \
        <<<"$output")" '[[0,0,0]]'
    cause=$(es-query -t donations.pay | head -n 1 | jq -r .id)
    run es-query
    assert_equal "$(jq -sr --arg cause "$cause" \
        'map(select(.correlation_id == $cause).type) | join(" ")' \
        <<<"$output")" "donations.pay donations.payment_requested \
donations.payment_confirmed donations.complete_donation \
donations.donation_completed"
    # What is private is not indexed.
    run es-query -g email:ada@example.org
    assert_failure 2
    assert_output --partial 'no message can be found by "email"'
    # Nothing is pending: running it again changes nothing.
    before=$(es-query --count)
    es-react "$ES_TOP/share/es/apps/donations"
    assert_equal "$(es-query --count)" "$before"
}

@test "a declined card can be paid again" {
    app=$ES_TOP/share/es/apps/donations
    export DONATIONS_DELAY=0
    es-init "$app"
    set -- campaign_id=c0000000-0000-4000-8000-000000000001
    es-append -q -t campaigns.create_campaign "$@" name=Roof
    # Groups do not wait for each other: a donation may be decided before the
    # campaign is there, and is rejected then.
    es-react "$app"
    set -- "$@" donation_id=d0000000-0000-4000-8000-000000000001
    es-append -q -t donations.start_donation "$@"
    es-append -q -t donations.select_amount "$@" amount=50
    es-append -q -t donations.enter_details "$@" name='Joan Declined' \
        email=joan@example.org
    es-react "$app"
    es-append -q -t donations.verify_email "$@" \
        token="$(sed -n 's/^X-Token: //p' outbox/*.eml)"
    es-append -q -t donations.pay "$@"
    es-react "$app"
    run es-project "$app/projectors/donations.jq" --print
    assert_equal "$(jq -c '[.state.step, .state.problem]' <<<"$output")" \
        '["payment failed","the card was declined"]'
    es-append -q -t donations.pay "$@"
    es-react "$app"
    run es-project "$app/projectors/donations.jq" --print
    assert_equal "$(jq -c '[.state.step, .state.problem]' <<<"$output")" \
        '["completed",null]'
    run es-project "$app/projectors/campaigns.jq" --print
    assert_equal "$(jq -c '[.state.donations, .state.total]' <<<"$output")" \
        '[1,50]'
}

@test "the README begins with the demo's lines" {
    story=$(sed -n '/^# ---- the story/,/---- the end/p' \
        "$ES_TOP/share/es/demo-cli" | sed '1,3d; $d')
    [[ -n $story && $(<"$ES_TOP/README.md") == *"\`\`\`sh
$story
\`\`\`"* ]] || fail "demo-cli and README.md differ"
}

@test "the tour of the README runs" {
    section 'Five minutes, from an empty directory' >tour.sh
    run -0 --separate-stderr bash -e tour.sh
    assert_line 'exit 4'
    assert_line 'exit 3'
    assert_line 'c1|10'
    assert_line --partial '"type":"thanks.sent"'
    # The rule that it shows is the one that the starter has.
    rule=$(awk '/^```jq$/ { on = 1; next } /^```$/ { on = 0 } on' \
        "$ES_TOP/README.md")
    [[ -n $rule && $(<donations/deciders/donation.jq) == *"$rule"* ]] ||
        fail "the rule in README.md is not the starter's"
}

@test "the starter app passes its own test" {
    run --separate-stderr es-init --new app
    assert_success
    refute_output
    assert_stderr
    cd app
    run bats tests
    assert_success
    refute_line --regexp '^not ok'
}

@test "a starter app is not written over anything" {
    mkdir full empty
    touch full/x
    run --separate-stderr es-init --new full
    assert_failure 1
    assert_stderr "es-init: full: the directory is not empty"
    run ls full
    assert_output x
    es-init --new empty
    assert_file_exist empty/messages.json
    run --separate-stderr es-init --new other empty
    assert_failure 2
    assert_file_not_exist other
}

@test "an app's groups are there before anything is appended" {
    es-init "$ES_TOP/share/es/apps/donations"
    run es-group list --json
    assert_equal "$(jq -sr 'map(.name) | sort | join(" ")' <<<"$output")" \
        "campaign campaigns donation donations send-verification take-payment \
workflow"
}
