/* streams.h - a neural network in whole numbers, as C99
 *
 *     flash  330 bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    478 bytes and two pointers, static; 810 more if the input is in RAM
 *     work   95,440 multiply-accumulates an example
 *
 *     in     codes 0 to 255, 1 x 90 x 9; 9 stands for 0
 *     out    codes 0 to 255, 2 x 1 x 1
 *
 *     uint8_t example[STREAMS_INPUT_SIZE];    channel by channel, row by row
 *     int answer = streams_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), STREAMS_INPUT_REAL(code).
 * streams_pixel gives the code of a byte, streams_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * STREAMS_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef STREAMS_H
#define STREAMS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STREAMS_CHECKSUM 0x8ecf5677
#define STREAMS_INPUT_SIZE 810
#define STREAMS_OUTPUT_SIZE 2
#define STREAMS_INPUT_ZERO (9)
#define STREAMS_INPUT_SCALE 1.0
#define STREAMS_INPUT_REAL(code) (STREAMS_INPUT_SCALE * ((code) - STREAMS_INPUT_ZERO))
#define STREAMS_OUTPUT_ZERO (0)
#define STREAMS_OUTPUT_SCALE 0.005859375
#define STREAMS_OUTPUT_REAL(code) (STREAMS_OUTPUT_SCALE * ((code) - STREAMS_OUTPUT_ZERO))

typedef uint8_t streams_input_t;
typedef uint8_t streams_output_t;

void streams_run(const streams_input_t *input, streams_output_t *output);
int streams_classify(const streams_input_t *input);

/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline streams_input_t streams_quantize(double real)
{
    const double x = real / STREAMS_INPUT_SCALE;
    const double steps = !(x > -9) ? -9 : x > 246 ? 246 : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (streams_input_t)(code + STREAMS_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline streams_input_t streams_pixel(uint8_t pixel)
{
    static const streams_input_t codes[256] = {
        9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
        9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
        9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
        9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
        10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
        10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
        10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
        10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
        10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
        10, 10, 10, 10, 10, 10, 10, 10,
    };
    return codes[pixel];
}

#ifdef __cplusplus
}
#endif

#endif
