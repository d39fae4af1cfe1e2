# The campaigns with what they have brought in, and the latest donations.

def about: {
  path: "/", title: "Donations",
  views: ["campaigns", "donations"],
  query: {
    campaigns: "select campaign_id,
        json_extract(state, '$.name') as name,
        json_extract(state, '$.status') as status,
        json_extract(state, '$.started') as started,
        json_extract(state, '$.donations') as donations,
        json_extract(state, '$.total') as total
      from campaigns order by status desc, name, campaign_id limit 100",
    latest: "select d.campaign_id, d.donation_id,
        json_extract(d.state, '$.step') as step,
        json_extract(d.state, '$.amount') as amount,
        json_extract(d.state, '$.name') as donor,
        json_extract(c.state, '$.name') as campaign
      from donations d left join campaigns c using (campaign_id)
      where json_extract(d.state, '$.step') is not null
      order by d.position desc limit 8"
  }
};

def money: "€ \(.)";

def count($one; $many): "\(.) \(if . == 1 then $one else $many end)";

# The next round sum above a total: what its bar is drawn against.
def mark:
    . as $total
  | first((50, 100, 250, 500, 1000, 2500, 5000, 10000, 50000, 100000
      | select(. > $total)), $total + 100000);

# A page has no chance in it, so it cannot make an id: the script does, or
# whoever has none types it in.
def new_id($name; $text):
  ["div", {class: "es-uuid"},
    field($name; {label: $text, type: "text",
      help: "Without JavaScript: any new UUID, as uuidgen prints it."})];

def campaign:
  (.total | mark) as $mark
  | ["li", {class: ["card", "campaign", .status], id: "campaign-\(.campaign_id)"},
      ["div", {class: "campaign-head"},
        ["h3", .name],
        ["span", {class: ["chip", .status]}, .status]],
      ["p", {class: "total"}, ["strong", (.total | money)],
        ["span", " from ", (.donations | count("donation"; "donations"))]],
      ["progress", {value: .total, max: $mark,
          "aria-label": "\(.total | money) of \($mark | money)"}],
      ["p", {class: "faint row"},
        ["span", (.started | count("donation"; "donations")), " begun"],
        if .status == "open" then ["span", "next mark ", ($mark | money)]
        else null end],
      if .status == "open" then
        ["div", {class: "campaign-foot"},
          ["div", {class: "start", "data-then": "/{campaign_id}/{donation_id}"},
            form("donations.start_donation"; {campaign_id};
              new_id("donation_id"; "Number of the donation"),
              submit("Donate"))],
          ["details", {class: "more"},
            ["summary", "Manage"],
            ["div", {class: "quiet"},
              link_command("campaigns.close_campaign"; {campaign_id};
                "Close this campaign")]]]
      else ["p", {class: "faint"}, "Closed. Thank you all."] end];

# What the projector calls a step, shorter.
def short:
  { "verification email sent": "email sent", "payment requested": "paying",
    "payment confirmed": "paid" }[.] // .;

def latest:
  ["li", {id: "donation-\(.donation_id)"},
    ["a", {href: "/\(.campaign_id | @uri)/\(.donation_id | @uri)"},
      ["span", {class: "who"}, .donor // "Somebody"],
      ["span", {class: "what"},
        if .amount then ["b", (.amount | money)] else null end,
        if .amount then " for " else "for " end,
        .campaign // "a campaign"],
      ["span", {class: "chip"}, (.step | short)]]];

def render($page):
  ($page.rows.campaigns | map(.total) | add // 0) as $all
  | [ ["header", {class: "hero"},
        ["h1", "Give something. See it arrive."],
        ["p", {class: "lead"}, "Together these campaigns have raised ",
          ["strong", ($all | money)], "."]],
      ["section", {"aria-labelledby": "open"},
        ["h2", {id: "open"}, "Campaigns"],
        if ($page.rows.campaigns | length) == 0
        then ["p", {class: "empty"}, "There is none yet. Begin one below."]
        else ["ul", {class: "cards"}, ($page.rows.campaigns[] | campaign)] end],
      ["div", {class: "columns"},
        ["section", {"aria-labelledby": "latest"},
          ["h2", {id: "latest"}, "Latest donations"],
          if ($page.rows.latest | length) == 0
          then ["p", {class: "empty"}, "Nobody has begun one yet."]
          else ["ul", {class: "list card"}, ($page.rows.latest[] | latest)] end],
        ["section", {"aria-labelledby": "new"},
          ["h2", {id: "new"}, "New campaign"],
          ["div", {class: "card"},
            form("campaigns.create_campaign"; {};
              new_id("campaign_id"; "Number of the campaign"),
              field("name"; {label: "What is it for?", type: "text"}),
              submit("Create"))]]] ];
