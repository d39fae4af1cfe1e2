# The first page: each campaign out of the read model, and a form for a new one.

def about: {
  path: "/", title: "Campaigns", views: ["campaigns"],
  query: {
    campaigns: "select campaign_id, json_extract(state, '$.name') as name,
        json_extract(state, '$.status') as status,
        json_extract(state, '$.donations') as donations,
        json_extract(state, '$.total') as total
      from campaigns order by status desc, name, campaign_id"
  }
};

def campaign:
  ["li", {class: "card", id: "campaign-\(.campaign_id)"},
    ["h2", .name],
    ["p", "\(.total) from \(.donations) \(
      if .donations == 1 then "donation" else "donations" end)"],
    if .status == "open" then
      ["div", {class: "row"},
        # Where the script runs it makes the id, and goes on to that donation.
        ["div", {"data-then": "/{campaign_id}/{donation_id}"},
          form("donations.start_donation"; {campaign_id};
            ["div", {class: "es-uuid"},
              field("donation_id"; {label: "Number of the donation"})],
            submit("Donate"))],
        link_command("campaigns.close_campaign"; {campaign_id}; "Close")]
    else ["p", {class: "faint"}, "closed"] end];

def render($page):
  [ ["h1", "Campaigns"],
    if $page.rows.campaigns == [] then ["p", "There is none yet."]
    else ["ul", {class: "cards"}, ($page.rows.campaigns[] | campaign)] end,
    ["section",
      ["h2", "New campaign"],
      ["div", {class: "card"},
        form("campaigns.create_campaign"; {};
          ["div", {class: "es-uuid"},
            field("campaign_id"; {label: "Number of the campaign"})],
          field("name"; {label: "What is it for?"}),
          submit("Create"))]] ];
