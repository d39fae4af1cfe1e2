# One donation, from its start to its end.  Its decisions read the events of
# the campaign too: whoever closes the campaign meanwhile makes them be decided
# again.

def about: {partition_by: ["campaign_id", "donation_id"]};

def initial: {
  campaign: null,           # null: there is none; "open", "closed"
  started: false,
  amount: null,
  name: null, email: null,
  token: null,              # what was mailed to that address
  verified: false,
  payments: 0,              # how many were asked for
  payment: null,            # "requested", "failed", "confirmed"
  completed: false
};

def evolve($e):
    apply($e; "campaigns.campaign_created"; .campaign = "open")
  | apply($e; "campaigns.campaign_closed"; .campaign = "closed")
  | apply($e; "donations.donation_started"; .started = true)
  | apply($e; "donations.amount_selected"; .amount = $e.payload.amount)
  | apply($e; "donations.details_entered";
        .name = $e.payload.name | .email = $e.payload.email
      | .token = null | .verified = false)
    # A mail that was under way when the address changed proves nothing.
  | apply($e; "donations.verification_email_sent";
        if $e.payload.email == .email then .token = $e.payload.token else . end)
  | apply($e; "donations.email_verified"; .verified = true)
  | apply($e; "donations.payment_requested";
        .payment = "requested" | .payments += 1)
  | apply($e; "donations.payment_failed"; .payment = "failed")
  | apply($e; "donations.payment_confirmed"; .payment = "confirmed")
  | apply($e; "donations.donation_completed"; .completed = true);

# What several commands ask for.
def campaign_takes_donations:
    require(.campaign != null; "there is no such campaign")
  | require(.campaign == "open";
      "sorry, this campaign is closed and takes no more donations");

def donation_is_open:
    campaign_takes_donations
  | require(.started; "this donation has not been started")
  | require(.payment != "requested"; "the payment is under way")
  | require(.payment != "confirmed"; "this donation has been paid");

def decide($c):
  def ids: $c.payload | {campaign_id, donation_id};

  on($c; "donations.start_donation";
      campaign_takes_donations
    | require(.started | not; "this donation has been started already")
    | event("donations.donation_started"; $c.payload)),

  on($c; "donations.select_amount";
      donation_is_open
    | require($c.payload.amount | IN(5, 10, 30, 50); "choose 5, 10, 30 or 50")
    | event("donations.amount_selected"; $c.payload)),

  on($c; "donations.enter_details";
      donation_is_open
    | require(.amount != null; "choose an amount first")
    | require($c.payload.name | test("[^ ]"); "please tell us your name")
    | event("donations.details_entered"; $c.payload)),

  # The next step of the workflow, not the donor's: reactors/workflow.jq.
  on($c; "donations.request_verification";
      require(.email != null; "there is no address to verify")
    | require(.verified | not; "the address has been verified already")
    | event("donations.verification_requested"; ids + {name, email})),

  # This is a demo: the log holds the token as it was mailed.  Elsewhere record
  # only its SHA-256, and let an executable compare.
  on($c; "donations.verify_email";
      donation_is_open
    | require(.verified | not; "your address has been verified already")
    | require(.token != null; "the verification email has not been sent yet")
    | require($c.payload.token == .token; "this is not the code that we mailed")
    | event("donations.email_verified"; ids)),

  on($c; "donations.pay";
      donation_is_open
    | require(.verified; "please verify your email address first")
    | event("donations.payment_requested";
        ids + {name, amount, number: (.payments + 1)})),

  on($c; "donations.complete_donation";
      require(.payment == "confirmed"; "this donation has not been paid")
    | require(.completed | not; "this donation is complete already")
    | event("donations.donation_completed"; ids + {amount}));
