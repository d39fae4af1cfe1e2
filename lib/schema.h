/*
 * schema: the tables of a store, format STORE_FORMAT; es-store(5) explains
 * them.
 */
#ifndef ES_SCHEMA_H
#define ES_SCHEMA_H

/* CREATE statements, without the index's own (index_schema). */
extern const char schema_tables[];

/* The view `messages`: what other programs may read, in every format. */
extern const char schema_view[];

#endif
