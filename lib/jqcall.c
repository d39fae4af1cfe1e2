#include "jqvm.h"

#define COUNT_MAX 1000		/* outputs that are counted for an error */
#define TEXT_MAX 2000		/* bytes of an error's text */

/* ---- calling ---- */

/* What error() was given. */
static void raised(struct jqvm *vm, jv message, struct jqanswer *a)
{
	if (jqvm_is_made(vm, message)) {
		jv reason = jqvm_get(message, "reason"), detail = jqvm_get(message,
		    "detail");

		if (jv_get_kind(reason) != JV_KIND_STRING) {
			jqvm_fault(a, "error() was given a message");
			jv_free(detail);
		} else if (a->head.operation != OP_DECIDE) {
			jqvm_fault(a, "reject() and require() are for decide: ");
			jqvm_add_cut(&a->reason, reason, TEXT_MAX);
			jv_free(detail);
		} else {
			a->head.result = JQ_REJECTED;
			buf_add(&a->reason, jv_string_value(reason),
			    (size_t)jv_string_length_bytes(jv_copy(reason)));
			a->has_detail = jv_get_kind(detail) != JV_KIND_NULL;
			if (a->has_detail && jqvm_add_json(vm, &a->detail, detail,
			    "the detail", a) < 0)
				a->has_detail = false;
		}
		jv_free(reason);
		jv_free(message);
	} else if (jv_get_kind(message) == JV_KIND_STRING) {
		jqvm_fault(a, "");
		jqvm_add_cut(&a->reason, message, TEXT_MAX);
		jv_free(message);
	} else {
		jqvm_fault(a, "");
		jqvm_show(&a->reason, message);
	}
}

/*
 * Let go of what a call left on jq's stack now, while the request that made it
 * can be blamed: to free a value that is nested deeply is a crash, too.
 */
static void clean_up(struct jqvm *vm)
{
	jq_start(vm->jq, jv_null(), 0);
}

/* How a call ended, from what jq_next() gave last. */
static void ended(struct jqvm *vm, jv last, struct jqanswer *a)
{
	if (jqworker_end()) {
		a->head.result = JQ_DEADLINE;
		jv_free(last);
		clean_up(vm);
	} else if (jv_invalid_has_msg(jv_copy(last)))
		raised(vm, jv_invalid_get_msg(last), a);
	else {
		if (jq_halted(vm->jq))
			jqvm_fault(a, "halt");
		jv_free(last);
	}
}

static jv wrong_count(jv first, int n, const char *what, struct jqanswer *a)
{
	jv_free(first);
	if (a->head.result != JQ_OK)
		return jv_invalid();
	jqvm_fault(a, "");
	if (n == 0)
		buf_addf(&a->reason, "gave no %s", what);
	else
		buf_addf(&a->reason, "gave %s%d %ss, not one",
		    n >= COUNT_MAX ? "more than " : "", n, what);
	return jv_invalid();
}

/* The one output of a call that was started; invalid after a fault. */
static jv only_output(struct jqvm *vm, const char *what, struct jqanswer *a)
{
	jv first = jq_next(vm->jq), next;
	int n;

	if (!jv_is_valid(first)) {
		ended(vm, first, a);
		return wrong_count(jv_invalid(), 0, what, a);
	}
	for (n = 1; jv_is_valid(next = jq_next(vm->jq)) && n < COUNT_MAX; n++)
		jv_free(next);
	if (jv_is_valid(next)) {
		jv_free(next);
		next = jv_invalid();
		clean_up(vm);
	}
	ended(vm, next, a);
	if (a->head.result == JQ_OK && n == 1)
		return first;
	return wrong_count(first, n, what, a);
}

static void begin(struct jqanswer *a, enum jq_operation op, uint64_t event)
{
	a->head.operation = op;
	a->head.event = event;
	jqworker_begin(op, event);
}

/* name: the operation that is given a message, which is warned of by it. */
static jv given(struct jqvm *vm, jv v, struct span text, const char *name,
    struct jqanswer *a)
{
	if (jv_is_valid(v)) {
		if (name && !vm->plain)
			jqvm_warn_rounded(vm, name, text);
		return v;
	}
	jv_free(v);
	jqvm_fault(a, "it was given what is not JSON");
	return jv_invalid();
}

static jv parse(struct jqvm *vm, struct span text, const char *name,
    struct jqanswer *a)
{
	return given(vm, jqvm_value(vm, text), text, name, a);
}

/* ---- states ---- */

static jv first_state(struct jqvm *vm, const struct jqwork *w,
    struct jqanswer *a)
{
	jv input;

	begin(a, OP_INITIAL, 0);
	if (w->state.p)
		return parse(vm, w->state, NULL, a);
	if (!(jqvm_part(vm)->ops & SCAN_INITIAL))
		return jv_null();
	jqvm_note_rounded(vm, w->partition);
	input = w->partition.p ? parse(vm, w->partition, NULL, a) : jv_object();
	if (!jv_is_valid(input))
		return input;
	jqvm_start(vm, OP_INITIAL, input, jv_null());
	return only_output(vm, "state", a);
}

/* The state has one owner throughout: it moves into jq and out again. */
static jv evolve(struct jqvm *vm, jv state, const struct jqwork *w,
    struct jqanswer *a)
{
	size_t i;

	if (!(jqvm_part(vm)->ops & SCAN_EVOLVE))
		return state;
	for (i = 0; i < w->n_events && jv_is_valid(state); i++) {
		struct span text = w->events[i];
		/* Decisions on other partitions may read it, too. */
		jv event = given(vm, w->op == JQ_DECIDE ?
		    jqvm_kept_value(vm, text) : jqvm_value(vm, text), text,
		    "evolve", a);

		begin(a, OP_EVOLVE, i);
		if (!jv_is_valid(event)) {
			jv_free(state);
			return event;
		}
		jqvm_start(vm, OP_EVOLVE, state, event);
		state = only_output(vm, "state", a);
	}
	return state;
}

static int bring_up(struct jqvm *vm, const struct jqwork *w,
    struct jqanswer *a)
{
	jv *slot = &vm->slots[w->slot];
	jv state = *slot;

	*slot = jv_invalid();
	if (w->fresh) {
		jv_free(state);
		state = first_state(vm, w, a);
	} else if (!jv_is_valid(state)) {
		a->head.result = JQ_LOST;
		return -1;
	}
	if (jv_is_valid(state))
		state = evolve(vm, state, w, a);
	if (!jv_is_valid(state))
		return -1;
	*slot = state;
	return 0;
}

static void handle(struct jqvm *vm, enum jq_operation op,
    const struct jqwork *w, struct jqanswer *a)
{
	jv message, given, v;
	int r = 0;

	begin(a, op, 0);
	if (!(jqvm_part(vm)->ops & (op == OP_DECIDE ? SCAN_DECIDE : SCAN_REACT))) {
		jqvm_fault(a, "the handler does not define it");
		return;
	}
	message = parse(vm, w->message, op == OP_DECIDE ? "decide" : "react",
	    a);
	if (!jv_is_valid(message))
		return;
	jqvm_note_rounded(vm, vm->plain ? SPAN_NONE : w->message);
	given = jqvm_get(message, "payload");
	jqvm_start(vm, op, jv_copy(vm->slots[w->slot]), message);
	while (r == 0 && jv_is_valid(v = jq_next(vm->jq)))
		r = jqvm_add_output(vm, v, given, w, a);
	if (r == 0)
		ended(vm, v, a);
	else {
		jqworker_end();
		clean_up(vm);
	}
	jv_free(given);
}

/* render($page) with the slot's state as input, or layout. */
static void render(struct jqvm *vm, enum jq_operation op,
    const struct jqwork *w, struct jqanswer *a)
{
	bool page = op == OP_RENDER;
	jv message = jv_null(), v;

	begin(a, op, 0);
	if (!(jqvm_part(vm)->ops & (page ? SCAN_RENDER : SCAN_LAYOUT))) {
		jqvm_fault(a, "the page does not define it");
		return;
	}
	if (page)
		message = parse(vm, w->message, NULL, a);
	if (!jv_is_valid(message))
		return;
	jqvm_start(vm, op, page ? jv_copy(vm->slots[w->slot]) : jv_null(),
	    message);
	v = only_output(vm, "tree", a);
	if (jv_is_valid(v))
		jqvm_add_tree(a, v);
}

static void about(struct jqvm *vm, struct jqanswer *a)
{
	jv v;

	begin(a, OP_ABOUT, 0);
	jqvm_start(vm, OP_ABOUT, jv_null(), jv_null());
	v = only_output(vm, "value", a);
	if (jv_is_valid(v))
		jqvm_add_json(vm, &a->state, v, "about", a);
}

void jqvm_work(struct jqvm *vm, const struct jqwork *w, struct jqanswer *a)
{
	buf_truncate(&vm->rounded, 0);
	if (w->op == JQ_ABOUT)
		about(vm, a);
	else if (w->op == JQ_LAYOUT)
		render(vm, OP_LAYOUT, w, a);
	else if (bring_up(vm, w, a) == 0 && w->op == JQ_STATE)
		jqvm_add_json(vm, &a->state, jv_copy(vm->slots[w->slot]),
		    "the state", a);
	else if (a->head.result == JQ_OK && w->op == JQ_DECIDE)
		handle(vm, OP_DECIDE, w, a);
	else if (a->head.result == JQ_OK && w->op == JQ_REACT)
		handle(vm, OP_REACT, w, a);
	else if (a->head.result == JQ_OK && w->op == JQ_RENDER)
		render(vm, OP_RENDER, w, a);
	jqworker_end();
	if (a->head.result == JQ_OK)
		return;
	/* Outputs count only at a clean end. */
	buf_truncate(&a->outputs, 0);
	buf_truncate(&a->output_texts, 0);
	a->head.n_outputs = 0;
}
