/* products.h - a neural network in whole numbers, as C99
 *
 *     flash  0 bytes of weights, biases, multipliers and tables; code excluded
 *     RAM    140 bytes and two pointers, static; 60 more if the input is in RAM
 *     work   180 multiply-accumulates an example
 *
 *     in     codes 0 to 255, 3 x 4 x 5; 7 stands for 0
 *     out    codes -100 to 90, 3 x 4 x 5
 *
 *     uint8_t example[PRODUCTS_INPUT_SIZE];    channel by channel, row by row
 *     int answer = products_classify(example);    the greatest code's place, the first of equals
 *
 * A real number is scale (code - zero), PRODUCTS_INPUT_REAL(code).
 * products_pixel gives the code of a byte, products_quantize that of a real number.
 *
 * The static arrays serve one call at a time. Where the input is not in memory, define
 * PRODUCTS_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.
 */
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PRODUCTS_CHECKSUM 0x02a4e712
#define PRODUCTS_INPUT_SIZE 60
#define PRODUCTS_OUTPUT_SIZE 60
#define PRODUCTS_INPUT_ZERO (7)
#define PRODUCTS_INPUT_SCALE 0.003921568859368563
#define PRODUCTS_INPUT_REAL(code) (PRODUCTS_INPUT_SCALE * ((code) - PRODUCTS_INPUT_ZERO))
#define PRODUCTS_OUTPUT_ZERO (5)
#define PRODUCTS_OUTPUT_SCALE 0.0390625
#define PRODUCTS_OUTPUT_REAL(code) (PRODUCTS_OUTPUT_SCALE * ((code) - PRODUCTS_OUTPUT_ZERO))

typedef uint8_t products_input_t;
typedef int8_t products_output_t;

void products_run(const products_input_t *input, products_output_t *output);
int products_classify(const products_input_t *input);

/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline products_input_t products_quantize(double real)
{
    const double x = real / PRODUCTS_INPUT_SCALE;
    const double steps = !(x > -7) ? -7 : x > 248 ? 248 : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (products_input_t)(code + PRODUCTS_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline products_input_t products_pixel(uint8_t pixel)
{
    static const products_input_t codes[256] = {
        7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55,
        56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79,
        80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102,
        103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121,
        122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140,
        141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159,
        160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178,
        179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197,
        198, 199, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212, 213, 214, 215, 216,
        217, 218, 219, 220, 221, 222, 223, 224, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235,
        236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254,
        255, 255, 255, 255, 255, 255, 255, 255,
    };
    return codes[pixel];
}

#ifdef __cplusplus
}
#endif

#endif
