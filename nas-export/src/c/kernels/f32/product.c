/* @LANES@ output channels of a few places. Sums that are arrays of their own stay in registers. */
static void product_@LANES@(const struct conv *conv, int32_t taps, const float *const *in, int32_t places, int32_t channel, float *out)
{
    float sums[NETWORK_PLACES][@LANES@], a[@LANES@];
    const float *weight = conv->weight + channel, *in_a = in[0];
    int32_t step = conv->writes, i, p, t;
#if NETWORK_PLACES == 4
    float b[@LANES@], c[@LANES@], d[@LANES@];
    const float *in_b = in[1], *in_c = in[2], *in_d = in[3];
    for (t = 0; t < @LANES@; t++)
        a[t] = b[t] = c[t] = d[t] = conv->bias[channel + t];
    for (i = 0; i < taps; i++) {
        for (t = 0; t < @LANES@; t++) {
            a[t] += in_a[i] * weight[t];
            b[t] += in_b[i] * weight[t];
            c[t] += in_c[i] * weight[t];
            d[t] += in_d[i] * weight[t];
        }
        weight += step;
    }
    for (t = 0; t < @LANES@; t++) {
        sums[0][t] = a[t];
        sums[1][t] = b[t];
        sums[2][t] = c[t];
        sums[3][t] = d[t];
    }
#else
    for (t = 0; t < @LANES@; t++)
        a[t] = conv->bias[channel + t];
    for (i = 0; i < taps; i++) {
        for (t = 0; t < @LANES@; t++)
            a[t] += in_a[i] * weight[t];
        weight += step;
    }
    for (t = 0; t < @LANES@; t++)
        sums[0][t] = a[t];
#endif
    for (p = 0; p < places; p++) {
        apply(&conv->function, channel, @LANES@, sums[p]);
        for (t = 0; t < @LANES@; t++)
            out[p * conv->column + channel + t] = sums[p][t];
    }
}
