/* small.c - see small.h
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
#include "small.h"

#if SMALL_CHECKSUM != 0x38b727d8
#error small.h is of another program: export all files again
#endif

#ifdef __AVR__
#include <avr/pgmspace.h> /* tables stay in flash, which is no part of the memory that pointers reach */
#define FLASH PROGMEM
#define FLASH_8(p) pgm_read_byte(p)
#define FLASH_16(p) pgm_read_word(p)
#define FLASH_32(p) pgm_read_dword(p)
#else
#define FLASH
#define FLASH_8(p) (*(p))
#define FLASH_16(p) (*(p))
#define FLASH_32(p) (*(p))
#endif

#ifdef __GNUC__
#define APART __attribute__((noinline)) /* so that its loops have all registers */
#else
#define APART
#endif

#ifndef SMALL_READ_INPUT
#define SMALL_READ_INPUT(input, k) ((input)[k])
#endif

static const small_input_t *image;
static small_output_t *answer;
static int32_t linear3_sums[5]; /* 5 sums */
static uint8_t maxpool2d1_codes[12]; /* 1 of the 4 rows of 3 x 4 x 4 */
static int8_t linear3_codes[5]; /* 5 */
static int16_t sums16[8]; /* sums of a row of a channel */
static int16_t most16[4]; /* greatest sums of windows */
static int16_t maxpool2d1_rows; /* how many are done */

/* Weight k, in two's complement, of an array with 4 bits a weight, the lowest bits of a byte first. */
static int weight4(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const int field = FLASH_8(w + at / 2) >> (at % 2 * 4) & 15;
    return (field ^ 8) - 8;
}

static int32_t clamp(int32_t x, int32_t lo, int32_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* x / 2^s, rounded down: C leaves open what >> does to a negative number. */
static int64_t floor_shift(int64_t x, int s)
{
    return x < 0 ? ~(~x >> s) : x >> s;
}

/* acc m0 / 2^n to nearest, half up [Jacob et al. 2018, eq. 4-6, rounded once] */
static int32_t rescale_single(int32_t acc, int32_t m0, int n)
{
    return (int32_t)floor_shift((int64_t)acc * m0 + ((int64_t)1 << (n - 1)), n);
}

/* (acc m + r) / 2^s, rounded down: 32 bits hold it, and the code is that of acc m0 / 2^n for all sums here */
static int32_t rescale_short(int32_t acc, int32_t m, int32_t r, int s)
{
    const int32_t x = acc * m + r;
    return x < 0 ? ~(~x >> s) : x >> s;
}

/* conv: Conv2d 3x3, 1x8x8 to 3x8x8. |sum + bias| <= 10,966, and int16_t holds the sum. */
static const uint8_t conv_w[14] FLASH = {
    15, 116, 168, 117, 203, 229, 92, 236, 2, 137, 69, 5, 213, 15,
};

static const int8_t conv_bias[3] FLASH = {
    1, 2, 3,
};

static APART void conv_sums(int f, int oh)
{
    for (int ow = 0; ow < 8; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 3; i++) {
        const int h = oh + i - 1;
        if (h >= 0 && h < 8) {
            const int row = h * 8;
            for (int j = 0; j < 3; j++) {
                const int k = (f * 3 + i) * 3 + j;
                const int w0 = weight4(conv_w, k);
                if (w0) {
                    const int v = j - 1;
                    for (int ow = v < 0 ? -v : 0, end = v > 0 ? 8 - v : 8; ow < end; ow++)
                        sums16[ow] = (int16_t)(sums16[ow] + w0 * SMALL_READ_INPUT(image, row + ow + j - 1));
                }
            }
        }
    }
}

/* maxpool2d1: MaxPool2d 2x2/2, 3x8x8 to 3x4x4. The greatest sum gives the greatest code. */
static void maxpool2d1_row(int oh)
{
    for (int f = 0; f < 3; f++) {
        for (int ow = 0; ow < 4; ow++)
            most16[ow] = INT16_MIN;
        for (int i = 0; i < 2; i++) {
            conv_sums(f, 2 * oh + i);
            for (int ow = 0; ow < 4; ow++) {
                for (int j = 0; j < 2; j++) {
                    if (sums16[2 * ow + j] > most16[ow])
                        most16[ow] = sums16[2 * ow + j];
                }
            }
        }
        const int32_t bias = (int8_t)FLASH_8(conv_bias + f);
        for (int ow = 0; ow < 4; ow++) {
            maxpool2d1_codes[f * 4 + ow] =
                (uint8_t)clamp(rescale_short(most16[ow] + bias, 134218, 67174476, 27), 0, 255);
        }
    }
}

/* linear3: Linear, 3x4x4 to 5. |sum + bias| <= 843,795, and int32_t holds the sum. */
static const int8_t linear3_w[240] FLASH = {
    73, -97, -51, -97, -12, 122, -94, -30, -25, 103, -76, 0, -61, -123, 64, -113, -57, -1, -4, -99,
    123, 63, 118, -105, 57, -53, 10, 108, -58, 57, -87, -46, 120, -21, 4, -54, -99, -20, 31, -12,
    70, -36, 28, 69, 106, -19, -118, 55, 7, 95, -11, -34, -113, -11, 36, 69, 90, -73, 23, 77, -62,
    -40, 87, 20, 2, 44, 2, 123, 64, -115, -91, 11, 81, -111, 46, 66, 73, 95, -79, 14, 77, -37, -80,
    -6, -108, -72, 90, 42, 92, 87, 96, -49, -8, 30, -58, 107, -127, 86, 37, -64, 56, -23, 85, 127,
    -56, -8, -73, 49, 35, 88, 78, 122, 118, 101, -90, -118, -5, -40, 101, 76, -20, 19, 22, 100,
    -122, -3, 44, -13, 107, 115, 83, -10, 98, -110, 41, -60, -66, 45, 68, 99, -74, 95, 84, -48,
    -112, 69, 83, -11, -86, -91, -32, 65, -47, -120, 48, 62, -83, 15, -27, 0, -127, 34, -61, 13,
    -21, 28, -101, -35, 34, 68, -31, -122, 57, 1, 39, -88, -18, 98, 94, -48, 33, -107, 79, -60, -41,
    119, 11, 95, -78, 66, 127, -109, -66, -91, -63, -49, -110, 101, -63, 107, 67, -84, 50, 70, -96,
    -95, -32, -111, -21, -6, 42, 18, -12, -72, 22, -12, 86, 50, 57, 18, -35, -56, -14, 18, -34, -91,
    -100, -117, -76, -24, -56, -83, -48, 54, -48, 107, 19, -93, 120, 97,
};

static void linear3_all(void)
{
    for (int f = 0; f < 5; f++)
        linear3_sums[f] = 0;
    for (int h = 0; h < 4; h++) {
        for (; maxpool2d1_rows < h + 1; maxpool2d1_rows++)
            maxpool2d1_row(maxpool2d1_rows);
        for (int f = 0; f < 5; f++) {
            for (int c = 0; c < 3; c++) {
                for (int v = 0; v < 4; v++) {
                    const int w = (int8_t)FLASH_8(linear3_w + ((f * 3 + c) * 4 + h) * 4 + v);
                    linear3_sums[f] += w * maxpool2d1_codes[c * 4 + v];
                }
            }
        }
    }
    for (int f = 0; f < 5; f++) {
        linear3_codes[f] =
            (int8_t)clamp(rescale_single(linear3_sums[f], 1099511628, 40), -128, 127);
    }
}

/* argmax4: Argmax, 5 to a class. The first of the greatest. */
static void argmax4_all(void)
{
    int best = 0;
    for (int c = 1; c < 5; c++) {
        if (linear3_codes[c] > linear3_codes[best])
            best = c;
    }
    answer[0] = best;
}

void small_run(const small_input_t *input, small_output_t *output)
{
    image = input;
    answer = output;
    maxpool2d1_rows = 0;
    linear3_all();
    argmax4_all();
}

int small_classify(const small_input_t *input)
{
    static small_output_t output[SMALL_OUTPUT_SIZE];
    small_run(input, output);
    return (int)output[0];
}
