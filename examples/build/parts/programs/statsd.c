/* Counts lines of standard input by their first word. */
#include <stdio.h>
#include <string.h>

static struct { char word[32]; unsigned long n; } table[64];

int main(void)
{
	char line[256], word[32];
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "%31s", word) != 1)
			continue;
		for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
			if (!table[i].n)
				strcpy(table[i].word, word);
			if (!strcmp(table[i].word, word)) {
				table[i].n++;
				break;
			}
		}
	}
	for (unsigned i = 0; i < sizeof table / sizeof table[0] && table[i].n; i++)
		printf("%lu %s\n", table[i].n, table[i].word);
	return 0;
}
