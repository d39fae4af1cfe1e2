/*
 * banned: functions that this project does without.
 *
 * The Makefile includes this file before every source file.  The headers that
 * declare the functions are included first, because a name that is poisoned
 * may not even be declared.  Instead: struct buf for text that grows,
 * snprintf for text that does not, cli_int() and strtoll() for numbers.
 */
#ifndef ES_BANNED_H
#define ES_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#pragma GCC poison strcpy strncpy strcat strncat sprintf vsprintf
#pragma GCC poison strtok strtok_r atoi atol atoll atof
#pragma GCC poison tmpnam tempnam mktemp gmtime localtime ctime asctime

#endif
