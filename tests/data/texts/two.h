/* two.h - a neural network in whole numbers, as C99
 *
 *     flash  46 bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    730 bytes and two pointers, static; 180 more if the input is in RAM
 *     work   1,080 multiply-accumulates an example
 *
 *     in     codes 0 to 255, 1 x 2 x 90; 0 stands for 0
 *     out    codes 0 to 15, 2 x 1 x 1
 *
 *     uint8_t example[TWO_INPUT_SIZE];    channel by channel, row by row
 *     int answer = two_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), TWO_INPUT_REAL(code).
 * two_pixel gives the code of a byte, two_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * TWO_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef TWO_H
#define TWO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TWO_CHECKSUM 0xcd802ef1
#define TWO_INPUT_SIZE 180
#define TWO_OUTPUT_SIZE 2
#define TWO_INPUT_ZERO (0)
#define TWO_INPUT_SCALE 0.005859375
#define TWO_INPUT_REAL(code) (TWO_INPUT_SCALE * ((code) - TWO_INPUT_ZERO))
#define TWO_OUTPUT_ZERO (2)
#define TWO_OUTPUT_SCALE 1.0
#define TWO_OUTPUT_REAL(code) (TWO_OUTPUT_SCALE * ((code) - TWO_OUTPUT_ZERO))

typedef uint8_t two_input_t;
typedef uint8_t two_output_t;

void two_run(const two_input_t *input, two_output_t *output);
int two_classify(const two_input_t *input);

/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline two_input_t two_quantize(double real)
{
    const double x = real / TWO_INPUT_SCALE;
    const double steps = !(x > 0) ? 0 : x > 255 ? 255 : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (two_input_t)(code + TWO_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline two_input_t two_pixel(uint8_t pixel)
{
    static const two_input_t codes[256] = {
        0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11, 11, 12, 13, 13, 14, 15, 15, 16, 17, 17, 18,
        19, 19, 20, 21, 21, 22, 23, 23, 24, 25, 25, 26, 27, 27, 28, 29, 29, 30, 31, 31, 32, 33, 33, 34,
        35, 35, 36, 37, 37, 38, 39, 39, 40, 41, 41, 42, 43, 44, 44, 45, 46, 46, 47, 48, 48, 49, 50, 50,
        51, 52, 52, 53, 54, 54, 55, 56, 56, 57, 58, 58, 59, 60, 60, 61, 62, 62, 63, 64, 64, 65, 66, 66,
        67, 68, 68, 69, 70, 70, 71, 72, 72, 73, 74, 74, 75, 76, 76, 77, 78, 78, 79, 80, 80, 81, 82, 82,
        83, 84, 84, 85, 86, 86, 87, 88, 88, 89, 90, 90, 91, 92, 92, 93, 94, 94, 95, 96, 96, 97, 98, 98,
        99, 100, 100, 101, 102, 102, 103, 104, 104, 105, 106, 106, 107, 108, 108, 109, 110, 110, 111,
        112, 112, 113, 114, 114, 115, 116, 116, 117, 118, 118, 119, 120, 120, 121, 122, 122, 123, 124,
        124, 125, 126, 126, 127, 128, 129, 129, 130, 131, 131, 132, 133, 133, 134, 135, 135, 136, 137,
        137, 138, 139, 139, 140, 141, 141, 142, 143, 143, 144, 145, 145, 146, 147, 147, 148, 149, 149,
        150, 151, 151, 152, 153, 153, 154, 155, 155, 156, 157, 157, 158, 159, 159, 160, 161, 161, 162,
        163, 163, 164, 165, 165, 166, 167, 167, 168, 169, 169, 170, 171,
    };
    return codes[pixel];
}

#ifdef __cplusplus
}
#endif

#endif
