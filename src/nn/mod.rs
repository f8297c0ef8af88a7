//! Neural models as tract plans: loading, our quantised operators, and the kernels they run on.
