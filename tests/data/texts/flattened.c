/* flattened.c - see flattened.h
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
#include "flattened.h"

#if FLATTENED_CHECKSUM != 0x737387f5
#error flattened.h is of another program: export all files again
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

#ifndef FLATTENED_READ_INPUT
#define FLATTENED_READ_INPUT(input, k) ((input)[k])
#endif

static const flattened_input_t *image;
static flattened_output_t *answer;
static union { /* never needed at the same time */
    int8_t second_codes[20]; /* 2 x 10 x 1 */
    uint8_t concat9_codes[4]; /* 4 */
} shared0;
static uint8_t linear6_codes[2]; /* 2 */
static uint8_t linear8_codes[2]; /* 2 */
static int16_t sums16[1]; /* sums of a row of a channel */

/* Weight k, in two's complement, of an array with 2 bits a weight, the lowest bits of a byte first. */
static int weight2(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const int field = FLASH_8(w + at / 4) >> (at % 4 * 2) & 3;
    return (field ^ 2) - 2;
}

/* Weight k, in two's complement, of an array with 3 bits a weight, the lowest bits of a byte first. */
static int weight3(const uint8_t *w, int k)
{
    const unsigned at = (unsigned)k; /* for which / and % are shifts */
    const unsigned first = at % 8 * 3, shift = first % 8;
    const uint8_t *q = w + at / 8 * 3 + first / 8;
    int field = FLASH_8(q) >> shift;
    if (shift + 3 > 8)
        field |= FLASH_8(q + 1) << (8 - shift);
    field &= 7;
    return (field ^ 4) - 4;
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

/* a b / 2^31 to nearest, half up: ARM's SQRDMULH [gemmlowp, fixedpoint.h] */
static int32_t high(int32_t a, int32_t b)
{
    return (int32_t)floor_shift((int64_t)a * b + ((int32_t)1 << 30), 31);
}

/* acc m0 / 2^n, rounded twice: after 31 bits half up, after the rest half away from zero
 * [Jacob et al. 2018, eq. 4-6, as gemmlowp computes them] */
static int32_t rescale_double(int32_t acc, int32_t m0, int n)
{
    if (n <= 31)
        return high(acc * ((int32_t)1 << (31 - n)), m0);
    const int64_t x = high(acc, m0), half = (int64_t)1 << (n - 32);
    return (int32_t)floor_shift(x + half - (x < 0), n - 31);
}

/* (acc m + r) / 2^s, rounded down: 32 bits hold it, and the code is that of acc m0 / 2^n for all sums here */
static int32_t rescale_short(int32_t acc, int32_t m, int32_t r, int s)
{
    const int32_t x = acc * m + r;
    return x < 0 ? ~(~x >> s) : x >> s;
}

/* second: Conv2d 3x3/3x1, 1x32x3 to 2x10x1. |sum + bias| <= 4,164, and int16_t holds the sum. */
static const int8_t second_w[18] FLASH = {
    2, 0, 2, -7, 2, 0, 2, -7, 3, 1, 3, -6, 3, 2, 4, -5, 4, 3,
};

static const int16_t second_bias[2] FLASH = {
    -26, 196,
};

static const int32_t second_m0[2] FLASH = {
    1073741824, 1080694912,
};

static APART void second_sums(int f, int oh)
{
    sums16[0] = 0;
    for (int i = 0; i < 3; i++) {
        const int h = 3 * oh + i;
        const int row = h * 3;
        const int k = (f * 3 + i) * 3;
        const int w0 = (int8_t)FLASH_8(second_w + k);
        const int w1 = (int8_t)FLASH_8(second_w + k + 1);
        const int w2 = (int8_t)FLASH_8(second_w + k + 2);
        int sum = sums16[0];
        sum += w0 * FLATTENED_READ_INPUT(image, row);
        sum += w1 * FLATTENED_READ_INPUT(image, row + 1);
        sum += w2 * FLATTENED_READ_INPUT(image, row + 2);
        sums16[0] = (int16_t)sum;
    }
}

static void second_row(int oh)
{
    for (int f = 0; f < 2; f++) {
        second_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(second_bias + f);
        const int32_t m0 = (int32_t)FLASH_32(second_m0 + f);
        shared0.second_codes[f * 10 + oh] =
            (int8_t)clamp(rescale_double(sums16[0] + bias, m0, 38), -8, 7);
    }
}

/* linear6: Linear, 20 to 2. |sum + bias| <= 532, and int16_t holds the sum. */
static const uint8_t linear6_w[15] FLASH = {
    139, 35, 229, 243, 95, 25, 128, 213, 223, 187, 166, 88, 235, 244, 108,
};

static const int16_t linear6_bias[2] FLASH = {
    -26, 196,
};

static const int32_t linear6_m[2] FLASH = {
    2097152, 2110732,
};

static const int32_t linear6_r[2] FLASH = {
    269484031, 268125073,
};

static void linear6_all(void)
{
    for (int f = 0; f < 2; f++) {
        int16_t sum = 0;
        for (int c = 0; c < 20; c++) {
            const int w = weight3(linear6_w, f * 20 + c);
            sum = (int16_t)(sum + w * shared0.second_codes[c]);
        }
        const int32_t bias = (int16_t)FLASH_16(linear6_bias + f);
        const int32_t m = (int32_t)FLASH_32(linear6_m + f);
        const int32_t r = (int32_t)FLASH_32(linear6_r + f);
        linear6_codes[f] = (uint8_t)clamp(rescale_short(sum + bias, m, r, 29), 0, 255);
    }
}

/* linear8: Linear, 20 to 2. |sum + bias| <= 316, and int16_t holds the sum. */
static const uint8_t linear8_w[10] FLASH = {
    243, 243, 4, 92, 241, 7, 253, 71, 49, 253,
};

static const int16_t linear8_bias[2] FLASH = {
    -26, 196,
};

static void linear8_all(void)
{
    for (int f = 0; f < 2; f++) {
        int16_t sum = 0;
        for (int c = 0; c < 20; c++) {
            const int w = weight2(linear8_w, f * 20 + c);
            sum = (int16_t)(sum + w * shared0.second_codes[c]);
        }
        const int32_t bias = (int16_t)FLASH_16(linear8_bias + f);
        linear8_codes[f] =
            (uint8_t)clamp(rescale_short(sum + bias, 4194304, 538968063, 30), 0, 255);
    }
}

/* concat9: Concat of 6, 8, 2 to 4. */
static void concat9_all(void)
{
    for (int c = 0; c < 2; c++)
        shared0.concat9_codes[c] = (uint8_t)linear6_codes[c];
    for (int c = 0; c < 2; c++)
        shared0.concat9_codes[c + 2] = (uint8_t)linear8_codes[c];
}

/* argmax10: Argmax, 4 to a class. The first of the greatest. */
static void argmax10_all(void)
{
    int best = 0;
    for (int c = 1; c < 4; c++) {
        if (shared0.concat9_codes[c] > shared0.concat9_codes[best])
            best = c;
    }
    answer[0] = best;
}

void flattened_run(const flattened_input_t *input, flattened_output_t *output)
{
    image = input;
    answer = output;
    for (int oh = 0; oh < 10; oh++)
        second_row(oh);
    linear6_all();
    linear8_all();
    concat9_all();
    argmax10_all();
}

int flattened_classify(const flattened_input_t *input)
{
    static flattened_output_t output[FLATTENED_OUTPUT_SIZE];
    flattened_run(input, output);
    return (int)output[0];
}
