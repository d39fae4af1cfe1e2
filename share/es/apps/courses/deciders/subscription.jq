# A student and a course.  The decision reads all that concerns either, and holds
# only as long as nothing of that has changed.

def about: {
  partition_by: ["course_id"],      # who waits for whom
  reads: [
    {tags: ["course_id:{course_id}"]},
    {tags: ["student_id:{student_id}"]}
  ]
};

# The input has the course_id and student_id of the command.
def initial: . + {
  capacity: null, students: 0,      # of the course
  registered: false, courses: 0,    # of the student
  subscribed: false                 # this one to that one
};

def evolve($e):
  def course: $e.payload.course_id == .course_id;
  def student: $e.payload.student_id == .student_id;

    apply($e; "courses.course_defined", "courses.capacity_changed";
        .capacity = $e.payload.capacity)
  | apply($e; "courses.student_registered"; .registered = true)
  | apply($e; "courses.student_subscribed";
        (if course then .students += 1 else . end)
      | (if student then .courses += 1 else . end)
      | (if course and student then .subscribed = true else . end))
  | apply($e; "courses.student_unsubscribed";
        (if course then .students -= 1 else . end)
      | (if student then .courses -= 1 else . end)
      | (if course and student then .subscribed = false else . end));

def decide($c):
  on($c; "courses.subscribe";
      require(.capacity != null; "there is no such course")
    | require(.registered; "there is no such student")
    | require(.subscribed | not; "the student takes this course already")
    | require(.students < .capacity; "the course is full")
    | require(.courses < 3; "a student takes three courses at most")
    | event("courses.student_subscribed"; $c.payload)),

  on($c; "courses.unsubscribe";
      require(.subscribed; "the student does not take this course")
    | event("courses.student_unsubscribed"; $c.payload));
