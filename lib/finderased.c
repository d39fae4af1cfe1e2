/* What was erased, as those see it who keep what they have made of messages. */
#include "find.h"
#include "storeimpl.h"

static char type[] = "es.message_erased";
static char *types[] = {type};
static struct query_item item = {.types = types, .n_types = 1};

const struct query find_erasures = {.items = &item, .n = 1};

int find_erased(struct store *s, int64_t after, int64_t up_to, bool *any,
    struct es_err *err)
{
	int number;

	*any = false;
	if (up_to <= after)
		return 0;
	if (store_refresh(s, err) < 0 || names_type(s->names, span_str(type),
	    false, &number, err) < 0)
		return -1;
	return number < 0 ? 0 : find_any(s, &find_erasures, after, up_to, any,
	    NULL, err);
}
