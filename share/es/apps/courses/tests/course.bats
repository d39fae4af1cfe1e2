#!/usr/bin/env bats
# Courses and students, each on its own.

load es

@test "a course is defined once" {
    handler deciders/course.jq
    when courses.define_course course_id=c1 capacity=10
    then_events courses.course_defined course_id=c1 capacity=10
    when courses.define_course course_id=c1 capacity=20
    then_rejected "this course has been defined already"
}

@test "a course has a place" {
    handler deciders/course.jq
    when courses.define_course course_id=c1 capacity=0
    then_fault "capacity: must be at least 1"
}

@test "the capacity changes, but not below who is there" {
    handler deciders/course.jq
    when courses.change_capacity course_id=c1 capacity=2
    then_rejected "there is no such course"
    given courses.course_defined course_id=c1 capacity=3
    given courses.student_subscribed course_id=c1 student_id=s1
    given courses.student_subscribed course_id=c1 student_id=s2
    when courses.change_capacity course_id=c1 capacity=3
    then_rejected "that is its capacity"
    when courses.change_capacity course_id=c1 capacity=2
    then_events courses.capacity_changed course_id=c1 capacity=2
    when courses.change_capacity course_id=c1 capacity=1
    then_rejected "more students than that have subscribed" '{"students": 2}'
}

@test "a student is registered once" {
    handler deciders/student.jq
    when courses.register_student student_id=s1
    then_events courses.student_registered student_id=s1
    when courses.register_student student_id=s1
    then_rejected "this student has been registered already"
}

@test "each course with its free places" {
    handler projectors/courses.jq
    given courses.course_defined course_id=c1 capacity=3
    given courses.student_subscribed course_id=c1 student_id=s1
    given courses.student_subscribed course_id=c1 student_id=s2
    given courses.student_unsubscribed course_id=c1 student_id=s1
    given courses.capacity_changed course_id=c1 capacity=5
    then_read_model '{"state": {"capacity": 5, "free": 4}}'
}
