/* NAME.h - a neural network in whole numbers, as C99
 *
 *     flash  FLASH_BYTES bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    RAM_BYTES bytes and two pointers, static; INPUTS_BYTES more if the input is in RAM
 *     work   PRODUCTS multiply-accumulates an example
 *
 *     in     codes INPUT_CODES stands for 0
 *     out    ANSWERS
 *
 *     INPUT_TYPE example[UPPER_INPUT_SIZE];    channel by channel, row by row
 *     int answer = PREFIX_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), UPPER_INPUT_REAL(code).
 * PREFIX_pixel gives the code of a byte, PREFIX_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * UPPER_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef UPPER_H
#define UPPER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UPPER_INPUT_SIZE INPUTS
#define UPPER_OUTPUT_SIZE OUTPUTS
CONSTANTS

typedef INPUT_TYPE PREFIX_input_t;
typedef OUTPUT_TYPE PREFIX_output_t;

void PREFIX_run(const PREFIX_input_t *input, PREFIX_output_t *output);
int PREFIX_classify(const PREFIX_input_t *input);

PIXELS

#ifdef __cplusplus
}
#endif

#endif
