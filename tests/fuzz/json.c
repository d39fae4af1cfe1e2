/* json: what we accept jq accepts; compact text stays what it is. */
#include <jv.h>

#include "fuzz.h"
#include "json.h"

/* Decoded and quoted again, a string decodes to the same. */
static void check_string(const struct json_doc *d, uint32_t node)
{
	struct buf text = {0}, quoted = {0}, again = {0};
	struct json_doc other = {0};

	json_decode(d, node, &text);
	json_quote(&quoted, text.p ? text.p : "", text.n);
	must(json_parse(&other, quoted.p, quoted.n, NULL) == 0);
	must(other.nodes[0].type == JSON_STRING);
	json_decode(&other, 0, &again);
	must(span_eq(buf_span(&text), buf_span(&again)));
	json_free(&other);
	buf_free(&text);
	buf_free(&quoted);
	buf_free(&again);
}

static void check_compact(const struct json_doc *d)
{
	struct buf once = {0}, twice = {0};
	struct json_doc other = {0};

	json_compact(d, 0, &once);
	must(json_parse(&other, once.p, once.n, NULL) == 0);
	must(other.n == d->n);
	json_compact(&other, 0, &twice);
	must(span_eq(buf_span(&once), buf_span(&twice)));
	json_free(&other);
	buf_free(&once);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *text = (const char *)p;
	struct json_doc d = {0};
	struct es_err err;
	jv v;

	if (json_parse(&d, text, n, &err) < 0) {
		must(d.fault <= n);
		json_free(&d);
		return 0;
	}
	for (uint32_t i = 0; i < d.n; i++) {
		must(d.nodes[i].start + d.nodes[i].len <= n);
		must(d.nodes[i].end > i && d.nodes[i].end <= d.n);
		if (d.nodes[i].type == JSON_STRING)
			check_string(&d, i);
	}
	check_compact(&d);
	v = jv_parse_sized(text, (int)n);
	must(jv_is_valid(v));
	jv_free(v);
	json_free(&d);
	return 0;
}
