/* flattened.h - a neural network in whole numbers, as C99
 *
 *     flash  79 bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    30 bytes and two pointers, static; 96 more if the input is in RAM
 *     work   800 multiply-accumulates an example
 *
 *     in     codes -128 to 127, 1 x 32 x 3; 0 stands for 0
 *     out    the class
 *
 *     int8_t example[FLATTENED_INPUT_SIZE];    channel by channel, row by row
 *     int answer = flattened_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), FLATTENED_INPUT_REAL(code).
 * flattened_pixel gives the code of a byte, flattened_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * FLATTENED_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef FLATTENED_H
#define FLATTENED_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLATTENED_CHECKSUM 0x737387f5
#define FLATTENED_INPUT_SIZE 96
#define FLATTENED_OUTPUT_SIZE 1
#define FLATTENED_INPUT_ZERO (0)
#define FLATTENED_INPUT_SCALE 1.0
#define FLATTENED_INPUT_REAL(code) (FLATTENED_INPUT_SCALE * ((code) - FLATTENED_INPUT_ZERO))

typedef int8_t flattened_input_t;
typedef int32_t flattened_output_t;

void flattened_run(const flattened_input_t *input, flattened_output_t *output);
int flattened_classify(const flattened_input_t *input);

/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline flattened_input_t flattened_quantize(double real)
{
    const double x = real / FLATTENED_INPUT_SCALE;
    const double steps = !(x > -128) ? -128 : x > 127 ? 127 : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (flattened_input_t)(code + FLATTENED_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline flattened_input_t flattened_pixel(uint8_t pixel)
{
    static const flattened_input_t codes[256] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    };
    return codes[pixel];
}

#ifdef __cplusplus
}
#endif

#endif
