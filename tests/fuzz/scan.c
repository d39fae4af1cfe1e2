/* scan: a handler's source, whatever it is, is read or refused with a line. */
#include "fuzz.h"
#include "scan.h"

static void check_types(const struct scan_types *t)
{
	for (size_t i = 1; i < t->n; i++)
		must(strcmp(t->v[i - 1], t->v[i]) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *text = (const char *)p;
	struct scan s = {0};
	struct es_err err;

	if (scan_jq("h.jq", text, n, &s, &err) == 0) {
		check_types(&s.decides);
		check_types(&s.evolves);
		check_types(&s.reacts);
		for (size_t i = 0; i < s.n_defs; i++)
			must(strchr(s.defs[i], '/'));
		for (size_t i = 0; i < s.n_uses; i++)
			must(s.uses[i].ops && s.uses[i].line);
		scan_free(&s);
	} else {
		must(strncmp(err.text, "h.jq:", 5) == 0);
	}
	s = (struct scan){0};
	if (scan_page_jq("p.jq", text, n, &s, &err) == 0)
		scan_free(&s);
	return 0;
}
