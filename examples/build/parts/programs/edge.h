/* edge_pair reads the next "key = value" of a configuration into buffers of the given sizes, and says 0 at the end. */
#include <stdio.h>
int edge_pair(FILE *f, char *key, size_t nkey, char *value, size_t nvalue);
