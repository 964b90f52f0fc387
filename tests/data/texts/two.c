/* two.c - see two.h
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
#include "two.h"

#if TWO_CHECKSUM != 0xcd802ef1
#error two.h is of another program: export all files again
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

#ifndef TWO_READ_INPUT
#define TWO_READ_INPUT(input, k) ((input)[k])
#endif

static const two_input_t *image;
static two_output_t *answer;
static uint8_t table1_codes[360]; /* 2 x 2 x 90 */
static union { /* never needed at the same time */
    uint8_t conv2d0_codes[180]; /* 1 of the 2 rows of 2 x 2 x 90 */
    uint8_t conv2d2_codes[180]; /* 1 of the 2 rows of 2 x 2 x 90 */
} shared1;
static int16_t globalavgpool3_sums[2]; /* 2 sums */
static int16_t sums16[90]; /* sums of a row of a channel */
static int16_t conv2d0_rows; /* how many are done */
static int16_t conv2d2_rows; /* how many are done */

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

/* sum / count to nearest, half away from zero */
static int32_t mean(int32_t sum, int32_t count)
{
    return sum < 0 ? -((count / 2 - sum) / count) : (sum + count / 2) / count;
}

/* conv2d0: Conv2d 1x1, 1x2x90 to 2x2x90. |sum + bias| <= 536, and int16_t holds the sum. */
static const int8_t conv2d0_w[2] FLASH = {
    2, 0,
};

static const int16_t conv2d0_bias[2] FLASH = {
    -26, 196,
};

static const int32_t conv2d0_m0[2] FLASH = {
    1073741824, 1080694912,
};

static APART void conv2d0_sums(int f, int oh)
{
    for (int ow = 0; ow < 90; ow++)
        sums16[ow] = 0;
    const int h = oh;
    const int row = h * 90;
    const int k = f;
    const int w0 = (int8_t)FLASH_8(conv2d0_w + k);
    for (int ow = 0; ow < 90; ow++) {
        int sum = sums16[ow];
        sum += w0 * TWO_READ_INPUT(image, row + ow);
        sums16[ow] = (int16_t)sum;
    }
}

static void conv2d0_row(int oh)
{
    for (int f = 0; f < 2; f++) {
        conv2d0_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(conv2d0_bias + f);
        const int32_t m0 = (int32_t)FLASH_32(conv2d0_m0 + f);
        for (int ow = 0; ow < 90; ow++) {
            shared1.conv2d0_codes[f * 90 + ow] =
                (uint8_t)(clamp(rescale_double(sums16[ow] + bias, m0, 38), -2, 13) + 2);
        }
    }
}

/* table1: Table, 2x2x90 to 2x2x90. */
static const uint8_t table1_table[16] FLASH = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
};

static void table1_row(int oh)
{
    for (; conv2d0_rows < oh + 1; conv2d0_rows++)
        conv2d0_row(conv2d0_rows);
    for (int f = 0; f < 2; f++) {
        for (int ow = 0; ow < 90; ow++) {
            table1_codes[(f * 2 + oh) * 90 + ow] =
                (uint8_t)(uint8_t)FLASH_8(table1_table + shared1.conv2d0_codes[f * 90 + ow]);
        }
    }
}

/* conv2d2: Conv2d 1x1, 2x2x90 to 2x2x90. |sum + bias| <= 331, and int16_t holds the sum. */
static const int8_t conv2d2_w[4] FLASH = {
    2, 0, 2, -7,
};

static const int16_t conv2d2_bias[2] FLASH = {
    -26, 196,
};

static const int32_t conv2d2_m0[2] FLASH = {
    1073741824, 1080694912,
};

static APART void conv2d2_sums(int f, int oh)
{
    for (int ow = 0; ow < 90; ow++)
        sums16[ow] = 0;
    const int h = oh;
    for (int c = 0; c < 2; c++) {
        const int row = (c * 2 + h) * 90;
        const int k = f * 2 + c;
        const int w0 = (int8_t)FLASH_8(conv2d2_w + k);
        for (int ow = 0; ow < 90; ow++) {
            int sum = sums16[ow];
            sum += w0 * table1_codes[row + ow];
            sums16[ow] = (int16_t)sum;
        }
    }
}

static void conv2d2_row(int oh)
{
    for (int f = 0; f < 2; f++) {
        conv2d2_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(conv2d2_bias + f);
        const int32_t m0 = (int32_t)FLASH_32(conv2d2_m0 + f);
        for (int ow = 0; ow < 90; ow++) {
            shared1.conv2d2_codes[f * 90 + ow] =
                (uint8_t)(clamp(rescale_double(sums16[ow] + bias, m0, 38), -2, 13) + 2);
        }
    }
}

/* globalavgpool3: GlobalAvgPool, 2x2x90 to 2x1x1. |sum| <= 2,790, which int16_t holds. */
static void globalavgpool3_all(void)
{
    for (int c = 0; c < 2; c++)
        globalavgpool3_sums[c] = 0;
    for (int h = 0; h < 2; h++) {
        for (; conv2d2_rows < h + 1; conv2d2_rows++)
            conv2d2_row(conv2d2_rows);
        for (int c = 0; c < 2; c++) {
            for (int v = 0; v < 90; v++)
                globalavgpool3_sums[c] = (int16_t)(globalavgpool3_sums[c] + shared1.conv2d2_codes[c * 90 + v]);
        }
    }
    for (int c = 0; c < 2; c++)
        answer[c] = (uint8_t)mean(globalavgpool3_sums[c], 180);
}

void two_run(const two_input_t *input, two_output_t *output)
{
    image = input;
    answer = output;
    conv2d0_rows = 0;
    conv2d2_rows = 0;
    for (int oh = 0; oh < 2; oh++)
        table1_row(oh);
    globalavgpool3_all();
}

int two_classify(const two_input_t *input)
{
    static two_output_t output[TWO_OUTPUT_SIZE];
    two_run(input, output);
    int best = 0;
    for (int k = 1; k < TWO_OUTPUT_SIZE; k++)
        if (output[k] > output[best])
            best = k;
    return best;
}
