# A campaign is created once and closed once.

def about: {partition_by: ["campaign_id"]};

def initial: {status: "none"};

def evolve($e):
    apply($e; "campaigns.campaign_created"; .status = "open")
  | apply($e; "campaigns.campaign_closed"; .status = "closed");

def decide($c):
  on($c; "campaigns.create_campaign";
      require(.status == "none"; "campaign exists already")
    | event("campaigns.campaign_created"; $c.payload)),

  on($c; "campaigns.close_campaign";
      require(.status == "open"; "there is no such open campaign")
    | event("campaigns.campaign_closed"; $c.payload));
