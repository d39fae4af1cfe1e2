#include <jq.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "json.h"
#include "jqrunint.h"
#include "message.h"

#define COUNT_MAX 1000		/* outputs that are counted for an error */
#define TEXT_MAX 2000		/* bytes of an error's text */

struct jqvm {
	const struct jqprogram *program;
	jq_state *jq;
	struct buf *errors;	/* while it compiles */
	jv inputs[6];		/* what _es_in gives next */
	int n_inputs, next_input;
	jv slots[JQRUN_SLOTS];	/* invalid: empty */
	struct json_doc doc;
};

/* ---- compiling ---- */

/* "… at <top-level>, line 12:" or "…, line 12, column 5:" */
static const char *find_line(const char *text, size_t n, size_t *line)
{
	static const char mark[] = " at <top-level>, line ";
	const char *p = memmem(text, n, mark, sizeof mark - 1);

	*line = 0;
	if (p)
		*line = strtoul(p + sizeof mark - 1, NULL, 10);
	return p;
}

static void compile_error(void *ctx, jv message)
{
	static const char quoting[] = " (Unix shell quoting issues?)";
	static const char prefix[] = "jq: error: ";
	struct jqvm *vm = ctx;
	jv text = jq_format_error(message);
	const char *p = jv_string_value(text), *at, *q;
	size_t n = strcspn(p, "\n"), line;

	if (n > sizeof prefix && memcmp(p, prefix, sizeof prefix - 1) == 0) {
		p += sizeof prefix - 1;
		n -= sizeof prefix - 1;
	} else if (strstr(p, "compile error")) {
		jv_free(text);		/* how many there were */
		return;
	}
	at = find_line(p, n, &line);
	if (at)
		n = (size_t)(at - p);
	if (line > vm->program->lines || line == 0)
		line = vm->program->lines;
	if (vm->errors->n > 0)
		buf_addc(vm->errors, '\n');
	buf_addf(vm->errors, "%s:%zu: ", vm->program->file, line);
	q = memmem(p, n, quoting, sizeof quoting - 1);
	if (q) {
		buf_add(vm->errors, p, (size_t)(q - p));
		n -= (size_t)(q - p) + sizeof quoting - 1;
		p = q + sizeof quoting - 1;
	}
	buf_add(vm->errors, p, n);
	jv_free(text);
}

static jv next_input(jq_state *jq, void *ctx)
{
	struct jqvm *vm = ctx;

	(void)jq;
	if (vm->next_input == vm->n_inputs)
		return jv_invalid_with_msg(jv_string("no input"));
	return vm->inputs[vm->next_input++];
}

/* debug is the one way to talk to whoever writes a handler. */
static void debug(void *ctx, jv message)
{
	jv text = jv_dump_string(message, 0);
	struct buf line = {0};
	ssize_t n;

	buf_add(&line, jv_string_value(text),
	    (size_t)jv_string_length_bytes(jv_copy(text)));
	buf_addc(&line, '\n');
	n = write(*(const int *)ctx, line.p, line.n);
	(void)n;
	buf_free(&line);
	jv_free(text);
}

struct jqvm *jqvm_new(const struct jqprogram *program)
{
	struct jqvm *vm = calloc(1, sizeof *vm);
	size_t i;

	if (!vm)
		return NULL;
	vm->program = program;
	for (i = 0; i < JQRUN_SLOTS; i++)
		vm->slots[i] = jv_invalid();
	vm->jq = jq_init();
	if (!vm->jq)
		return NULL;
	/* jq 1.6 leaves the callbacks uninitialised. */
	jq_set_error_cb(vm->jq, compile_error, vm);
	jq_set_input_cb(vm->jq, next_input, vm);
	jq_set_debug_cb(vm->jq, debug, jqworker_stderr());
	jq_set_nomem_handler(vm->jq, jqworker_no_memory, NULL);
	jq_set_attr(vm->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	return vm;
}

int jqvm_compile(struct jqvm *vm, struct buf *errors)
{
	int ok;

	vm->errors = errors;
	ok = jq_compile(vm->jq, vm->program->text.p);
	vm->errors = NULL;
	if (!ok && errors->n == 0)
		buf_addf(errors, "%s: cannot be compiled", vm->program->file);
	return ok ? 0 : -1;
}

void jqvm_halt(struct jqvm *vm)
{
	if (!jq_halted(vm->jq))
		jq_halt(vm->jq, jv_invalid(), jv_invalid());
}

/* ---- calling ---- */

/*
 * Begin a call.  The driver asks for true or false per operation, then for
 * the message.
 */
static void start(struct jqvm *vm, enum jq_operation op, jv input, jv message)
{
	static const int asked[] = {[OP_EVOLVE] = 0, [OP_DECIDE] = 1,
	    [OP_REACT] = 2, [OP_INITIAL] = 3, [OP_ABOUT] = 4};
	int i, n = asked[op];

	while (vm->next_input < vm->n_inputs)
		jv_free(vm->inputs[vm->next_input++]);
	for (i = 0; i < n; i++)
		vm->inputs[i] = jv_false();
	vm->inputs[n++] = jv_true();
	if (op == OP_INITIAL || op == OP_ABOUT)
		jv_free(message);
	else
		vm->inputs[n++] = message;
	vm->n_inputs = n;
	vm->next_input = 0;
	jq_start(vm->jq, input, 0);
}

static void add_jv(struct buf *out, jv v)
{
	jv text = jv_dump_string(v, 0);

	buf_add(out, jv_string_value(text),
	    (size_t)jv_string_length_bytes(jv_copy(text)));
	jv_free(text);
}

static void fault(struct jqanswer *a, const char *text)
{
	a->head.result = JQ_FAULT;
	buf_truncate(&a->reason, 0);
	buf_adds(&a->reason, text);
}

/* The value itself in an error's text, cut. */
static void add_shown(struct buf *out, jv v)
{
	char text[200];

	jv_dump_string_trunc(v, text, sizeof text);
	buf_adds(out, text);
}

static jv get(jv object, const char *name)
{
	return jv_object_get(jv_copy(object), jv_string(name));
}

static bool is_made(const struct jqvm *vm, jv v)
{
	return jv_get_kind(v) == JV_KIND_OBJECT && jv_object_has(jv_copy(v),
	    jv_string(vm->program->key));
}

static bool too_deep(jv v, int levels)
{
	bool deep = false;

	if (jv_get_kind(v) != JV_KIND_ARRAY && jv_get_kind(v) != JV_KIND_OBJECT)
		return false;
	if (levels == 0)
		return true;
	if (jv_get_kind(v) == JV_KIND_ARRAY) {
		jv_array_foreach(v, i, x) {
			deep = deep || too_deep(x, levels - 1);
			jv_free(x);
		}
		return deep;
	}
	jv_object_foreach(v, key, x) {
		deep = deep || too_deep(x, levels - 1);
		jv_free(key);
		jv_free(x);
	}
	return deep;
}

/* Whether text holds the key of what event() and reject() made. */
static bool has_key(const struct jqvm *vm, const struct buf *text, size_t from)
{
	return memmem(text->p + from, text->n - from, vm->program->key,
	    strlen(vm->program->key)) != NULL;
}

/* A value as JSON text; a fault that names it when it cannot be written. */
static int add_json(struct jqvm *vm, struct buf *out, jv v, const char *what,
    struct jqanswer *a)
{
	size_t from = out->n;

	if (too_deep(v, JSON_DEPTH - 1)) {
		fault(a, what);
		buf_addf(&a->reason, " is nested more than %d deep",
		    JSON_DEPTH - 1);
		jv_free(v);
		return -1;
	}
	add_jv(out, v);
	if (!has_key(vm, out, from))
		return 0;
	buf_truncate(out, from);
	fault(a, what);
	buf_adds(&a->reason, " holds what event(), command() or reject() "
	    "made: those are outputs of their own");
	return -1;
}

/* What error() was given. */
static void raised(struct jqvm *vm, jv message, struct jqanswer *a)
{
	if (is_made(vm, message)) {
		jv reason = get(message, "reason"), detail = get(message,
		    "detail");

		if (jv_get_kind(reason) != JV_KIND_STRING) {
			fault(a, "error() was given a message");
			jv_free(detail);
		} else if (a->head.operation != OP_DECIDE) {
			fault(a, "reject() and require() are for decide: ");
			buf_adds(&a->reason, jv_string_value(reason));
			jv_free(detail);
		} else {
			a->head.result = JQ_REJECTED;
			buf_add(&a->reason, jv_string_value(reason),
			    (size_t)jv_string_length_bytes(jv_copy(reason)));
			a->has_detail = jv_get_kind(detail) != JV_KIND_NULL;
			if (a->has_detail && add_json(vm, &a->detail, detail,
			    "the detail", a) < 0)
				a->has_detail = false;
		}
		jv_free(reason);
		jv_free(message);
	} else if (jv_get_kind(message) == JV_KIND_STRING) {
		int n = jv_string_length_bytes(jv_copy(message));

		fault(a, "");
		buf_add(&a->reason, jv_string_value(message),
		    (size_t)(n > TEXT_MAX ? TEXT_MAX : n));
		jv_free(message);
	} else {
		fault(a, "");
		add_shown(&a->reason, message);
	}
}

/* How a call ended, from what jq_next() gave last. */
static void ended(struct jqvm *vm, jv last, struct jqanswer *a)
{
	if (jqworker_end()) {
		a->head.result = JQ_DEADLINE;
		jv_free(last);
	} else if (jv_invalid_has_msg(jv_copy(last)))
		raised(vm, jv_invalid_get_msg(last), a);
	else {
		if (jq_halted(vm->jq))
			fault(a, "halt");
		jv_free(last);
	}
}

static jv wrong_count(jv first, int n, const char *what, struct jqanswer *a)
{
	jv_free(first);
	if (a->head.result != JQ_OK)
		return jv_invalid();
	fault(a, "");
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

static jv parse(struct span text, struct jqanswer *a)
{
	jv v = text.n > INT32_MAX ? jv_invalid() :
	    jv_parse_sized(text.p, (int)text.n);

	if (jv_is_valid(v))
		return v;
	jv_free(v);
	fault(a, "it was given what is not JSON");
	return jv_invalid();
}

/* ---- states ---- */

static jv first_state(struct jqvm *vm, const struct jqwork *w,
    struct jqanswer *a)
{
	jv input;

	begin(a, OP_INITIAL, 0);
	if (w->state.p)
		return parse(w->state, a);
	if (!(vm->program->ops & SCAN_INITIAL))
		return jv_null();
	input = w->partition.p ? parse(w->partition, a) : jv_object();
	if (!jv_is_valid(input))
		return input;
	start(vm, OP_INITIAL, input, jv_null());
	return only_output(vm, "state", a);
}

/* The state has one owner throughout: it moves into jq and out again. */
static jv evolve(struct jqvm *vm, jv state, const struct jqwork *w,
    struct jqanswer *a)
{
	size_t i;

	if (!(vm->program->ops & SCAN_EVOLVE))
		return state;
	for (i = 0; i < w->n_events && jv_is_valid(state); i++) {
		jv event = parse(w->events[i], a);

		begin(a, OP_EVOLVE, i);
		if (!jv_is_valid(event)) {
			jv_free(state);
			return event;
		}
		start(vm, OP_EVOLVE, state, event);
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

/* ---- outputs ---- */

static struct span payload_text(struct jqvm *vm, struct span message)
{
	uint32_t node;

	if (json_parse(&vm->doc, message.p, message.n, NULL) < 0)
		return SPAN_NONE;
	node = json_get(&vm->doc, 0, "payload");
	return node == JSON_NONE ? SPAN_NONE : json_text(&vm->doc, node);
}

static int not_made(jv v, struct jqanswer *a)
{
	fault(a, "gave what event() or command() did not make: ");
	add_shown(&a->reason, v);
	return -1;
}

/* Four fields and the key: its kind, or NULL. */
static const char *made_kind(struct jqvm *vm, jv v, jv kind)
{
	if (!is_made(vm, v) || jv_object_length(jv_copy(v)) != 5 ||
	    jv_get_kind(kind) != JV_KIND_STRING)
		return NULL;
	if (strcmp(jv_string_value(kind), "event") == 0)
		return "event";
	if (strcmp(jv_string_value(kind), "command") == 0)
		return "command";
	return NULL;
}

static int add_object(struct jqvm *vm, jv v, const char *what,
    uint64_t *length, struct jqanswer *a)
{
	size_t from = a->output_texts.n;

	if (jv_get_kind(v) != JV_KIND_OBJECT) {
		fault(a, what);
		buf_addf(&a->reason, " is not an object but %s: ",
		    jv_kind_name(jv_get_kind(v)));
		add_shown(&a->reason, v);
		return -1;
	}
	if (add_json(vm, &a->output_texts, v, what, a) < 0)
		return -1;
	*length = a->output_texts.n - from;
	return 0;
}

static int add_payload(struct jqvm *vm, jv payload, jv given,
    const struct jqwork *w, uint64_t *length, struct jqanswer *a)
{
	struct span exact = SPAN_NONE;

	if (jv_get_kind(payload) == JV_KIND_OBJECT &&
	    jv_identical(jv_copy(payload), jv_copy(given)))
		exact = payload_text(vm, w->message);
	if (!exact.p)
		return add_object(vm, payload, "the payload", length, a);
	jv_free(payload);
	buf_add_span(&a->output_texts, exact);
	*length = exact.n;
	return 0;
}

static int add_type(jv type, struct jqframe_output *o, struct jqanswer *a)
{
	struct es_err err;
	struct span text;

	if (jv_get_kind(type) != JV_KIND_STRING) {
		fault(a, "a message's type is not a string: ");
		add_shown(&a->reason, type);
		return -1;
	}
	text.p = jv_string_value(type);
	text.n = (size_t)jv_string_length_bytes(jv_copy(type));
	if (message_check_type(text, &err) < 0) {
		fault(a, err.text);
		jv_free(type);
		return -1;
	}
	buf_add_span(&a->output_texts, text);
	o->type = text.n;
	jv_free(type);
	return 0;
}

/* Consumes v. */
static int add_output(struct jqvm *vm, jv v, jv given, const struct jqwork *w,
    struct jqanswer *a)
{
	struct jqframe_output o = {.metadata = JQ_ABSENT};
	jv kind = jv_get_kind(v) == JV_KIND_OBJECT ? get(v, "kind") :
	    jv_null();
	const char *name = made_kind(vm, v, kind);
	jv payload, metadata;

	jv_free(kind);
	if (!name)
		return not_made(v, a);
	o.command = strcmp(name, "command") == 0;
	if (o.command && w->op == JQ_DECIDE) {
		fault(a, "gave a command: only react makes commands");
		jv_free(v);
		return -1;
	}
	payload = get(v, "payload");
	metadata = get(v, "metadata");
	if (add_type(get(v, "type"), &o, a) < 0) {
		jv_free(payload);
		jv_free(metadata);
		jv_free(v);
		return -1;
	}
	jv_free(v);
	if (add_payload(vm, payload, given, w, &o.payload, a) < 0) {
		jv_free(metadata);
		return -1;
	}
	if (jv_get_kind(metadata) == JV_KIND_OBJECT &&
	    jv_object_length(jv_copy(metadata)) == 0)
		jv_free(metadata);
	else if (add_object(vm, metadata, "the metadata", &o.metadata, a) < 0)
		return -1;
	buf_add(&a->outputs, &o, sizeof o);
	a->head.n_outputs++;
	return 0;
}

static void handle(struct jqvm *vm, enum jq_operation op,
    const struct jqwork *w, struct jqanswer *a)
{
	jv message, given, v;
	int r = 0;

	begin(a, op, 0);
	if (!(vm->program->ops & (op == OP_DECIDE ? SCAN_DECIDE : SCAN_REACT))) {
		fault(a, "the handler does not define it");
		return;
	}
	message = parse(w->message, a);
	if (!jv_is_valid(message))
		return;
	given = get(message, "payload");
	start(vm, op, jv_copy(vm->slots[w->slot]), message);
	while (r == 0 && jv_is_valid(v = jq_next(vm->jq)))
		r = add_output(vm, v, given, w, a);
	if (r == 0)
		ended(vm, v, a);
	else
		jqworker_end();
	jv_free(given);
}

static void about(struct jqvm *vm, struct jqanswer *a)
{
	jv v;

	begin(a, OP_ABOUT, 0);
	start(vm, OP_ABOUT, jv_null(), jv_null());
	v = only_output(vm, "value", a);
	if (jv_is_valid(v))
		add_json(vm, &a->state, v, "about", a);
}

void jqvm_work(struct jqvm *vm, const struct jqwork *w, struct jqanswer *a)
{
	if (w->op == JQ_ABOUT)
		about(vm, a);
	else if (bring_up(vm, w, a) == 0 && w->op == JQ_STATE)
		add_json(vm, &a->state, jv_copy(vm->slots[w->slot]),
		    "the state", a);
	else if (a->head.result == JQ_OK && w->op == JQ_DECIDE)
		handle(vm, OP_DECIDE, w, a);
	else if (a->head.result == JQ_OK && w->op == JQ_REACT)
		handle(vm, OP_REACT, w, a);
	jqworker_end();
	if (a->head.result == JQ_OK)
		return;
	/* Outputs count only at a clean end. */
	buf_truncate(&a->outputs, 0);
	buf_truncate(&a->output_texts, 0);
	a->head.n_outputs = 0;
}
