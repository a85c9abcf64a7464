static void convolve(int8_t *arena, const struct conv *conv, int8_t *scratch)
{
    const struct windows *w = &conv->windows;
    int32_t taps = w->kernel[0] * w->kernel[1] * conv->reads;
    int32_t all = w->size[0] * w->size[1];
    int32_t place, p, channel;
    for (place = 0; place < all; place += NETWORK_PLACES) {
        const int8_t *in[NETWORK_PLACES];
        int8_t *out = arena + conv->first + place * conv->column;
        int32_t places = all - place < NETWORK_PLACES ? all - place : NETWORK_PLACES;
        for (p = 0; p < places; p++) {
            int32_t y = (place + p) / w->size[1], x = (place + p) % w->size[1];
            in[p] = scratch + p * taps;
            if (conv->direct)
                in[p] = cell(arena, conv->parts, y * w->stride[0], x * w->stride[1], scratch);
            else
                gather(arena, conv, y, x, scratch + p * taps);
        }
        for (; p < NETWORK_PLACES; p++)
            in[p] = in[0];
        for (channel = 0; conv->writes - channel >= 16; channel += 16)
            product_16(conv, taps, in, places, channel, out);
        for (; conv->writes - channel >= 8; channel += 8)
            product_8(conv, taps, in, places, channel, out);
        for (; conv->writes - channel >= 4; channel += 4)
            product_4(conv, taps, in, places, channel, out);
        for (; channel < conv->writes; channel++)
            product_1(conv, taps, in, places, channel, out);
    }
}
