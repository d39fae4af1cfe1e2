#include <string.h>

#include "jqvm.h"
#include "message.h"

#define SHOWN_MAX 196		/* bytes of a value in an error's text */

static void add_jv(struct buf *out, jv v)
{
	jv text = jv_dump_string(v, 0);

	buf_add(out, jv_string_value(text),
	    (size_t)jv_string_length_bytes(jv_copy(text)));
	jv_free(text);
}

void jqvm_fault(struct jqanswer *a, const char *text)
{
	a->head.result = JQ_FAULT;
	buf_truncate(&a->reason, 0);
	buf_adds(&a->reason, text);
}

bool jqvm_add_cut(struct buf *out, jv string, size_t most)
{
	const char *p = jv_string_value(string);
	size_t n = (size_t)jv_string_length_bytes(jv_copy(string));
	bool cut = n > most;

	if (cut)
		n = most;
	while (cut && n > 0 && ((unsigned char)p[n] & 0xc0) == 0x80)
		n--;
	buf_add(out, p, n);
	return cut;
}

void jqvm_show(struct buf *out, jv v)
{
	jv text = jv_dump_string(v, 0);

	if (jqvm_add_cut(out, text, SHOWN_MAX))
		buf_adds(out, "...");
	jv_free(text);
}

jv jqvm_get(jv object, const char *name)
{
	return jv_object_get(jv_copy(object), jv_string(name));
}

bool jqvm_is_made(const struct jqvm *vm, jv v)
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

/* strict: also refuse numbers that are not finite, for JSON has none. */
static int add_shallow(const struct jqvm *vm, struct buf *out, jv v,
    const char *what, bool strict, struct jqanswer *a)
{
	struct buf where = {0};

	if (too_deep(v, JSON_DEPTH - 1)) {
		jqvm_fault(a, what);
		buf_addf(&a->reason, " is nested more than %d deep",
		    JSON_DEPTH - 1);
		jv_free(v);
		return -1;
	}
	if (jqvm_find_rounded(vm, v, strict, &where)) {
		jqvm_fault(a, what);
		buf_add_span(&a->reason, buf_span(&where));
		buf_free(&where);
		jv_free(v);
		return -1;
	}
	add_jv(out, v);
	return 0;
}

int jqvm_add_tree(struct jqanswer *a, jv v)
{
	return add_shallow(NULL, &a->state, v, "the tree", false, a);
}

/* A value as JSON text; a fault that names it when it cannot be written. */
int jqvm_add_json(struct jqvm *vm, struct buf *out, jv v, const char *what,
    struct jqanswer *a)
{
	size_t from = out->n;

	if (add_shallow(vm, out, v, what, out != &a->state, a) < 0)
		return -1;
	if (!has_key(vm, out, from))
		return 0;
	buf_truncate(out, from);
	jqvm_fault(a, what);
	buf_adds(&a->reason, " holds what event(), command() or reject() "
	    "made: those are outputs of their own");
	return -1;
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
	jqvm_fault(a, "event() or command() did not make it: ");
	jqvm_show(&a->reason, v);
	return -1;
}

/* Four fields and the key: its kind, or NULL. */
static const char *made_kind(struct jqvm *vm, jv v, jv kind)
{
	if (!jqvm_is_made(vm, v) || jv_object_length(jv_copy(v)) != 5 ||
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
		jqvm_fault(a, what);
		buf_addf(&a->reason, " is not an object but %s: ",
		    jv_kind_name(jv_get_kind(v)));
		jqvm_show(&a->reason, v);
		return -1;
	}
	if (jqvm_add_json(vm, &a->output_texts, v, what, a) < 0)
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
		jqvm_fault(a, "its type is not a string: ");
		jqvm_show(&a->reason, type);
		return -1;
	}
	text.p = jv_string_value(type);
	text.n = (size_t)jv_string_length_bytes(jv_copy(type));
	if (message_check_type(text, &err) < 0) {
		jqvm_fault(a, err.text);
		jv_free(type);
		return -1;
	}
	buf_add_span(&a->output_texts, text);
	o->type = text.n;
	jv_free(type);
	return 0;
}

static int add_output(struct jqvm *vm, jv v, jv given, const struct jqwork *w,
    struct jqanswer *a)
{
	struct jqframe_output o = {.metadata = JQ_ABSENT};
	jv kind = jv_get_kind(v) == JV_KIND_OBJECT ? jqvm_get(v, "kind") :
	    jv_null();
	const char *name = made_kind(vm, v, kind);
	jv payload, metadata;

	jv_free(kind);
	if (!name)
		return not_made(v, a);
	o.command = strcmp(name, "command") == 0;
	if (o.command && w->op == JQ_DECIDE) {
		jqvm_fault(a, "a command: only react makes commands");
		jv_free(v);
		return -1;
	}
	payload = jqvm_get(v, "payload");
	metadata = jqvm_get(v, "metadata");
	if (add_type(jqvm_get(v, "type"), &o, a) < 0) {
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

int jqvm_add_output(struct jqvm *vm, jv v, jv given, const struct jqwork *w,
    struct jqanswer *a)
{
	struct buf why = {0};

	if (add_output(vm, v, given, w, a) == 0)
		return 0;
	buf_swap(&why, &a->reason);
	buf_addf(&a->reason, "output %llu: ",
	    (unsigned long long)a->head.n_outputs + 1);
	buf_add_span(&a->reason, buf_span(&why));
	buf_free(&why);
	return -1;
}
