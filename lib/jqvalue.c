/*
 * jqvalue: JSON text becomes a value of jq's, as jq's own parser makes it, in a
 * third of the time: what is folded is mostly parsed.
 */
#include <string.h>

#include "jqvm.h"

#define EXACT_DIGITS 15		/* of a double */
#define KEY_MAX 32		/* longer ones are not kept, */
#define TEXT_MAX 1024		/* nor are longer values */

static jv build(struct jqvm *vm, uint32_t node);

static jv new_string(struct jqvm *vm, uint32_t node)
{
	struct span s;

	buf_truncate(&vm->decoded, 0);
	s = json_string(&vm->doc, node, &vm->decoded);
	if (vm->decoded.failed)
		jqworker_no_memory(NULL);
	return jv_string_sized(s.p, (int)s.n);
}

/* Messages have the same keys, with the hashes that jq keeps in them. */
static jv key(struct jqvm *vm, uint32_t node)
{
	const struct json_node *n = &vm->doc.nodes[node];
	struct span s = {vm->doc.text + n->start + 1, n->len - 2};
	jv *kept;

	if (n->escaped || s.n == 0 || s.n > KEY_MAX)
		return new_string(vm, node);
	kept = &vm->keys[(s.n * 31 + (unsigned char)s.p[0] * 7u +
	    (unsigned char)s.p[s.n - 1]) % JQVM_KEYS];
	if (jv_is_valid(*kept) &&
	    (size_t)jv_string_length_bytes(jv_copy(*kept)) == s.n &&
	    memcmp(jv_string_value(*kept), s.p, s.n) == 0)
		return jv_copy(*kept);
	jv_free(*kept);
	*kept = jv_string_sized(s.p, (int)s.n);
	return jv_copy(*kept);
}

/* What later versions print as it came is left to them. */
static jv number(struct jqvm *vm, uint32_t node)
{
	struct span s = json_text(&vm->doc, node);
	bool negative = *s.p == '-';
	int64_t value = 0;
	size_t i;

	if (!vm->doc.nodes[node].integer || s.n > EXACT_DIGITS ||
	    (negative && s.p[1] == '0')) {
		vm->plain = false;
		return jv_parse_sized(s.p, (int)s.n);
	}
	for (i = negative; i < s.n; i++)
		value = value * 10 + (s.p[i] - '0');
	return jv_number((double)(negative ? -value : value));
}

static jv array(struct jqvm *vm, uint32_t node)
{
	jv v = jv_array();
	uint32_t i;

	for (i = json_first(&vm->doc, node); i < vm->doc.nodes[node].end;
	    i = json_next(&vm->doc, i))
		v = jv_array_append(v, build(vm, i));
	return v;
}

static jv object(struct jqvm *vm, uint32_t node)
{
	jv v = jv_object();
	uint32_t i;

	for (i = json_first(&vm->doc, node); i < vm->doc.nodes[node].end;
	    i = json_next(&vm->doc, i + 1)) {
		jv name = key(vm, i);

		v = jv_object_set(v, name, build(vm, i + 1));
	}
	return v;
}

static jv build(struct jqvm *vm, uint32_t node)
{
	switch (vm->doc.nodes[node].type) {
	case JSON_NULL:
		return jv_null();
	case JSON_FALSE:
		return jv_false();
	case JSON_TRUE:
		return jv_true();
	case JSON_NUMBER:
		return number(vm, node);
	case JSON_STRING:
		return new_string(vm, node);
	case JSON_ARRAY:
		return array(vm, node);
	default:
		return object(vm, node);
	}
}

jv jqvm_value(struct jqvm *vm, struct span text)
{
	vm->plain = false;
	if (text.n > INT32_MAX)
		return jv_invalid();
	/* A state may be nested deeper than a message. */
	if (json_parse(&vm->doc, text.p, text.n, NULL) < 0)
		return jv_parse_sized(text.p, (int)text.n);
	vm->plain = true;
	return build(vm, 0);
}

/* ---- values that are kept ---- */

static uint64_t hash_of(struct span s)
{
	uint64_t h = s.n, word = 0;
	size_t i;

	for (i = 0; i + sizeof word <= s.n; i += sizeof word) {
		memcpy(&word, s.p + i, sizeof word);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h;
}

jv jqvm_kept_value(struct jqvm *vm, struct span text)
{
	struct jqkept *k = &vm->kept[hash_of(text) % JQVM_KEPT];
	jv v;

	if (jv_is_valid(k->value) && span_eq(buf_span(&k->text), text)) {
		vm->plain = k->plain;
		return jv_copy(k->value);
	}
	v = jqvm_value(vm, text);
	if (!jv_is_valid(v) || text.n > TEXT_MAX)
		return v;
	jv_free(k->value);
	buf_truncate(&k->text, 0);
	buf_add_span(&k->text, text);
	if (k->text.failed)
		jqworker_no_memory(NULL);
	k->value = jv_copy(v);
	k->plain = vm->plain;
	return v;
}
