# What follows from what, where no donor has to act: an event in, the next
# command out.  What reaches outside is done by the executables beside this.

def about: {partition_by: ["donation_id"]};

def react($e):
  def ids: $e.payload | {campaign_id, donation_id};

  on($e; "donations.details_entered";
    command("donations.request_verification"; ids)),

  on($e; "donations.payment_confirmed";
    command("donations.complete_donation"; ids));
