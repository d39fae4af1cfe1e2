# A course is defined once; its capacity may change, but nobody is put out.

def about: {partition_by: ["course_id"]};

def initial: {capacity: null, students: 0};

def evolve($e):
    apply($e; "courses.course_defined", "courses.capacity_changed";
        .capacity = $e.payload.capacity)
  | apply($e; "courses.student_subscribed"; .students += 1)
  | apply($e; "courses.student_unsubscribed"; .students -= 1);

def decide($c):
  on($c; "courses.define_course";
      require(.capacity == null; "this course has been defined already")
    | event("courses.course_defined"; $c.payload)),

  on($c; "courses.change_capacity";
      require(.capacity != null; "there is no such course")
    | require(.capacity != $c.payload.capacity; "that is its capacity")
    | require(.students <= $c.payload.capacity;
        "more students than that have subscribed"; {students})
    | event("courses.capacity_changed"; $c.payload));
