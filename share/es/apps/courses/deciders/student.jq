# A student is registered once.

def about: {partition_by: ["student_id"]};

def initial: {registered: false};

def evolve($e): apply($e; "courses.student_registered"; .registered = true);

def decide($c):
  on($c; "courses.register_student";
      require(.registered | not; "this student has been registered already")
    | event("courses.student_registered"; $c.payload));
