/*
 * An id that is there already: whether the message is the one that is stored
 * (DESIGN "Identity").
 */
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "storeimpl.h"

static int by_bytes(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* The tags as a set: sorted, each once, in one text. */
static int tag_set(struct span tags, struct json_doc *doc, struct buf *out,
    struct es_err *err)
{
	struct arena arena = {0};
	struct buf text = {0};
	struct span *v = NULL;
	size_t n = 0, i;
	uint32_t at;
	int r = -1;

	buf_truncate(out, 0);
	if (!tags.p)
		return 0;
	if (json_parse(doc, tags.p, tags.n, err) < 0)
		return -1;
	v = calloc(doc->nodes[0].count + 1, sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	for (at = json_first(doc, 0); at < doc->nodes[0].end;
	    at = json_next(doc, at)) {
		buf_truncate(&text, 0);
		v[n++] = arena_copy(&arena, json_string(doc, at, &text));
	}
	if (arena.failed || text.failed) {
		es_fail_nomem(err);
		goto out;
	}
	qsort(v, n, sizeof *v, by_bytes);
	for (i = 0; i < n; i++)
		if (i == 0 || !span_eq(v[i - 1], v[i])) {
			buf_add_span(out, v[i]);
			buf_addc(out, '\0');
		}
	r = buf_check(out, err);
out:
	free(v);
	buf_free(&text);
	arena_free(&arena);
	return r;
}

static int same_tags(struct span a, struct span b, struct json_doc *doc,
    bool *same, struct es_err *err)
{
	struct buf x = {0}, y = {0};
	int r = tag_set(a, doc, &x, err) < 0 || tag_set(b, doc, &y, err) < 0 ?
	    -1 : 0;

	*same = r == 0 && span_eq(buf_span(&x), buf_span(&y));
	buf_free(&x);
	buf_free(&y);
	return r;
}

struct span identity_payload(const struct draft *d)
{
	return d->payload.p ? d->payload : SPAN_LIT("{}");
}

int identity_compact(struct json_doc *doc, struct span text, struct buf *out,
    struct es_err *err)
{
	buf_reset(out);
	if (json_parse(doc, text.p, text.n, err) < 0)
		return -1;
	json_compact(doc, 0, out);
	return buf_check(out, err);
}

/*
 * Whether the payload that came in is the one that came in when the message
 * was stored: compared with the stored text, or with the digest of what came
 * where the catalog has rewritten it.
 */
static int same_payload(struct store *s, const struct draft *d,
    const struct message *m, bool *same, struct es_err *err)
{
	unsigned char sum[32];
	struct buf stored = {0};
	int r;

	if (identity_compact(&s->doc, identity_payload(d), &s->came_in,
	    err) < 0 || db_prepare_once(s->db, "select salt, identity "
	    "from message where position = ?", &s->digests, err) < 0)
		return -1;
	sqlite3_bind_int64(s->digests, 1, m->position);
	r = db_row(s->db, s->digests, err);
	if (r <= 0)
		return -1;
	if (db_text(s->digests, 1).n == 32 && db_text(s->digests, 0).n == 16) {
		digest_payload((const unsigned char *)
		    db_text(s->digests, 0).p, buf_span(&s->came_in), sum);
		*same = memcmp(sum, db_text(s->digests, 1).p, 32) == 0;
		sqlite3_reset(s->digests);
		if (*same || !d->stored_at)
			return 0;
	}
	sqlite3_reset(s->digests);
	r = identity_compact(&s->doc, m->payload, &stored, err);
	*same = r == 0 && span_eq(buf_span(&stored), buf_span(&s->came_in));
	buf_free(&stored);
	return r;
}

int identity_repeated(struct store *s, const struct draft *d,
    int64_t position, struct appended *out, struct es_err *err)
{
	struct message m;
	const char *differs = NULL;
	bool same = true;
	char shown[160];

	es_escape(shown, sizeof shown, d->id.p, d->id.n);
	if (position < 0)
		return es_fail(err, ES_FAILED, "id: %s is reserved by the "
		    "schedule at position %lld", shown, (long long)-position);
	if (store_get_known(s, position, &m, err) < 0)
		return -1;
	if (m.erased_at)
		return es_fail(err, ES_FAILED, "id: %s was erased (position "
		    "%lld) and stays used", shown, (long long)position);
	if (!span_eq(m.type, d->type))
		differs = "type";
	else if (d->kind != KIND_NONE && d->kind != m.kind)
		differs = "kind";
	else if (d->version && d->version != m.version)
		differs = "version";
	else if (same_tags(d->tags, m.tags, &s->doc, &same, err) < 0)
		return -1;
	else if (!same)
		differs = "tags";
	else if (same_payload(s, d, &m, &same, err) < 0)
		return -1;
	else if (!same)
		differs = "payload";
	if (differs)
		return es_fail(err, ES_FAILED, "id: %s is stored at position "
		    "%lld with another %s", shown, (long long)position,
		    differs);
	buf_reset(&s->line);
	message_print(&s->line, &m);
	out->position = position;
	out->repeated = true;
	out->line = buf_span(&s->line);
	return buf_check(&s->line, err);
}
