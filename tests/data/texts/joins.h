/* joins.h - a neural network in whole numbers, as C99
 *
 *     flash  16 bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    162 bytes and two pointers, static; 30 more if the input is in RAM
 *     work   60 multiply-accumulates an example
 *
 *     in     codes -128 to 127, 2 x 5 x 3; 5 stands for 0
 *     out    codes 3 to 200, 4
 *
 *     int8_t example[JOINS_INPUT_SIZE];    channel by channel, row by row
 *     int answer = joins_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), JOINS_INPUT_REAL(code).
 * joins_pixel gives the code of a byte, joins_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * JOINS_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef JOINS_H
#define JOINS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JOINS_CHECKSUM 0x89d9772f
#define JOINS_INPUT_SIZE 30
#define JOINS_OUTPUT_SIZE 4
#define JOINS_INPUT_ZERO (5)
#define JOINS_INPUT_SCALE 0.0078125
#define JOINS_INPUT_REAL(code) (JOINS_INPUT_SCALE * ((code) - JOINS_INPUT_ZERO))
#define JOINS_OUTPUT_ZERO (9)
#define JOINS_OUTPUT_SCALE 0.015625
#define JOINS_OUTPUT_REAL(code) (JOINS_OUTPUT_SCALE * ((code) - JOINS_OUTPUT_ZERO))

typedef int8_t joins_input_t;
typedef uint8_t joins_output_t;

void joins_run(const joins_input_t *input, joins_output_t *output);
int joins_classify(const joins_input_t *input);

/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline joins_input_t joins_quantize(double real)
{
    const double x = real / JOINS_INPUT_SCALE;
    const double steps = !(x > -133) ? -133 : x > 122 ? 122 : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (joins_input_t)(code + JOINS_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline joins_input_t joins_pixel(uint8_t pixel)
{
    static const joins_input_t codes[256] = {
        5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 18,
        18, 19, 19, 20, 20, 21, 21, 22, 22, 23, 23, 24, 24, 25, 25, 26, 26, 27, 27, 28, 28, 29, 29, 30,
        30, 31, 31, 32, 32, 33, 33, 34, 34, 35, 35, 36, 36, 37, 37, 38, 38, 39, 39, 40, 40, 41, 41, 42,
        42, 43, 43, 44, 44, 45, 45, 46, 46, 47, 47, 48, 48, 49, 49, 50, 50, 51, 51, 52, 52, 53, 53, 54,
        54, 55, 55, 56, 56, 57, 57, 58, 58, 59, 59, 60, 60, 61, 61, 62, 62, 63, 63, 64, 64, 65, 65, 66,
        66, 67, 67, 68, 68, 69, 69, 70, 70, 71, 71, 72, 72, 73, 73, 74, 74, 75, 75, 76, 76, 77, 77, 78,
        78, 79, 79, 80, 80, 81, 81, 82, 82, 83, 83, 84, 84, 85, 85, 86, 86, 87, 87, 88, 88, 89, 89, 90,
        90, 91, 91, 92, 92, 93, 93, 94, 94, 95, 95, 96, 96, 97, 97, 98, 98, 99, 99, 100, 100, 101, 101,
        102, 102, 103, 103, 104, 104, 105, 105, 106, 106, 107, 107, 108, 108, 109, 109, 110, 110, 111,
        111, 112, 112, 113, 113, 114, 114, 115, 115, 116, 116, 117, 117, 118, 118, 119, 119, 120, 120,
        121, 121, 122, 122, 123, 123, 124, 124, 125, 125, 126, 126, 127, 127, 127, 127, 127, 127, 127,
        127, 127, 127, 127, 127, 127,
    };
    return codes[pixel];
}

#ifdef __cplusplus
}
#endif

#endif
