"""Which picture is better, where, and how far from the truth is it? Answered by independent noisy renders alone.

For independent renders A and B: E[(f(A) - B)²] = MSE(f(A)) + Var(B), and Var(B) cancels where two pictures are compared.
Errors are on T(v) = (v / (1 + v))^(1/2.2), of which B knows nothing by itself, for E[T(B)] is darker than T(true). So B is
asked for the residual B - start, times the slope of the secant of T from the start's picture to the initial estimate,
which stands for the truth there. The initial estimate is made from A *and* B: where B is too bright, the slope is a little
less. That favours darker pictures: with a weight that leaned on the initial estimate more, by 1 % of the error for one
that is 2 % darker, where the noise is 80 times the error. docs/adapt.md judges by references instead.

All images are exposed radiance (H, W, 3), unless said otherwise. A *target* is a noisy render that is independent of the
picture that it is compared with.
"""
