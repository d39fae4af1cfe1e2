/*
 * catalog: one that is taken keeps its text and is equal to itself; a payload
 * (behind a NUL byte) that an entry has taken is JSON afterwards, and is taken
 * once more without a change.
 */
#include "catalog.h"
#include "fuzz.h"

static void check_payload(const struct catalog_entry *e, struct span payload)
{
	struct message_scratch scratch = {0};
	struct buf out = {0}, more = {0}, shown = {0};
	struct json_doc doc = {0};
	struct draft d = {.type = catalog_type(e), .payload = payload,
	    .coerce = true};
	struct es_err err;

	if (catalog_check(e, &d, &scratch, &out, &err) < 0)
		goto out;
	if (out.n) {
		must(json_parse(&doc, out.p, out.n, NULL) == 0);
		must(doc.nodes[0].type == JSON_OBJECT);
		d.payload = buf_span(&out);
	}
	d.coerce = false;
	must(catalog_check(e, &d, &scratch, &more, &err) == 0);
	must(more.n == 0);
	if (catalog_public(e, d.payload, &shown))
		must(json_parse(&doc, shown.p, shown.n, NULL) == 0);
out:
	json_free(&doc);
	message_scratch_free(&scratch);
	buf_free(&out);
	buf_free(&more);
	buf_free(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *text = (const char *)p;
	const char *nul = n ? memchr(text, '\0', n) : NULL;
	size_t len = nul ? (size_t)(nul - text) : n;
	struct span payload = nul ? (struct span){nul + 1, n - len - 1} :
	    SPAN_LIT("{}");
	const struct catalog_entry *e;
	struct catalog *c, *again;
	struct json_doc doc = {0};
	struct es_err err;

	if (catalog_parse("c", text, len, &c, &err) < 0) {
		must(!c && strncmp(err.text, "c:", 2) == 0);
		return 0;
	}
	must(span_eq(catalog_text(c), (struct span){text, len}));
	must(catalog_parse("c", text, len, &again, &err) == 0);
	must(catalog_equal(c, again));
	for (size_t i = 0; (e = catalog_at(c, i)); i++) {
		must(catalog_find(c, catalog_type(e)) == e);
		if (json_parse(&doc, payload.p, payload.n, NULL) == 0 &&
		    doc.nodes[0].type == JSON_OBJECT)
			check_payload(e, payload);
	}
	json_free(&doc);
	catalog_free(c);
	catalog_free(again);
	return 0;
}
