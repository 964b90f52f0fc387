TOLD
#include "NAME.h"
#include <stdio.h>

CHECK
#define COUNT EXAMPLES

INPUTS

OUTPUTS

int main(void)
{
    static PREFIX_output_t output[UPPER_OUTPUT_SIZE];
    long right = 0;
    for (long n = 0; n < COUNT; n++) {
        PREFIX_run(inputs + n * UPPER_INPUT_SIZE, output);
        long equal = 0;
        for (long k = 0; k < UPPER_OUTPUT_SIZE; k++)
            equal += output[k] == outputs[n * UPPER_OUTPUT_SIZE + k];
        right += equal == UPPER_OUTPUT_SIZE;
    }
    printf("%ld of %d examples have the right codes\n", right, COUNT);
    return right != COUNT;
}
