# What all pages have around them.

def layout:
  [ ["a", {class: "skip", href: "#page"}, "Skip to the page"],
    ["header", {class: "top"},
      ["a", {class: "brand", href: "/"},
        ["svg", {viewBox: "0 0 24 24", width: 22, height: 22,
                 "aria-hidden": "true"},
          ["path", {d: "M12 20.5 4.2 12.9a4.9 4.9 0 0 1 6.9-6.9l.9.9.9-.9a4.9 4.9 0 0 1 6.9 6.9Z"}]],
        "Donations"],
      ["span", {class: "es-state", role: "status", "aria-live": "polite"}]],
    slot,
    ["footer", {class: "foot"},
      ["p", "Every page here is a fold over one log. Open it in two tabs: ",
        "what happens in one is seen in the other."]] ];
