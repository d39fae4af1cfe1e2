# Each course with its places.

def about: {partition_by: ["course_id"]};

def initial: {capacity: 0, free: 0};

def evolve($e):
    apply($e; "courses.course_defined", "courses.capacity_changed";
        .free += $e.payload.capacity - .capacity
      | .capacity = $e.payload.capacity)
  | apply($e; "courses.student_subscribed"; .free -= 1)
  | apply($e; "courses.student_unsubscribed"; .free += 1);
