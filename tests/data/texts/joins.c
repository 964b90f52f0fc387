/* joins.c - see joins.h
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
#include "joins.h"

#if JOINS_CHECKSUM != 0x60d2a308
#error joins.h is of another program: export all files again
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

#ifndef JOINS_READ_INPUT
#define JOINS_READ_INPUT(input, k) ((input)[k])
#endif

static const joins_input_t *image;
static joins_output_t *answer;
static union { /* never needed at the same time */
    int8_t one_codes[30]; /* 2 x 5 x 3 */
    uint8_t pad3_codes[96]; /* 4 x 6 x 4 */
} shared0;
static union { /* never needed at the same time */
    uint8_t sum_codes[30]; /* 2 x 5 x 3 */
    int16_t globalavgpool12_sums[4]; /* 4 sums */
} shared1;
static union { /* never needed at the same time */
    uint8_t both_codes[12]; /* 1 of the 5 rows of 4 x 5 x 3 */
    uint8_t globalavgpool12_codes[4]; /* 4 */
} shared2;
static int16_t sums16[3]; /* sums of a row of a channel */
static int16_t both_rows; /* how many are done */

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

/* one: Conv2d 1x1, 2x5x3 to 2x5x3. |sum + bias| <= 21,343, and int16_t holds the sum. */
static const int8_t one_w[4] FLASH = {
    32, 0, 32, -127,
};

static const int16_t one_bias[2] FLASH = {
    -26, 196,
};

static const int32_t one_m0[2] FLASH = {
    1073741824, 1080694912,
};

static void one_sums(int f, int oh)
{
    for (int ow = 0; ow < 3; ow++)
        sums16[ow] = 0;
    for (int c = 0; c < 2; c++) {
        const int h = oh;
        const int row = (c * 5 + h) * 3;
        const int w = (int8_t)FLASH_8(one_w + f * 2 + c);
        for (int ow = 0; ow < 3; ow++)
            sums16[ow] = (int16_t)(sums16[ow] + w * (JOINS_READ_INPUT(image, row + ow) - 5));
    }
}

static void one_row(int oh)
{
    for (int f = 0; f < 2; f++) {
        one_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(one_bias + f);
        const int32_t m0 = (int32_t)FLASH_32(one_m0 + f);
        for (int ow = 0; ow < 3; ow++) {
            shared0.one_codes[(f * 5 + oh) * 3 + ow] =
                (int8_t)(clamp(rescale_double(sums16[ow] + bias, m0, 38), 0, 190) - 100);
        }
    }
}

/* sum: Add of input, 2x5x3 to 2x5x3. */
static void sum_row(int oh)
{
    for (int f = 0; f < 2; f++) {
        for (int ow = 0; ow < 3; ow++) {
            shared1.sum_codes[(f * 5 + oh) * 3 + ow] =
                (uint8_t)(clamp(rescale_double(rescale_double((int32_t)(shared0.one_codes[(f * 5 + oh) * 3 + ow] + 100) * 1048576, 1073741825, 31) + rescale_double((int32_t)(JOINS_READ_INPUT(image, (f * 5 + oh) * 3 + ow) - 5) * 1048576, 1073741824, 33), 2147483647, 50), -6, 191) + 9);
        }
    }
}

/* both: Concat of 1, 1, 2x5x3 to 4x5x3. */
static void both_row(int oh)
{
    for (int c = 0; c < 2; c++) {
        for (int ow = 0; ow < 3; ow++) {
            shared2.both_codes[c * 3 + ow] =
                (uint8_t)shared1.sum_codes[(c * 5 + oh) * 3 + ow];
        }
    }
    for (int c = 0; c < 2; c++) {
        for (int ow = 0; ow < 3; ow++) {
            shared2.both_codes[((c + 2)) * 3 + ow] =
                (uint8_t)shared1.sum_codes[(c * 5 + oh) * 3 + ow];
        }
    }
}

/* pad3: Pad, 4x5x3 to 4x6x4. */
static void pad3_row(int oh)
{
    for (; both_rows < oh + 1 && both_rows < 5; both_rows++)
        both_row(both_rows);
    const int h = oh - 0;
    for (int c = 0; c < 4; c++) {
        for (int ow = 0; ow < 4; ow++) {
            const int v = ow - 1;
            shared0.pad3_codes[(c * 6 + oh) * 4 + ow] =
                (uint8_t)(h >= 0 && h < 5 && v >= 0 && v < 3 ? shared2.both_codes[c * 3 + v] : 9);
        }
    }
}

/* globalavgpool12: GlobalAvgPool, 4x6x4 to 4x1x1. |sum| <= 4,812, which int16_t holds. */
static void globalavgpool12_all(void)
{
    for (int c = 0; c < 4; c++)
        shared1.globalavgpool12_sums[c] = 0;
    for (int h = 0; h < 6; h++) {
        for (int c = 0; c < 4; c++) {
            for (int v = 0; v < 4; v++)
                shared1.globalavgpool12_sums[c] = (int16_t)(shared1.globalavgpool12_sums[c] + shared0.pad3_codes[(c * 6 + h) * 4 + v]);
        }
    }
    for (int c = 0; c < 4; c++) {
        shared2.globalavgpool12_codes[c] =
            (uint8_t)mean(shared1.globalavgpool12_sums[c], 24);
    }
}

void joins_run(const joins_input_t *input, joins_output_t *output)
{
    image = input;
    answer = output;
    both_rows = 0;
    for (int oh = 0; oh < 5; oh++)
        one_row(oh);
    for (int oh = 0; oh < 5; oh++)
        sum_row(oh);
    for (int oh = 0; oh < 6; oh++)
        pad3_row(oh);
    globalavgpool12_all();
    for (int k = 0; k < 4; k++)
        answer[k] = shared2.globalavgpool12_codes[k];
}

int joins_classify(const joins_input_t *input)
{
    static joins_output_t output[JOINS_OUTPUT_SIZE];
    joins_run(input, output);
    int best = 0;
    for (int k = 1; k < JOINS_OUTPUT_SIZE; k++)
        if (output[k] > output[best])
            best = k;
    return best;
}
