/* Some channels of a map as a layer sees them: the map fills height x width places from (top, left) on.
   Where it does not reach, there are the values of the border, or zeros without one. Zero is the
   integer of 0; changes is 1 for ReLU and 2 for the function, of sums less origin. */
struct part {
    int32_t first, row, column, top, left, height, width, channels;
    int32_t zero, origin;
    const int8_t *border;
    int changes;
    struct function function;
};

/* The values of all channels at one place, changed ones in scratch; nothing for zeros. */
static const int8_t *cell(const int8_t *arena, const struct part *part, int32_t y, int32_t x, int8_t *scratch)
{
    const int8_t *values;
    int32_t i;
    y -= part->top;
    x -= part->left;
    if (y < 0 || x < 0 || y >= part->height || x >= part->width)
        return part->border;
    values = arena + part->first + y * part->row + x * part->column;
    if (!part->changes)
        return values;
    if (part->changes == 1)
        for (i = 0; i < part->channels; i++)
            scratch[i] = (int8_t)(values[i] < part->zero ? part->zero : values[i]);
    else
        for (i = 0; i < part->channels; i++)
            scratch[i] = requantize(&part->function, i, values[i] - part->origin);
    return scratch;
}
