#!/usr/bin/env bats
# A student subscribes to a course: rules over both.

load es

setup() {
    handler deciders/subscription.jq
}

# course ID CAPACITY STUDENT...: a course to which these have subscribed
given_course() {
    local student
    given courses.course_defined course_id="$1" capacity="$2"
    for student in "${@:3}"; do
        given courses.student_subscribed course_id="$1" student_id="$student"
    done
}

@test "a student subscribes, once" {
    given_course c1 10
    given courses.student_registered student_id=s1
    when courses.subscribe course_id=c1 student_id=s1
    then_events courses.student_subscribed course_id=c1 student_id=s1
    then_state '.students == 1 and .courses == 1'
    when courses.subscribe course_id=c1 student_id=s1
    then_rejected "the student takes this course already"
}

@test "both have to be there" {
    when courses.subscribe course_id=c1 student_id=s1
    then_rejected "there is no such course"
    given_course c1 10
    when courses.subscribe course_id=c1 student_id=s1
    then_rejected "there is no such student"
}

@test "a full course is full" {
    given_course c1 2 s1 s2
    given courses.student_registered student_id=s3
    when courses.subscribe course_id=c1 student_id=s3
    then_rejected "the course is full"
}

@test "a place that is given up, or added, can be taken" {
    given_course c1 2 s1 s2
    given courses.student_registered student_id=s3
    when courses.unsubscribe course_id=c1 student_id=s1
    then_events courses.student_unsubscribed course_id=c1 student_id=s1
    when courses.subscribe course_id=c1 student_id=s3
    then_events courses.student_subscribed course_id=c1 student_id=s3
    given courses.student_registered student_id=s4
    given courses.capacity_changed course_id=c1 capacity=3
    when courses.subscribe course_id=c1 student_id=s4
    then_events courses.student_subscribed course_id=c1 student_id=s4
}

@test "a student takes three courses at most" {
    given courses.student_registered student_id=s1
    given_course c1 10 s1
    given_course c2 10 s1
    given_course c3 10 s1
    given_course c4 10
    when courses.subscribe course_id=c4 student_id=s1
    then_rejected "a student takes three courses at most"
    when courses.unsubscribe course_id=c2 student_id=s1
    then_events courses.student_unsubscribed course_id=c2 student_id=s1
    when courses.subscribe course_id=c4 student_id=s1
    then_events courses.student_subscribed course_id=c4 student_id=s1
}

@test "other students in other courses do not matter" {
    given courses.student_registered student_id=s1
    given_course c1 1
    given_course c2 1 s2
    given_course c3 3 s2 s3
    when courses.subscribe course_id=c1 student_id=s1
    then_events courses.student_subscribed course_id=c1 student_id=s1
    then_state '.students == 1 and .courses == 1'
}

@test "who does not take a course does not leave it" {
    given_course c1 10 s2
    given courses.student_registered student_id=s1
    when courses.unsubscribe course_id=c1 student_id=s1
    then_rejected "the student does not take this course"
}

@test "all of it in a store" {
    with_handlers .
    given_course c1 1
    given courses.student_registered student_id=s1
    given courses.student_registered student_id=s2
    when courses.subscribe course_id=c1 student_id=s1
    then_messages courses.student_subscribed course_id=c1 student_id=s1
    when courses.subscribe course_id=c1 student_id=s2
    then_rejected "the course is full"
    handler projectors/courses.jq
    then_state '.free == 0'
}
