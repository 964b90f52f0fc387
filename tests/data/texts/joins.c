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

#if JOINS_CHECKSUM != 0x89d9772f
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

#ifdef __GNUC__
#define APART __attribute__((noinline)) /* so that its loops have all registers */
#else
#define APART
#endif

#ifndef JOINS_READ_INPUT
#define JOINS_READ_INPUT(input, k) ((input)[k])
#endif

static const joins_input_t *image;
static joins_output_t *answer;
static union { /* never needed at the same time */
    int8_t one_codes[30]; /* 2 x 5 x 3 */
    uint8_t pad3_codes[96]; /* 4 x 6 x 4 */
    int8_t add14_codes[4]; /* 4 */
    uint8_t add16_codes[4]; /* 4 */
} shared0;
static union { /* never needed at the same time */
    uint8_t sum_codes[30]; /* 2 x 5 x 3 */
    int16_t rounded_sums[4]; /* 4 sums */
    int16_t globalavgpool9_sums[4]; /* 4 sums */
    int16_t globalavgpool11_sums[4]; /* 4 sums */
    int16_t globalavgpool13_sums[4]; /* 4 sums */
    int8_t add15_codes[4]; /* 4 */
} shared1;
static union { /* never needed at the same time */
    uint8_t both_codes[12]; /* 1 of the 5 rows of 4 x 5 x 3 */
    int8_t rounded_codes[4]; /* 4 */
} shared2;
static int8_t globalavgpool9_codes[4]; /* 4 */
static uint8_t globalavgpool11_codes[4]; /* 4 */
static uint8_t globalavgpool13_codes[4]; /* 4 */
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

/* acc m0 / 2^n to nearest, half up [Jacob et al. 2018, eq. 4-6, rounded once] */
static int32_t rescale_single(int32_t acc, int32_t m0, int n)
{
    return (int32_t)floor_shift((int64_t)acc * m0 + ((int64_t)1 << (n - 1)), n);
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

/* x / 2^e to nearest, halves to the even one */
static int64_t even(int64_t x, int e)
{
    if (e == 0)
        return x;
    return floor_shift(x + ((int64_t)1 << (e - 1)) - (floor_shift(x, e) % 2 == 0), e);
}

/* x to nearest among the numbers of 24 significant bits, halves to the even one: what a float32 keeps */
static int64_t significant(int64_t x)
{
    const int64_t size = x < 0 ? -x : x;
    int e = 0;
    while (size >> e >> 24 > 0)
        e++;
    return even(x, e) * ((int64_t)1 << e);
}

/* sum / count to nearest, half away from zero */
static int32_t mean(int32_t sum, int32_t count)
{
    return sum < 0 ? -((count / 2 - sum) / count) : (sum + count / 2) / count;
}

/* (sum m + z) / 2^k as float32 arithmetic rounds it, within lo to hi [XNNPACK, mean] */
static int32_t mean_float32(int32_t sum, int32_t m, int64_t z, int k, int32_t lo, int32_t hi)
{
    const int64_t y = even(significant(significant(significant(sum) * m) + z), k);
    return (int32_t)(y < lo ? lo : y > hi ? hi : y);
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

static APART void one_sums(int f, int oh)
{
    for (int ow = 0; ow < 3; ow++)
        sums16[ow] = 0;
    const int h = oh;
    for (int c = 0; c < 2; c++) {
        const int row = (c * 5 + h) * 3;
        const int k = f * 2 + c;
        const int w0 = (int8_t)FLASH_8(one_w + k);
        for (int ow = 0; ow < 3; ow++) {
            int sum = sums16[ow];
            sum += w0 * (JOINS_READ_INPUT(image, row + ow) - 5);
            sums16[ow] = (int16_t)sum;
        }
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

/* rounded: GlobalAvgPool, 4x6x4 to 4x1x1. |sum| <= 4,812, which int16_t holds. */
static void rounded_all(void)
{
    for (int c = 0; c < 4; c++)
        shared1.rounded_sums[c] = 0;
    for (int h = 0; h < 6; h++) {
        for (int c = 0; c < 4; c++) {
            for (int v = 0; v < 4; v++)
                shared1.rounded_sums[c] = (int16_t)(shared1.rounded_sums[c] + shared0.pad3_codes[(c * 6 + h) * 4 + v]);
        }
    }
    for (int c = 0; c < 4; c++) {
        shared2.rounded_codes[c] =
            (int8_t)mean_float32(shared1.rounded_sums[c], 8388609, -8522825728, 26, -100, 90);
    }
}

/* globalavgpool9: GlobalAvgPool, 4x6x4 to 4x1x1. |sum| <= 4,584, which int16_t holds. */
static void globalavgpool9_all(void)
{
    for (int c = 0; c < 4; c++)
        shared1.globalavgpool9_sums[c] = 0;
    for (int h = 0; h < 6; h++) {
        for (int c = 0; c < 4; c++) {
            for (int v = 0; v < 4; v++)
                shared1.globalavgpool9_sums[c] = (int16_t)(shared1.globalavgpool9_sums[c] + (shared0.pad3_codes[(c * 6 + h) * 4 + v] - 9));
        }
    }
    for (int c = 0; c < 4; c++) {
        globalavgpool9_codes[c] =
            (int8_t)(clamp(rescale_short(shared1.globalavgpool9_sums[c], 262144, 2228223, 22), 0, 190) - 100);
    }
}

/* globalavgpool11: GlobalAvgPool, 4x6x4 to 4x1x1. |sum| <= 4,584, which int16_t holds. */
static void globalavgpool11_all(void)
{
    for (int c = 0; c < 4; c++)
        shared1.globalavgpool11_sums[c] = 0;
    for (int h = 0; h < 6; h++) {
        for (int c = 0; c < 4; c++) {
            for (int v = 0; v < 4; v++)
                shared1.globalavgpool11_sums[c] = (int16_t)(shared1.globalavgpool11_sums[c] + (shared0.pad3_codes[(c * 6 + h) * 4 + v] - 9));
        }
    }
    for (int c = 0; c < 4; c++) {
        globalavgpool11_codes[c] =
            (uint8_t)(clamp(rescale_single(shared1.globalavgpool11_sums[c], 1073741901, 33), -6, 191) + 9);
    }
}

/* globalavgpool13: GlobalAvgPool, 4x6x4 to 4x1x1. |sum| <= 4,812, which int16_t holds. */
static void globalavgpool13_all(void)
{
    for (int c = 0; c < 4; c++)
        shared1.globalavgpool13_sums[c] = 0;
    for (int h = 0; h < 6; h++) {
        for (int c = 0; c < 4; c++) {
            for (int v = 0; v < 4; v++)
                shared1.globalavgpool13_sums[c] = (int16_t)(shared1.globalavgpool13_sums[c] + shared0.pad3_codes[(c * 6 + h) * 4 + v]);
        }
    }
    for (int c = 0; c < 4; c++)
        globalavgpool13_codes[c] = (uint8_t)mean(shared1.globalavgpool13_sums[c], 24);
}

/* add14: Add of 11, 4x1x1 to 4x1x1. */
static void add14_all(void)
{
    for (int f = 0; f < 4; f++) {
        shared0.add14_codes[f] =
            (int8_t)(clamp(rescale_double(rescale_double((int32_t)(globalavgpool13_codes[f] - 9) * 1048576, 1073741827, 31) + rescale_double((int32_t)(globalavgpool11_codes[f] - 9) * 1048576, 1073741824, 31), 1073741824, 50), 0, 190) - 100);
    }
}

/* add15: Add of 9, 4x1x1 to 4x1x1. */
static void add15_all(void)
{
    for (int f = 0; f < 4; f++) {
        shared1.add15_codes[f] =
            (int8_t)(clamp((int32_t)floor_shift(3 * (int32_t)(shared0.add14_codes[f] + 100) + 7 * (int32_t)(globalavgpool9_codes[f] + 100) + 4, 3), 0, 190) - 100);
    }
}

/* add16: Add of 7, 4x1x1 to 4x1x1. */
static void add16_all(void)
{
    for (int f = 0; f < 4; f++) {
        shared0.add16_codes[f] =
            (uint8_t)(clamp(rescale_double(rescale_double((int32_t)(shared1.add15_codes[f] + 100) * 1048576, 2147483647, 32) + rescale_double((int32_t)(shared2.rounded_codes[f] + 100) * 1048576, 1073741824, 31), 1073741833, 51), -6, 191) + 9);
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
    rounded_all();
    globalavgpool9_all();
    globalavgpool11_all();
    globalavgpool13_all();
    add14_all();
    add15_all();
    add16_all();
    for (int k = 0; k < 4; k++)
        answer[k] = shared0.add16_codes[k];
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
