#include <stdlib.h>
#include <string.h>

#include "query.h"

/* ---- memory ---- */

static void free_strings(char **v, size_t n)
{
	while (n > 0)
		free(v[--n]);
	free(v);
}

static void free_item(struct query_item *item)
{
	size_t i;

	free_strings(item->types, item->n_types);
	free_strings(item->tags, item->n_tags);
	for (i = 0; i < item->n_partition; i++) {
		free(item->partition[i].name);
		free(item->partition[i].value);
	}
	free(item->partition);
}

void query_free(struct query *q)
{
	while (q->n > 0)
		free_item(&q->items[--q->n]);
	free(q->items);
	*q = (struct query){0};
}

/* The array v of n elements with room for one more; NULL: no memory. */
static void *grow(void *v, size_t n, size_t size)
{
	/* It is full at every power of two. */
	if (n & (n - 1))
		return v;
	return realloc(v, (n ? n * 2 : 1) * size);
}

static int add_string(char ***v, size_t *n, struct span s, struct es_err *err)
{
	char **more = grow(*v, *n, sizeof *more), *copy;

	if (!more)
		return es_fail_nomem(err);
	*v = more;
	copy = strndup(s.n ? s.p : "", s.n);
	if (!copy)
		return es_fail_nomem(err);
	(*v)[(*n)++] = copy;
	return 0;
}

static struct query_item *last_item(struct query *q, struct es_err *err)
{
	if (q->n == 0 && query_add_item(q, err) < 0)
		return NULL;
	return &q->items[q->n - 1];
}

/* ---- building ---- */

int query_add_item(struct query *q, struct es_err *err)
{
	struct query_item *more = grow(q->items, q->n, sizeof *more);

	if (!more)
		return es_fail_nomem(err);
	q->items = more;
	q->items[q->n++] = (struct query_item){0};
	return 0;
}

/* Text that a message could hold as well. */
static int check_text(struct span s, const char *what, struct es_err *err)
{
	if (s.n && !json_utf8(s.p, s.n))
		return es_fail(err, ES_USAGE,
		    "%s: must be UTF-8 without NUL", what);
	return 0;
}

int query_add_type(struct query *q, struct span type, struct es_err *err)
{
	struct query_item *item;
	struct span name;

	if (type.n >= 2 && memcmp(type.p + type.n - 2, ".*", 2) == 0)
		type.n--;
	name = type;
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (message_check_type(name, err) < 0) {
		if (err)
			err->code = ES_USAGE;
		return -1;
	}
	item = last_item(q, err);
	return item ? add_string(&item->types, &item->n_types, type, err) : -1;
}

/* An explicit tag, or NAME:VALUE as an attribute gives it. */
static int check_tag(struct span tag, struct es_err *err)
{
	const char *colon = tag.n ? memchr(tag.p, ':', tag.n) : NULL;
	size_t name = colon ? (size_t)(colon - tag.p) : 0;

	if (tag.n == 0)
		return es_fail(err, ES_USAGE, "tag: is empty");
	if (!message_name_indexable((struct span){tag.p, name}))
		name = 0;
	if (tag.n - name - (name > 0) > KEY_VALUE_BYTES)
		return es_fail(err, ES_USAGE, "tag: longer than %d bytes, "
		    "which no message has", KEY_VALUE_BYTES);
	return check_text(tag, "tag", err);
}

int query_add_tag(struct query *q, struct span tag, struct es_err *err)
{
	struct query_item *item;

	if (check_tag(tag, err) < 0)
		return -1;
	item = last_item(q, err);
	return item ? add_string(&item->tags, &item->n_tags, tag, err) : -1;
}

static int check_pair(const struct query_item *item, struct span name,
    struct span value, struct es_err *err)
{
	char shown[80];
	size_t i;

	if (check_text(name, "partition", err) < 0 ||
	    check_text(value, "partition", err) < 0)
		return -1;
	es_escape(shown, sizeof shown, name.n ? name.p : "", name.n);
	if (name.n == 0 || memchr(name.p, ':', name.n))
		return es_fail(err, ES_USAGE, "partition: \"%s\" is not a "
		    "name that a message can carry", shown);
	if (value.n > KEY_VALUE_BYTES)
		return es_fail(err, ES_USAGE, "partition: %s: longer than %d "
		    "bytes, which no message has", shown, KEY_VALUE_BYTES);
	for (i = 0; i < item->n_partition; i++)
		if (span_is(name, item->partition[i].name))
			return es_fail(err, ES_USAGE, "partition: %s: stands "
			    "there twice", shown);
	return 0;
}

int query_add_partition(struct query *q, struct span name, struct span value,
    struct es_err *err)
{
	struct query_item *item = last_item(q, err);
	struct query_pair pair = {0}, *more;

	if (!item || check_pair(item, name, value, err) < 0)
		return -1;
	more = grow(item->partition, item->n_partition, sizeof *more);
	if (!more)
		return es_fail_nomem(err);
	item->partition = more;
	pair.name = strndup(name.p, name.n);
	if (value.p)
		pair.value = strndup(value.p, value.n);
	if (!pair.name || (value.p && !pair.value)) {
		free(pair.name);
		free(pair.value);
		return es_fail_nomem(err);
	}
	item->partition[item->n_partition++] = pair;
	return 0;
}

static int copy_item(const struct query_item *from, struct query *to,
    struct es_err *err)
{
	struct query_item *item;
	size_t i;

	if (query_add_item(to, err) < 0)
		return -1;
	for (i = 0; i < from->n_types; i++)
		if (query_add_type(to, span_str(from->types[i]), err) < 0)
			return -1;
	for (i = 0; i < from->n_tags; i++)
		if (query_add_tag(to, span_str(from->tags[i]), err) < 0)
			return -1;
	for (i = 0; i < from->n_partition; i++)
		if (query_add_partition(to, span_str(from->partition[i].name),
		    span_str(from->partition[i].value), err) < 0)
			return -1;
	item = &to->items[to->n - 1];
	item->kind = from->kind;
	item->last = from->last;
	return 0;
}

int query_copy(const struct query *q, struct query *out, struct es_err *err)
{
	size_t i;

	*out = (struct query){.everything = q->everything};
	for (i = 0; i < q->n; i++)
		if (copy_item(&q->items[i], out, err) < 0) {
			query_free(out);
			return -1;
		}
	return 0;
}

/* ---- matching ---- */

static bool is_own(struct span type)
{
	return type.n >= 3 && memcmp(type.p, "es.", 3) == 0;
}

/* A prefix ends in its dot, so only one that begins with "es." matches
 * the toolkit's own types. */
bool query_type_in(char *const *types, size_t n, struct span type)
{
	size_t i;

	for (i = 0; i < n; i++) {
		size_t len = strlen(types[i]);

		if (len > 0 && types[i][len - 1] == '.' ?
		    type.n > len && memcmp(type.p, types[i], len) == 0 :
		    type.n == len && memcmp(type.p, types[i], len) == 0)
			return true;
	}
	return false;
}

static bool has_tag(const struct keys *keys, const char *tag)
{
	struct span want = span_str(tag);
	size_t low = 0, high = keys->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = span_cmp(keys->v[middle].text, want);

		if (c == 0)
			return true;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static struct span key_value(const struct key *k)
{
	return (struct span){k->text.p + k->name.n + 1,
	    k->text.n - k->name.n - 1};
}

/* The first key of a name, in byte order of the values; keys->n: none. */
static size_t first_of(const struct keys *keys, const char *name)
{
	struct span want = span_str(name);
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (keys->v[i].name.n && span_eq(keys->v[i].name, want))
			break;
	return i;
}

/* Keys of one name stand together: they are sorted and all begin with it. */
static bool same_name(const struct keys *keys, size_t a, size_t b)
{
	return b < keys->n && span_eq(keys->v[a].name, keys->v[b].name);
}

static bool partition_match(const struct query_item *item,
    const struct keys *keys)
{
	bool carried = false, wanted = false;
	size_t i, k, first;

	for (i = 0; i < item->n_partition; i++) {
		const struct query_pair *pair = &item->partition[i];

		first = first_of(keys, pair->name);
		wanted = wanted || pair->value;
		if (first == keys->n)
			continue;
		if (!pair->value)
			return false;
		for (k = first; same_name(keys, first, k); k++)
			if (span_is(key_value(&keys->v[k]), pair->value))
				break;
		if (!same_name(keys, first, k))
			return false;
		carried = true;
	}
	return carried || !wanted;
}

bool query_item_match(const struct query_item *item, const struct message *m,
    const struct keys *keys)
{
	size_t i;

	if (item->kind != KIND_NONE && item->kind != m->kind)
		return false;
	if (item->n_types ? !query_type_in(item->types, item->n_types,
	    m->type) : is_own(m->type))
		return false;
	for (i = 0; i < item->n_tags; i++)
		if (!has_tag(keys, item->tags[i]))
			return false;
	return item->n_partition == 0 || partition_match(item, keys);
}

bool query_match(const struct query *q, const struct message *m,
    const struct keys *keys)
{
	size_t i;

	if (q->everything)
		return true;
	for (i = 0; i < q->n; i++)
		if (query_item_match(&q->items[i], m, keys))
			return true;
	return false;
}

size_t query_partition_of(const struct keys *keys, char *const *names,
    size_t n, struct span *values, bool *many)
{
	size_t i, k, there = 0;

	*many = false;
	for (i = 0; i < n; i++) {
		k = first_of(keys, names[i]);
		values[i] = SPAN_NONE;
		if (k == keys->n)
			continue;
		values[i] = key_value(&keys->v[k]);
		there++;
		if (same_name(keys, k, k + 1))
			*many = true;
	}
	return there;
}
