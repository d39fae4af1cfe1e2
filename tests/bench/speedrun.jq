# Students, courses, and who joins which: the decider of make bench-speedrun.

def about: {reads: [
  {types: ["speedrun.student_registered", "speedrun.student_joined"],
    tags: ["student:{student}"], optional: true},
  {types: ["speedrun.course_registered", "speedrun.student_joined"],
    tags: ["course:{course}"], optional: true}
]};

# The input has the command's student and course.
def initial: . + {most: null, places: null, courses: 0, taken: 0, joined: false};

def evolve($e):
    apply($e; "speedrun.student_registered"; . + {most: $e.payload.most})
  | apply($e; "speedrun.course_registered"; . + {places: $e.payload.places})
  | apply($e; "speedrun.student_joined";
      if $e.payload.student != .student then . + {taken: (.taken + 1)}
      elif $e.payload.course != .course then . + {courses: (.courses + 1)}
      else . + {joined: true} end);

def decide($c):
  on($c; "speedrun.register_student";
      require(.most == null; "this student is registered already")
    | event("speedrun.student_registered"; $c.payload)),

  on($c; "speedrun.register_course";
      require(.places == null; "this course is registered already")
    | event("speedrun.course_registered"; $c.payload)),

  on($c; "speedrun.join";
      require(.most != null; "there is no such student")
    | require(.places != null; "there is no such course")
    | require(.joined | not; "this student is in this course already")
    | require(.courses < .most; "this student has enough courses")
    | require(.taken < .places; "this course is full")
    | event("speedrun.student_joined"; $c.payload));
