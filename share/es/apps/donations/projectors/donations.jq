# Each donation and the step that it has come to.

def about: {partition_by: ["campaign_id", "donation_id"]};

def initial: {step: null, amount: null, name: null, receipt: null, problem: null};

def evolve($e):
    apply($e; "donations.donation_started"; .step = "started")
  | apply($e; "donations.amount_selected";
        .amount = $e.payload.amount
      | if .step == "started" then .step = "amount selected" else . end)
  | apply($e; "donations.details_entered";
        .step = "details entered" | .name = $e.payload.name)
  | apply($e; "donations.verification_email_sent";
        .step = "verification email sent")
  | apply($e; "donations.email_verified"; .step = "email verified")
  | apply($e; "donations.payment_requested";
        .step = "payment requested" | .problem = null)
  | apply($e; "donations.payment_failed";
        .step = "payment failed" | .problem = $e.payload.reason)
  | apply($e; "donations.payment_confirmed";
        .step = "payment confirmed" | .receipt = $e.payload.receipt)
  | apply($e; "donations.donation_completed"; .step = "completed");
