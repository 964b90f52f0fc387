/* small.h - a neural network in whole numbers, as C99
 *
 *     flash  257 bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    67 bytes and two pointers, static; 64 more if the input is in RAM
 *     work   1,968 multiply-accumulates an example
 *
 *     in     codes 0 to 255, 1 x 8 x 8; 0 stands for 0
 *     out    the class
 *
 *     uint8_t example[SMALL_INPUT_SIZE];    channel by channel, row by row
 *     int answer = small_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), SMALL_INPUT_REAL(code).
 * small_pixel gives the code of a byte, small_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * SMALL_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef SMALL_H
#define SMALL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMALL_CHECKSUM 0x38b727d8
#define SMALL_INPUT_SIZE 64
#define SMALL_OUTPUT_SIZE 1
#define SMALL_INPUT_ZERO (0)
#define SMALL_INPUT_SCALE 1.0
#define SMALL_INPUT_REAL(code) (SMALL_INPUT_SCALE * ((code) - SMALL_INPUT_ZERO))

typedef uint8_t small_input_t;
typedef int32_t small_output_t;

void small_run(const small_input_t *input, small_output_t *output);
int small_classify(const small_input_t *input);

/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline small_input_t small_quantize(double real)
{
    const double x = real / SMALL_INPUT_SCALE;
    const double steps = !(x > 0) ? 0 : x > 255 ? 255 : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (small_input_t)(code + SMALL_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline small_input_t small_pixel(uint8_t pixel)
{
    static const small_input_t codes[256] = {
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
