/* Runs the fuzz target over the files named on the command line. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

int main(int argc, char *argv[])
{
	static uint8_t buf[1 << 20];

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "re");
		if (!f) {
			perror(argv[i]);
			return EXIT_FAILURE;
		}
		size_t size = fread(buf, 1, sizeof buf, f);
		fclose(f);
		LLVMFuzzerTestOneInput(buf, size);
	}
	return EXIT_SUCCESS;
}
