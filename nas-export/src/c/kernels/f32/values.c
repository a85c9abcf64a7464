/* What is done to values: ReLU, scale and shift of each channel, ReLU. */
struct function {
    const float *scale, *shift;
    int before, after;
};

/* Some channels of a map as a layer sees them: the map fills height x width places from (top, left) on.
   Where it does not reach, there are the values of the border, or zeros without one. */
struct part {
    int32_t first, row, column, top, left, height, width, channels;
    const float *border;
    int changes;
    struct function function;
};

static void apply(const struct function *function, int32_t channel, int32_t count, float *values)
{
    int32_t i;
    if (function->before)
        for (i = 0; i < count; i++)
            values[i] = values[i] < 0.0f ? 0.0f : values[i];
    if (function->scale)
        for (i = 0; i < count; i++)
            values[i] = values[i] * function->scale[channel + i] + function->shift[channel + i];
    if (function->after)
        for (i = 0; i < count; i++)
            values[i] = values[i] < 0.0f ? 0.0f : values[i];
}

/* The values of all channels at one place, changed ones in scratch; nothing for zeros. */
static const float *cell(const float *arena, const struct part *part, int32_t y, int32_t x, float *scratch)
{
    const float *values;
    int32_t i;
    y -= part->top;
    x -= part->left;
    if (y < 0 || x < 0 || y >= part->height || x >= part->width)
        return part->border;
    values = arena + part->first + y * part->row + x * part->column;
    if (!part->changes)
        return values;
    for (i = 0; i < part->channels; i++)
        scratch[i] = values[i];
    apply(&part->function, 0, part->channels, scratch);
    return scratch;
}
