#!/usr/bin/env bats
# What happened (given), a command (when), what comes of it (then): es-bats(7).
# Run them with: bats tests

load es

setup() {
    handler deciders/donation.jq
}

@test "an open campaign takes a donation" {
    given campaigns.campaign_created campaign_id=c1 name=Roof
    when donations.select_amount campaign_id=c1 donation_id=d1 amount=10
    then_events donations.amount_selected campaign_id=c1 donation_id=d1 \
        amount=10
}

@test "a closed campaign refuses" {
    given campaigns.campaign_created campaign_id=c1 name=Roof
    given campaigns.campaign_closed campaign_id=c1
    when donations.select_amount campaign_id=c1 donation_id=d1 amount=10
    then_rejected "campaign is closed"
}

@test "without a campaign there is no donation" {
    when donations.start_donation campaign_id=c1 donation_id=d1
    then_rejected "there is no such campaign"
}

@test "another campaign's closing does not matter" {
    given campaigns.campaign_created campaign_id=c1 name=Roof
    given campaigns.campaign_created campaign_id=c2 name=Door
    given campaigns.campaign_closed campaign_id=c2
    when donations.start_donation campaign_id=c1 donation_id=d1
    then_events donations.donation_started campaign_id=c1 donation_id=d1
}

@test "the amount is one of four" {
    given campaigns.campaign_created campaign_id=c1 name=Roof
    when donations.select_amount campaign_id=c1 donation_id=d1 amount=7
    then_rejected "choose 5, 10, 30 or 50"
}

@test "an amount is a number" {
    given campaigns.campaign_created campaign_id=c1 name=Roof
    when donations.select_amount campaign_id=c1 donation_id=d1 amount=ten
    then_fault "amount: must be an integer"
}

@test "a payment carries the amount, once" {
    given campaigns.campaign_created campaign_id=c1 name=Roof
    given donations.amount_selected campaign_id=c1 donation_id=d1 amount=30
    when donations.confirm_payment campaign_id=c1 donation_id=d1
    then_events donations.payment_confirmed campaign_id=c1 donation_id=d1 \
        amount=30
    when donations.confirm_payment campaign_id=c1 donation_id=d1
    then_rejected "donation is paid already"
}

@test "a campaign is created and closed once" {
    handler deciders/campaign.jq
    when campaigns.create_campaign campaign_id=c1 name=Roof
    then_events campaigns.campaign_created campaign_id=c1 name=Roof
    when campaigns.create_campaign campaign_id=c1 name=Door
    then_rejected "campaign exists already"
    when campaigns.close_campaign campaign_id=c1
    then_events campaigns.campaign_closed campaign_id=c1
    when campaigns.close_campaign campaign_id=c1
    then_rejected "there is no such open campaign"
}

@test "the read model adds up what was paid" {
    handler projectors/campaigns.jq
    given campaigns.campaign_created campaign_id=c1 name=Roof
    given donations.payment_confirmed campaign_id=c1 donation_id=d1 amount=30
    given donations.payment_confirmed campaign_id=c1 donation_id=d2 amount=5
    then_state '.total == 35'
}
