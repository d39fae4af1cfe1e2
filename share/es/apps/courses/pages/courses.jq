# The courses with their free places, and what a student may say.

def about: {
  path: "/", title: "Courses", views: ["courses"],
  query: {
    courses: "select course_id, json_extract(state, '$.capacity') as capacity,
        json_extract(state, '$.free') as free
      from courses order by course_id limit 200"
  }
};

def course:
  (.capacity - .free) as $taken
  | ["li", {class: "card", id: "course-\(.course_id)"},
      ["h2", .course_id],
      ["progress", {value: $taken, max: .capacity,
        "aria-label": "\($taken) of \(.capacity) places taken"}],
      ["p", if .free == 0 then "full" else "\(.free) of \(.capacity) places free" end],
      ["details",
        ["summary", "Change the capacity"],
        form("courses.change_capacity"; {course_id};
          field("capacity"; {label: "Places", type: "number", min: 1,
            value: .capacity}),
          submit("Change"))]];

def part($title; $form):
  ["section", {class: "card"}, ["h2", $title], $form];

def both($type; $courses; $text):
  form($type; {};
    field("student_id"; {label: "Student"}),
    field("course_id"; {label: "Course",
      options: [$courses[] | .course_id]}),
    submit($text));

def render($page):
  $page.rows.courses as $courses
  | [ ["h1", "Courses"],
      ["p", "No course has more students than places, and no student more ",
        "than three courses."],
      if $courses == [] then ["p", "There is none yet."]
      else ["ul", {class: "cards"}, ($courses[] | course)] end,
      ["div", {class: "columns"},
        part("New course"; form("courses.define_course"; {};
          field("course_id"; {label: "Its name"}),
          field("capacity"; {label: "Places", type: "number", min: 1}),
          submit("Define"))),
        part("New student"; form("courses.register_student"; {};
          field("student_id"; {label: "Name"}), submit("Register"))),
        if $courses == [] then null else
          [ part("Subscribe"; both("courses.subscribe"; $courses; "Subscribe")),
            part("Unsubscribe";
              both("courses.unsubscribe"; $courses; "Unsubscribe")) ]
        end] ];
