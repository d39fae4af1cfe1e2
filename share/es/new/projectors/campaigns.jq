# A read model: each campaign with what it has brought in.

def about: {partition_by: ["campaign_id"]};

def initial: {name: null, status: null, donations: 0, total: 0};

def evolve($e):
    apply($e; "campaigns.campaign_created";
        .name = $e.payload.name | .status = "open")
  | apply($e; "campaigns.campaign_closed"; .status = "closed")
  | apply($e; "donations.payment_confirmed";
        .donations += 1 | .total += $e.payload.amount);
