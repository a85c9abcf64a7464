/* Bytes, normalised. */
static void normalize(const uint8_t *image, int32_t places, int32_t channels, const float *scale, const float *shift, float *out)
{
    int32_t place, c;
    for (place = 0; place < places; place++)
        for (c = 0; c < channels; c++)
            out[place * channels + c] = (float)image[place * channels + c] * scale[c] + shift[c];
}
