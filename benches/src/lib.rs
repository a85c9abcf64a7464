//! What the benches share: the allocator that the binary uses, too.

/// glibc maps and page-faults each large tensor anew; this one keeps them.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;
