/* kinds.h - a neural network in whole numbers, as C99
 *
 *     flash  728 bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    1,916 bytes and two pointers, static; 84 more if the input is in RAM
 *     work   6,351 multiply-accumulates an example
 *
 *     in     codes 0 to 255, 2 x 7 x 6; 0 stands for 0
 *     out    the class
 *
 *     uint8_t example[KINDS_INPUT_SIZE];    channel by channel, row by row
 *     int answer = kinds_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), KINDS_INPUT_REAL(code).
 * kinds_pixel gives the code of a byte, kinds_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * KINDS_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef KINDS_H
#define KINDS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KINDS_CHECKSUM 0x0ed1f29f
#define KINDS_INPUT_SIZE 84
#define KINDS_OUTPUT_SIZE 1
#define KINDS_INPUT_ZERO (0)
#define KINDS_INPUT_SCALE 0.003921568627450981
#define KINDS_INPUT_REAL(code) (KINDS_INPUT_SCALE * ((code) - KINDS_INPUT_ZERO))

typedef uint8_t kinds_input_t;
typedef int32_t kinds_output_t;

void kinds_run(const kinds_input_t *input, kinds_output_t *output);
int kinds_classify(const kinds_input_t *input);

/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline kinds_input_t kinds_quantize(double real)
{
    const double x = real / KINDS_INPUT_SCALE;
    const double steps = !(x > 0) ? 0 : x > 255 ? 255 : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (kinds_input_t)(code + KINDS_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline kinds_input_t kinds_pixel(uint8_t pixel)
{
    return (kinds_input_t)pixel;
}

#ifdef __cplusplus
}
#endif

#endif
