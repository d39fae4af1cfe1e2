/*
 * catalogimpl: what a catalog is made of; private to catalog.
 */
#ifndef ES_CATALOGIMPL_H
#define ES_CATALOGIMPL_H

#include "catalog.h"
#include "value.h"

struct catalog_names {		/* attribute names, spans into strings */
	struct span *v;
	size_t n;
};

struct catalog_step {		/* an upcast from the version before */
	int64_t version;
	struct span program;
};

struct catalog_entry {
	struct span type;
	enum message_kind kind;
	bool web;
	int64_t version;
	struct span channel;
	struct value_rule payload;	/* declared: only these attributes */
	struct catalog_step *steps;	/* by version */
	size_t n_steps;
	bool has_keys;		/* only these are indexed */
	struct catalog_names keys, hidden;	/* hidden: "private" */
	struct catalog_names was_hidden;	/* of earlier versions only */
};

struct catalog {
	char *place;
	struct buf text;	/* as it came in; doc points into it */
	struct json_doc doc;
	struct buf strings;	/* decoded, with room for all from the start */
	/* of earlier versions, as catalog_parse_loaded() was given it */
	struct buf earlier, earlier_strings;
	struct json_doc earlier_doc;
	struct catalog_entry *entries;
	size_t n;
	struct catalog_entry **sorted;	/* by type */
};

bool catalog_names_have(const struct catalog_names *, struct span name);
const struct value_attribute *catalog_attribute(const struct catalog_entry *,
    struct span name);
/* The steps of "upcast", a text or an object; version is the entry's. */
int catalog_steps(const struct json_doc *, uint32_t node, struct buf *strings,
    struct catalog_entry *, struct es_err *);

#endif
