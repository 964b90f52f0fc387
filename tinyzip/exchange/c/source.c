/* NAME.c - see NAME.h
 *
 * Real numbers stand as codes, real = scale (code - zero), and a layer is
 *
 *     code = zero + acc m0 / 2^n, rounded and clamped
 *     acc = sum of w (x - zero of x), plus bias
 *
 * [Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference, eq. 1 and 4-7]. A loop `for (; a_rows < end; a_rows++)` asks a
 * layer for the rows that are needed next; row h is kept at h % rows.
 */
#include "NAME.h"

FLASH_READ_MEMORY

FUNCTIONS
void PREFIX_run(const PREFIX_input_t *input, PREFIX_output_t *output)
{
    image = input;
    answer = output;
STEPS
}

int PREFIX_classify(const PREFIX_input_t *input)
{
    static PREFIX_output_t output[UPPER_OUTPUT_SIZE];
    PREFIX_run(input, output);
ANSWER
}
