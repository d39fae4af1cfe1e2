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

struct catalog_attribute {
	struct span name;
	struct value_rule rule;
};

struct catalog_entry {
	struct span type;
	enum message_kind kind;
	bool web;
	int64_t version;
	struct span channel;
	bool declared;		/* has payload: only these attributes */
	struct catalog_attribute *attributes;
	size_t n;
	bool has_keys;		/* only these are indexed */
	struct catalog_names keys, hidden;	/* hidden: "private" */
};

struct catalog {
	struct buf text;	/* as it came in; doc points into it */
	struct json_doc doc;
	struct buf strings;	/* decoded, with room for all from the start */
	struct catalog_entry *entries;
	size_t n;
	struct catalog_entry **sorted;	/* by type */
};

bool catalog_names_have(const struct catalog_names *, struct span name);
const struct catalog_attribute *catalog_attribute(const struct catalog_entry *,
    struct span name);

#endif
