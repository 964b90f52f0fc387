/* The code of a real number: the nearest, halves to the even one, an end for what is outside. */
static inline PREFIX_input_t PREFIX_quantize(double real)
{
    const double x = real / UPPER_INPUT_SCALE;
    const double steps = !(x > LEAST) ? LEAST : x > MOST ? MOST : x;
    int code = (int)steps;
    const double rest = steps - code;
    if (rest > 0.5 || (rest == 0.5 && code % 2 != 0))
        code++;
    if (rest < -0.5 || (rest == -0.5 && code % 2 != 0))
        code--;
    return (PREFIX_input_t)(code + UPPER_INPUT_ZERO);
}

/* The code of a pixel, 0 to 255, which stands for pixel / 255. */
static inline PREFIX_input_t PREFIX_pixel(uint8_t pixel)
{
BODY
}
