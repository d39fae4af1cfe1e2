# A campaign is created once, takes donations, and is closed once.

def about: {partition_by: ["campaign_id"]};

def initial: {status: "none"};

def evolve($e):
    apply($e; "campaigns.campaign_created"; .status = "open")
  | apply($e; "campaigns.campaign_closed"; .status = "closed");

def decide($c):
  on($c; "campaigns.create_campaign";
      require(.status == "none"; "this campaign has been created already")
    | require($c.payload.name | test("[^ ]"); "a campaign needs a name")
    | event("campaigns.campaign_created"; $c.payload)),

  on($c; "campaigns.close_campaign";
      require(.status != "none"; "there is no such campaign")
    | require(.status != "closed"; "this campaign is closed already")
    | event("campaigns.campaign_closed"; $c.payload));
