# A donation to a campaign: `.` is the state, folded by evolve from what this
# partition reads: the donation's own events and those of its campaign.

def about: {partition_by: ["campaign_id", "donation_id"]};

def initial: {campaign: null, started: false, amount: null, paid: false};

def evolve($e):
    apply($e; "campaigns.campaign_created"; .campaign = "open")
  | apply($e; "campaigns.campaign_closed"; .campaign = "closed")
  | apply($e; "donations.donation_started"; .started = true)
  | apply($e; "donations.amount_selected"; .amount = $e.payload.amount)
  | apply($e; "donations.payment_confirmed"; .paid = true);

def campaign_is_open:
    require(.campaign != null; "there is no such campaign")
  | require(.campaign != "closed"; "campaign is closed");

def decide($c):
  on($c; "donations.start_donation";
      campaign_is_open
    | require(.started | not; "donation is started already")
    | event("donations.donation_started"; $c.payload)),

  on($c; "donations.select_amount";
      campaign_is_open
    | require(.paid | not; "donation is paid already")
    | require($c.payload.amount | IN(5, 10, 30, 50); "choose 5, 10, 30 or 50")
    | event("donations.amount_selected"; $c.payload)),

  on($c; "donations.confirm_payment";
      require(.amount != null; "choose an amount first")
    | require(.paid | not; "donation is paid already")
    | event("donations.payment_confirmed"; $c.payload + {amount}));
