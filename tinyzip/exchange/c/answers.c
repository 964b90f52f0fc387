    return (int)output[0];

    WHOLE best = 0;
    for (WHOLE k = 1; k < UPPER_OUTPUT_SIZE; k++)
        if (output[k] > output[best])
            best = k;
    return best;
