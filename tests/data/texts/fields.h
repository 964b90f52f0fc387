/* fields.h - a neural network in whole numbers, as C99
 *
 *     flash  4,457 bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    920 bytes and two pointers, static; 120 more if the input is in RAM
 *     work   58,502 multiply-accumulates an example
 *
 *     in     codes 0 to 255, 1 x 12 x 10; 0 stands for 0
 *     out    the class
 *
 *     uint8_t example[FIELDS_INPUT_SIZE];    channel by channel, row by row
 *     int answer = fields_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), FIELDS_INPUT_REAL(code).
 * fields_pixel gives the code of a byte, fields_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * FIELDS_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FIELDS_CHECKSUM 0x88ccf898
#define FIELDS_INPUT_SIZE 120
#define FIELDS_OUTPUT_SIZE 1
#define FIELDS_INPUT_ZERO (0)
#define FIELDS_INPUT_SCALE 0.003921568627450981
#define FIELDS_INPUT_REAL(code) (FIELDS_INPUT_SCALE * ((code) - FIELDS_INPUT_ZERO))

typedef uint8_t fields_input_t;
typedef int32_t fields_output_t;

void fields_run(const fields_input_t *input, fields_output_t *output);
int fields_classify(const fields_input_t *input);

/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline fields_input_t fields_quantize(double real)
{
    const double x = real / FIELDS_INPUT_SCALE;
    const double steps = !(x > 0) ? 0 : x > 255 ? 255 : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (fields_input_t)(code + FIELDS_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline fields_input_t fields_pixel(uint8_t pixel)
{
    return (fields_input_t)pixel;
}

#ifdef __cplusplus
}
#endif

#endif
