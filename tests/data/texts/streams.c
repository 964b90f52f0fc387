/* streams.c - see streams.h
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
#include "streams.h"

#if STREAMS_CHECKSUM != 0x8ecf5677
#error streams.h is of another program: export all files again
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

#ifndef STREAMS_READ_INPUT
#define STREAMS_READ_INPUT(input, k) ((input)[k])
#endif

static const streams_input_t *image;
static streams_output_t *answer;
static int8_t pad1_codes[160]; /* 4 of the 95 rows of 4 x 95 x 10 */
static uint8_t conv2d2_codes[84]; /* 3 of the 48 rows of 4 x 48 x 7 */
static uint8_t most_codes[72]; /* 3 of the 25 rows of 4 x 25 x 6 */
static uint8_t avgpool2d4_codes[72]; /* 3 of the 13 rows of 4 x 13 x 6 */
static int8_t first_codes[36]; /* 1 of the 90 rows of 4 x 90 x 9 */
static int8_t conv2d5_codes[8]; /* 1 of the 13 rows of 2 x 13 x 4 */
static int8_t multiply6_codes[8]; /* 1 of the 13 rows of 2 x 13 x 4 */
static int16_t globalavgpool7_sums[2]; /* 2 sums */
static int16_t sums16[9]; /* sums of a row of a channel */
static int16_t first_rows; /* how many are done */
static int16_t pad1_rows; /* how many are done */
static int16_t conv2d2_rows; /* how many are done */
static int16_t most_rows; /* how many are done */
static int16_t avgpool2d4_rows; /* how many are done */
static int16_t conv2d5_rows; /* how many are done */
static int16_t multiply6_rows; /* how many are done */

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

/* sum / count to nearest, half away from zero */
static int32_t mean(int32_t sum, int32_t count)
{
    return sum < 0 ? -((count / 2 - sum) / count) : (sum + count / 2) / count;
}

/* first: Conv2d 3x3, 1x90x9 to 4x90x9. |sum + bias| <= 11,551, and int16_t holds the sum. */
static const int8_t first_w[36] FLASH = {
    2, 0, 2, -7, 2, 0, 2, -7, 3, 1, 3, -6, 3, 2, 4, -5, 4, 3, 5, -4, 5, 4, 6, -3, 7, 5, -7, -1, -7,
    7, -6, 1, -5, -6, -4, 3,
};

static const int16_t first_bias[4] FLASH = {
    -26, 196, -235, -117,
};

static const int32_t first_m0[4] FLASH = {
    1073741824, 1080694912, 1087648000, 1094601088,
};

static APART void first_sums(int f, int oh)
{
    for (int ow = 0; ow < 9; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 3; i++) {
        const int h = oh + i - 1;
        if (h >= 0 && h < 90) {
            const int row = h * 9;
            for (int j = 0; j < 3; j++) {
                const int k = (f * 3 + i) * 3 + j;
                const int w0 = (int8_t)FLASH_8(first_w + k);
                const int v = j - 1;
                for (int ow = v < 0 ? -v : 0, end = v > 0 ? 9 - v : 9; ow < end; ow++)
                    sums16[ow] = (int16_t)(sums16[ow] + w0 * (STREAMS_READ_INPUT(image, row + ow + j - 1) - 9));
            }
        }
    }
}

static void first_row(int oh)
{
    for (int f = 0; f < 4; f++) {
        first_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(first_bias + f);
        const int32_t m0 = (int32_t)FLASH_32(first_m0 + f);
        for (int ow = 0; ow < 9; ow++) {
            first_codes[f * 9 + ow] =
                (int8_t)(clamp(rescale_double(sums16[ow] + bias, m0, 38), -25, 95) + 5);
        }
    }
}

/* pad1: Pad, 4x90x9 to 4x95x10. */
static void pad1_row(int oh)
{
    for (; first_rows < oh - 2 && first_rows < 90; first_rows++)
        first_row(first_rows);
    const int h = oh - 3;
    for (int c = 0; c < 4; c++) {
        for (int ow = 0; ow < 10; ow++) {
            const int v = ow - 1;
            pad1_codes[(c * 4 + oh % 4) * 10 + ow] =
                (int8_t)(h >= 0 && h < 90 && v >= 0 && v < 9 ? first_codes[c * 9 + v] : 5);
        }
    }
}

/* conv2d2: Conv2d 4x3/2x1 dilated 1x2, 4x95x10 to 4x48x7. |sum + bias| <= 18,341, and int16_t holds
 * the sum.
 */
static const int8_t conv2d2_w[192] FLASH = {
    2, 0, 2, -7, 2, 0, 2, -7, 3, 1, 3, -6, 3, 2, 4, -5, 4, 3, 5, -4, 5, 4, 6, -3, 7, 5, -7, -1, -7,
    7, -6, 1, -5, -6, -4, 3, -2, -4, -1, 5, 0, -1, 1, -7, 3, 2, 4, -4, 6, 5, 7, -1, -6, -7, -4, 2,
    -3, -4, -1, 6, 1, 0, 3, -5, 5, 4, 7, -1, -6, -7, -4, 3, -1, -2, 1, -7, 3, 3, 6, -2, -7, -7, -4,
    3, -2, -2, 1, -7, 4, 3, 7, -1, -6, -6, -3, 5, 0, 0, 3, -4, 7, 6, -5, 2, -2, -2, 1, -6, 5, 5, -7,
    1, -3, -3, 0, -7, 4, 4, -7, 0, -4, -4, 0, -7, 4, 4, -7, 1, -3, -3, 1, -6, 5, 5, -6, 2, -1, -1,
    3, -4, 7, -7, -3, 5, 1, 2, 6, -1, -5, -4, 0, -7, 5, 5, -5, 3, -1, 0, 4, -2, -6, -5, -1, -7, 5,
    5, -5, 3, 0, 1, 5, -1, -4, -3, 1, -5, 7, -7, -3, 6, 3, 4, -6, 2, -1, 0, 5, -1, -4, -3, 2, -4,
};

static const int16_t conv2d2_bias[4] FLASH = {
    -26, 196, -235, -117,
};

static const int32_t conv2d2_m0[4] FLASH = {
    1073741824, 1080694912, 1087648000, 1094601088,
};

static APART void conv2d2_sums(int f, int oh)
{
    const int begin = (2 * oh) % 4;
    for (int ow = 0; ow < 7; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 4; i++) {
        const int h = 2 * oh + i;
        if (h < 95) {
            for (int c = 0; c < 4; c++) {
                const int row = (c * 4 + (begin + i < 4 ? begin + i : begin + i - 4)) * 10;
                for (int j = 0; j < 3; j++) {
                    const int k = ((f * 4 + c) * 4 + i) * 3 + j;
                    const int w0 = (int8_t)FLASH_8(conv2d2_w + k);
                    if (w0) {
                        const int v = 2 * j;
                        for (int ow = 0, end = v > 3 ? 10 - v : 7; ow < end; ow++)
                            sums16[ow] = (int16_t)(sums16[ow] + w0 * (pad1_codes[row + ow + 2 * j] - 5));
                    }
                }
            }
        }
    }
}

static void conv2d2_row(int oh)
{
    for (; pad1_rows < 2 * oh + 4 && pad1_rows < 95; pad1_rows++)
        pad1_row(pad1_rows);
    for (int f = 0; f < 4; f++) {
        conv2d2_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(conv2d2_bias + f);
        const int32_t m0 = (int32_t)FLASH_32(conv2d2_m0 + f);
        for (int ow = 0; ow < 7; ow++) {
            conv2d2_codes[(f * 3 + oh % 3) * 7 + ow] =
                (uint8_t)clamp(rescale_double(sums16[ow] + bias, m0, 38), 0, 255);
        }
    }
}

/* most: MaxPool2d 3x3/2x1, 4x48x7 to 4x25x6. */
static void most_row(int oh)
{
    for (; conv2d2_rows < 2 * oh + 2 && conv2d2_rows < 48; conv2d2_rows++)
        conv2d2_row(conv2d2_rows);
    const int top = 2 * oh - 1 < 0 ? 0 : 2 * oh - 1, bottom = 2 * oh + 2 > 48 ? 48 : 2 * oh + 2;
    for (int c = 0; c < 4; c++) {
        for (int ow = 0; ow < 6; ow++) {
            const int left = ow - 1 < 0 ? 0 : ow - 1, right = ow + 2 > 7 ? 7 : ow + 2;
            int most = 0;
            for (int h = top; h < bottom; h++) {
                for (int v = left; v < right; v++) {
                    if (conv2d2_codes[(c * 3 + h % 3) * 7 + v] > most)
                        most = conv2d2_codes[(c * 3 + h % 3) * 7 + v];
                }
            }
            most_codes[(c * 3 + oh % 3) * 6 + ow] = (uint8_t)clamp(most, 0, 99);
        }
    }
}

/* avgpool2d4: AvgPool2d 3x2/2x1, 4x25x6 to 4x13x6. |sum| <= 597, which int16_t holds. */
static void avgpool2d4_row(int oh)
{
    for (; most_rows < 2 * oh + 1; most_rows++)
        most_row(most_rows);
    const int top = 2 * oh - 2 < 0 ? 0 : 2 * oh - 2, bottom = 2 * oh + 1 > 25 ? 25 : 2 * oh + 1;
    for (int c = 0; c < 4; c++) {
        for (int ow = 0; ow < 6; ow++) {
            const int left = ow - 1 < 0 ? 0 : ow - 1, right = ow + 1 > 6 ? 6 : ow + 1;
            int16_t sum = 0;
            for (int h = top; h < bottom; h++) {
                for (int v = left; v < right; v++)
                    sum = (int16_t)(sum + most_codes[(c * 3 + h % 3) * 6 + v]);
            }
            avgpool2d4_codes[(c * 3 + oh % 3) * 6 + ow] =
                (uint8_t)mean(sum, (bottom - top) * (right - left));
        }
    }
}

/* conv2d5: Conv2d 2x2 dilated 2x3, 4x13x6 to 2x13x4. |sum + bias| <= 7,621, and int16_t holds the
 * sum.
 */
static const int8_t conv2d5_w[32] FLASH = {
    2, 0, 2, -7, 2, 0, 2, -7, 3, 1, 3, -6, 3, 2, 4, -5, 4, 3, 5, -4, 5, 4, 6, -3, 7, 5, -7, -1, -7,
    7, -6, 1,
};

static const int16_t conv2d5_bias[2] FLASH = {
    -26, 196,
};

static const int32_t conv2d5_m[2] FLASH = {
    262144, 263842,
};

static const int32_t conv2d5_r[2] FLASH = {
    33685503, 33554431,
};

static APART void conv2d5_sums(int f, int oh)
{
    const int begin = (oh + 2) % 3;
    for (int ow = 0; ow < 4; ow++)
        sums16[ow] = 0;
    for (int i = 0; i < 2; i++) {
        const int h = oh + 2 * i - 1;
        if (h >= 0 && h < 13) {
            for (int c = 0; c < 4; c++) {
                const int row = (c * 3 + (begin + 2 * i < 3 ? begin + 2 * i : begin + 2 * i - 3)) * 6;
                for (int j = 0; j < 2; j++) {
                    const int k = ((f * 4 + c) * 2 + i) * 2 + j;
                    const int w0 = (int8_t)FLASH_8(conv2d5_w + k);
                    const int v = 3 * j;
                    for (int ow = 0, end = v > 2 ? 6 - v : 4; ow < end; ow++)
                        sums16[ow] = (int16_t)(sums16[ow] + w0 * avgpool2d4_codes[row + ow + 3 * j]);
                }
            }
        }
    }
}

static void conv2d5_row(int oh)
{
    for (; avgpool2d4_rows < oh + 2 && avgpool2d4_rows < 13; avgpool2d4_rows++)
        avgpool2d4_row(avgpool2d4_rows);
    for (int f = 0; f < 2; f++) {
        conv2d5_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(conv2d5_bias + f);
        const int32_t m = (int32_t)FLASH_32(conv2d5_m + f);
        const int32_t r = (int32_t)FLASH_32(conv2d5_r + f);
        for (int ow = 0; ow < 4; ow++) {
            conv2d5_codes[f * 4 + ow] =
                (int8_t)(clamp(rescale_short(sums16[ow] + bias, m, r, 26), -25, 95) + 5);
        }
    }
}

/* multiply6: Multiply, 2x13x4 to 2x13x4. */
static const int8_t multiply6_w[2] FLASH = {
    9, -7,
};

static void multiply6_row(int oh)
{
    for (; conv2d5_rows < oh + 1; conv2d5_rows++)
        conv2d5_row(conv2d5_rows);
    for (int f = 0; f < 2; f++) {
        for (int ow = 0; ow < 4; ow++) {
            multiply6_codes[f * 4 + ow] =
                (int8_t)(clamp(rescale_double((int32_t)((int8_t)FLASH_8(multiply6_w + f)) * (conv2d5_codes[f * 4 + ow] - 5), 1073741833, 34), -25, 95) + 5);
        }
    }
}

/* globalavgpool7: GlobalAvgPool, 2x13x4 to 2x1x1. |sum| <= 4,940, which int16_t holds. */
static void globalavgpool7_all(void)
{
    for (int c = 0; c < 2; c++)
        globalavgpool7_sums[c] = 0;
    for (int h = 0; h < 13; h++) {
        for (; multiply6_rows < h + 1; multiply6_rows++)
            multiply6_row(multiply6_rows);
        for (int c = 0; c < 2; c++) {
            for (int v = 0; v < 4; v++)
                globalavgpool7_sums[c] = (int16_t)(globalavgpool7_sums[c] + (multiply6_codes[c * 4 + v] - 5));
        }
    }
    for (int c = 0; c < 2; c++) {
        answer[c] =
            (uint8_t)clamp(rescale_short(globalavgpool7_sums[c], 262144, 8781823, 24), 0, 255);
    }
}

void streams_run(const streams_input_t *input, streams_output_t *output)
{
    image = input;
    answer = output;
    first_rows = 0;
    pad1_rows = 0;
    conv2d2_rows = 0;
    most_rows = 0;
    avgpool2d4_rows = 0;
    conv2d5_rows = 0;
    multiply6_rows = 0;
    globalavgpool7_all();
}

int streams_classify(const streams_input_t *input)
{
    static streams_output_t output[STREAMS_OUTPUT_SIZE];
    streams_run(input, output);
    int best = 0;
    for (int k = 1; k < STREAMS_OUTPUT_SIZE; k++)
        if (output[k] > output[best])
            best = k;
    return best;
}
