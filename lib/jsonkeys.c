/* json: duplicate keys. */
#include <stdlib.h>

#include "jsonint.h"

static int by_bytes(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* Many keys, or escaped ones: compare them decoded and sorted. */
static int keys_sorted(const struct json_doc *d, uint32_t object)
{
	uint32_t count = d->nodes[object].count, i, at = object + 1;
	struct span *v = calloc(count, sizeof *v);
	struct buf text = {0};
	size_t offset;
	int r = v && buf_room(&text, d->nodes[object].len) ? 1 : -1;

	for (i = 0; i < count && r > 0; i++) {
		/* Decoded text is never longer, so text does not move. */
		offset = text.n;
		json_decode(d, at, &text);
		v[i] = (struct span){text.p + offset, text.n - offset};
		at = d->nodes[at + 1].end;
	}
	if (text.failed)
		r = -1;
	if (r > 0)
		qsort(v, count, sizeof *v, by_bytes);
	for (i = 1; i < count && r > 0; i++)
		r = !span_eq(v[i - 1], v[i]);
	buf_free(&text);
	free(v);
	return r;
}

int json_keys_differ(const struct json_doc *d, uint32_t object)
{
	uint32_t end = d->nodes[object].end, a, b;

	if (d->nodes[object].count > 16)
		return keys_sorted(d, object);
	for (a = object + 1; a < end; a = d->nodes[a + 1].end)
		if (d->nodes[a].escaped)
			return keys_sorted(d, object);
	for (a = object + 1; a < end; a = d->nodes[a + 1].end)
		for (b = d->nodes[a + 1].end; b < end;
		    b = d->nodes[b + 1].end)
			if (d->nodes[a].len == d->nodes[b].len &&
			    span_eq(json_raw(d, a), json_raw(d, b)))
				return 0;
	return 1;
}
