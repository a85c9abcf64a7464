/* A convolution. The weights are [row][column][in][out]. */
struct conv {
    const struct part *parts;
    int32_t count;
    struct windows windows;
    int32_t reads, writes, first, column;
    /* Whether each column of inputs is in the arena as it stands. */
    int direct;
    /* Whether the columns of a row follow each other in the arena. */
    int rows;
    const int8_t *weight;
    const int32_t *bias;
    struct function function;
};

/* All that the window of one place sees. */
static void gather(const int8_t *arena, const struct conv *conv, int32_t y, int32_t x, int8_t *column)
{
    const struct windows *w = &conv->windows;
    int32_t down, across, part, i;
    for (down = 0; down < w->kernel[0]; down++) {
        int32_t row = y * w->stride[0] + down * w->dilation[0] - w->padding[0];
        int32_t left = x * w->stride[1] - w->padding[1];
        int outside = row < 0 || row >= w->seen[0];
        if (conv->rows && !outside) {
            const struct part *only = conv->parts;
            int32_t from = left < 0 ? -left : 0;
            int32_t to = w->seen[1] - left < w->kernel[1] ? w->seen[1] - left : w->kernel[1];
            int32_t first = only->first + row * only->row + left * only->column;
            to = to < 0 ? 0 : to;
            from = from < to ? from : to;
            for (i = 0; i < from * conv->reads; i++)
                column[i] = (int8_t)only->zero;
            for (i = from * conv->reads; i < to * conv->reads; i++)
                column[i] = arena[first + i];
            for (i = to * conv->reads; i < w->kernel[1] * conv->reads; i++)
                column[i] = (int8_t)only->zero;
            column += w->kernel[1] * conv->reads;
            continue;
        }
        for (across = 0; across < w->kernel[1]; across++) {
            int32_t at = left + across * w->dilation[1];
            if (outside || at < 0 || at >= w->seen[1]) {
                for (part = 0; part < conv->count; part++) {
                    for (i = 0; i < conv->parts[part].channels; i++)
                        column[i] = (int8_t)conv->parts[part].zero;
                    column += conv->parts[part].channels;
                }
                continue;
            }
            for (part = 0; part < conv->count; part++) {
                int32_t channels = conv->parts[part].channels;
                const int8_t *values = cell(arena, &conv->parts[part], row, at, column);
                if (!values)
                    for (i = 0; i < channels; i++)
                        column[i] = (int8_t)conv->parts[part].zero;
                else if (values != column)
                    for (i = 0; i < channels; i++)
                        column[i] = values[i];
                column += channels;
            }
        }
    }
}
