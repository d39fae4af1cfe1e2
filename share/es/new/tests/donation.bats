# What happened (given), a command (when), what comes of it.  No store is
# needed: es-decide --given reads the history from a file.

setup() {
	cd "$BATS_TEST_DIRNAME/.." || return
	: >"$BATS_TEST_TMPDIR/given"
}

# given TYPE PAYLOAD
given() {
	printf '{"type":"%s","payload":%s}\n' "$1" "$2" \
	    >>"$BATS_TEST_TMPDIR/given"
}

# when TYPE PAYLOAD
when() {
	run es-decide deciders/donation.jq --given "$BATS_TEST_TMPDIR/given" \
	    <<<"{\"type\":\"$1\",\"payload\":$2}"
}

# then_event TYPE: that event and nothing else
then_event() {
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"\"type\":\"$1\""* ]]
}

then_rejected() {
	[ "$status" -eq 4 ]
	[[ $output == *"rejected: $1" ]]
}

@test "an open campaign takes a donation" {
	given campaigns.campaign_created '{"campaign_id":"c1","name":"Roof"}'
	when donations.select_amount \
	    '{"campaign_id":"c1","donation_id":"d1","amount":10}'
	then_event donations.amount_selected
	[[ $output == *'"amount":10'* ]]
}

@test "a closed campaign refuses" {
	given campaigns.campaign_created '{"campaign_id":"c1","name":"Roof"}'
	given campaigns.campaign_closed '{"campaign_id":"c1"}'
	when donations.select_amount \
	    '{"campaign_id":"c1","donation_id":"d1","amount":10}'
	then_rejected "campaign is closed"
}

@test "without a campaign there is no donation" {
	when donations.start_donation '{"campaign_id":"c1","donation_id":"d1"}'
	then_rejected "there is no such campaign"
}

@test "another campaign's closing does not matter" {
	given campaigns.campaign_created '{"campaign_id":"c1","name":"Roof"}'
	given campaigns.campaign_created '{"campaign_id":"c2","name":"Door"}'
	given campaigns.campaign_closed '{"campaign_id":"c2"}'
	when donations.start_donation '{"campaign_id":"c1","donation_id":"d1"}'
	then_event donations.donation_started
}

@test "the amount is one of four" {
	given campaigns.campaign_created '{"campaign_id":"c1","name":"Roof"}'
	when donations.select_amount \
	    '{"campaign_id":"c1","donation_id":"d1","amount":7}'
	then_rejected "choose 5, 10, 30 or 50"
}

@test "a payment carries the amount, once" {
	given campaigns.campaign_created '{"campaign_id":"c1","name":"Roof"}'
	given donations.amount_selected \
	    '{"campaign_id":"c1","donation_id":"d1","amount":30}'
	when donations.confirm_payment '{"campaign_id":"c1","donation_id":"d1"}'
	then_event donations.payment_confirmed
	[[ $output == *'"amount":30'* ]]

	given donations.payment_confirmed \
	    '{"campaign_id":"c1","donation_id":"d1","amount":30}'
	when donations.confirm_payment '{"campaign_id":"c1","donation_id":"d1"}'
	then_rejected "donation is paid already"
}
