# The executables and the catalog of the donations app; its rules are tested
# beside it, in share/es/apps/donations/tests.

load helper

setup() {
    es_setup
    app=$ES_TOP/share/es/apps/donations
    campaign='"campaign_id":"c0000000-0000-4000-8000-000000000001"'
    donation=$campaign',"donation_id":"d0000000-0000-4000-8000-000000000001"'
}

# react EXECUTABLE ATTEMPT MEMBERS
react() {
    ES_STORE=$PWD/es.db ES_ID=m1 ES_KEY=$1/m1 ES_ATTEMPT=$2 DONATIONS_DELAY=0 \
        "$app/reactors/$1" <<<"{\"payload\":{$donation,$3}}"
}

@test "an email that was sent is not sent with another token" {
    run --separate-stderr react send-verification 1 \
        '"name":"Ada\n\nX-Token: mine","email":"ada@example.org"'
    assert_success
    first=$output
    token=$(jq -r .payload.token <<<"$first")
    [[ $token =~ ^[0-9a-f]{32}$ ]]
    assert_equal "$(jq -Sc 'del(.payload.token)' <<<"$first")" \
        "$(jq -nSc "{type: \"donations.verification_email_sent\",
            payload: {$donation, email: \"ada@example.org\"}}")"
    run -0 cat outbox/*.eml
    assert_line 'To: ada@example.org'
    assert_line "your verification code is $token"

    run -0 --separate-stderr react send-verification 2 \
        '"name":"Ada","email":"ada@example.org"'
    assert_output "$first"
    run ls outbox
    assert_output d0000000-0000-4000-8000-000000000001.m1.eml
}

@test "a payment with the same key is charged once" {
    run --separate-stderr react take-payment 1 \
        '"name":"Ada","amount":30,"number":1'
    assert_success
    first=$output
    receipt=$(jq -r .payload.receipt <<<"$first")
    assert_equal "$(jq -Sc . <<<"$first")" \
        "$(jq -nSc "{type: \"donations.payment_confirmed\",
            payload: {$donation, amount: 30, receipt: \"$receipt\"}}")"
    run -0 --separate-stderr react take-payment 2 \
        '"name":"Ada","amount":30,"number":1'
    assert_output "$first"
    run cat gateway/*
    assert_output "30"$'\t'"confirmed $receipt"
}

@test "a gateway that does not answer is a fault, and nothing is charged" {
    run --separate-stderr react take-payment 1 \
        '"name":"Grace Retry","amount":30,"number":1'
    assert_failure 1
    refute_output
    assert_stderr "the payment gateway does not answer"
    run ls gateway
    refute_output
    run -0 --separate-stderr react take-payment 2 \
        '"name":"Grace Retry","amount":30,"number":1'
    assert_equal "$(jq -r .type <<<"$output")" donations.payment_confirmed

    DONATIONS_FAIL_RATE=100 DONATIONS_GATEWAY=$PWD/elsewhere \
        run --separate-stderr react take-payment 1 \
        '"name":"Ada","amount":30,"number":1'
    assert_failure 1
    assert_stderr "the payment gateway does not answer"
}

@test "a declined card is an answer" {
    run -0 --separate-stderr react take-payment 1 \
        '"name":"Joan Declined","amount":30,"number":1'
    assert_equal "$(jq -c '[.type, .payload.reason]' <<<"$output")" \
        '["donations.payment_failed","the card was declined"]'
    ES_STORE=$PWD/es.db ES_ID=m2 ES_KEY=take-payment/m2 ES_ATTEMPT=1 \
        DONATIONS_DELAY=0 run -0 --separate-stderr \
        "$app/reactors/take-payment" \
        <<<"{\"payload\":{$donation,\"name\":\"Joan Declined\",\"amount\":30,\"number\":2}}"
    assert_equal "$(jq -r .type <<<"$output")" donations.payment_confirmed
}

@test "the catalog says all that the app says, and nothing else" {
    run grep -Eohr '(campaigns|donations)\.[a-z_]+' \
        "$app/deciders" "$app/reactors" "$app/projectors"
    assert_equal "$(sort -u <<<"$output")" \
        "$(jq -r 'keys[]' "$app/messages.json" | sort)"
    # Who decides on a command is not the donor where the workflow goes on.
    run jq -r 'to_entries[] | select(.value.kind == "command" and
        (.value.web | not)) | .key' "$app/messages.json"
    assert_output "donations.request_verification
donations.complete_donation"
}
