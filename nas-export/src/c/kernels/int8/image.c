/* Bytes, normalised and as integers of the first map. */
static void normalize(const uint8_t *image, int32_t places, int32_t channels, const int64_t *factor, const int64_t *offset, int8_t *out)
{
    int32_t place, c;
    for (place = 0; place < places; place++)
        for (c = 0; c < channels; c++) {
            int64_t value = image[place * channels + c] * factor[c] + offset[c] + 32768;
            value = value < 0 ? ~(~value >> 16) : value >> 16;
            value = value < -128 ? -128 : value;
            out[place * channels + c] = (int8_t)(value > 127 ? 127 : value);
        }
}
