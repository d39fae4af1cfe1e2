#!/usr/bin/env bats
# A campaign, and the read model of all campaigns.

load es

setup() {
    campaign=campaign_id=c0000000-0000-4000-8000-000000000001
    donation=donation_id=d0000000-0000-4000-8000-000000000001
    handler deciders/campaign.jq
}

@test "a campaign is created once, under a name" {
    when campaigns.create_campaign $campaign name='  '
    then_rejected "a campaign needs a name"
    when campaigns.create_campaign $campaign name='New roof'
    then_events campaigns.campaign_created $campaign name='New roof'
    when campaigns.create_campaign $campaign name='New roof'
    then_rejected "this campaign has been created already"
}

@test "a campaign's name is not too long for a page" {
    when campaigns.create_campaign $campaign name="$(printf '%081d' 0)"
    then_fault "name: must have at most 80 characters"
}

@test "a campaign is closed once" {
    when campaigns.close_campaign $campaign
    then_rejected "there is no such campaign"
    given campaigns.campaign_created $campaign name='New roof'
    when campaigns.close_campaign $campaign
    then_events campaigns.campaign_closed $campaign
    when campaigns.close_campaign $campaign
    then_rejected "this campaign is closed already"
}

@test "each campaign with what it has brought in" {
    local door=campaign_id=c0000000-0000-4000-8000-000000000002
    handler projectors/campaigns.jq
    given campaigns.campaign_created $campaign name='New roof'
    given campaigns.campaign_created $door name=Door
    given donations.donation_started $campaign $donation
    given donations.payment_confirmed $campaign $donation amount=30 receipt=R-1
    given campaigns.campaign_closed $campaign
    then_read_model -p $campaign '{"state": {"name": "New roof",
        "status": "closed", "started": 1, "donations": 1, "total": 30}}'
    then_read_model -p $door '{"state": {"name": "Door", "status": "open",
        "started": 0, "donations": 0, "total": 0}}'
}
