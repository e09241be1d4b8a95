# %% [markdown]
# # Lesson 2: backpropagation by hand
#
# In this lesson you write the backward pass of a small convolutional network with batch
# normalization, one piece at a time. Nothing differentiates for you. Instead, after each piece, a
# checker compares your gradient with numerical derivatives of the forward pass, and gives you a
# hint until the two agree.
#
# You need NumPy, the chain rule, and a pencil. Allow an hour or two; the computer needs less than
# a minute of it.
#
# **How to work.** Every `None` after an equals sign is a blank (in the convolution, every `0`).
# Replace it, run the cell, then run the cell below it. If you are stuck for more than ten minutes,
# look at the solution: `solutions/2_backprop_by_hand.py`, beside this notebook, has one for each
# blank.

# %% [markdown]
# ## The one rule
#
# A network turns images into one number, the **cost** $L$. For any array $x$ on the way we write
# $dx$ for $\partial L / \partial x$: it has the shape of $x$, and each of its elements says how
# much the cost grows if that element of $x$ grows a little.
#
# A layer computes $y$ from $x$. Going backward it is handed $dy$, and must return $dx$. All of
# backpropagation is one rule, applied again and again:
#
# > **Add up all paths.** If $x_i$ influences several outputs $y_j$, then
# > $dx_i = \sum_j dy_j\, \dfrac{\partial y_j}{\partial x_i}$.
#
# `bnstudy.check_layer` takes a forward function, a backward function, and inputs. It draws a random
# $dy$, calls your backward function, and compares what it returns with the change of the cost when
# each input changes a little. With `hints_only` it does not tell you the mistake; it tells you
# where to think.

# %%
import textwrap

import matplotlib.pyplot as plt
import numpy as np

import bnstudy


def check(forward, backward, inputs, layer):
    """Compare backward with numerical derivatives of forward; give a hint where they differ."""
    try:
        result = bnstudy.check_layer(forward, backward, inputs, hints_only=layer)
    except bnstudy.UserError as error:  # your function stopped: this says where, and why
        print(textwrap.fill(str(error), 76))
        return
    print("gradient   shape      difference")
    for row in result.rows:
        shape = "x".join(map(str, row.shape)) or "number"
        difference = "-" if row.difference is None else f"{row.difference:.1e}"
        print(f"{row.gradient:<10} {shape:<10} {difference:<10} {row.verdict}")
    hints = [f"{row.gradient}: {row.mistake}" for row in result.rows if row.mistake]
    for line in [*hints, *result.problems, *result.notes]:
        print(textwrap.fill(line, 76, subsequent_indent="    "))
    print("right" if result.passed else "WRONG")


# %% [markdown]
# ### An example, with a mistake
#
# A dense layer without a bias computes $y = x w$: each column of $y$ is a weighted sum of the
# columns of $x$. Here is an attempt at its backward pass. One of the two gradients is wrong.


# %%
def dense_forward(x, w):
    return x @ w, (x, w)


def dense_backward(dy, cache):
    x, w = cache
    dx = dy @ w.T
    dw = x.T @ dy / len(x)
    return dx, dw


def dense_inputs(rng):
    return rng.normal(size=(6, 4)), rng.normal(size=(4, 3))


check(dense_forward, dense_backward, dense_inputs, "dense")

# %% [markdown]
# The table has one line for each gradient. `difference` is the relative distance from the numerical
# derivative: about $10^{-16}$ for a right gradient, which is the rounding of the computer, and far
# more for a wrong one; `-` where there is nothing to compare, because the shape is wrong or the
# blank is empty. The first gradient passes. For the second there is a hint: the rule says
# *add up*, and the attempt divides by the number of examples. (If the cost is a mean, then the
# division is already in $dy$.)
#
# The numbers in brackets, such as (2) here, are those of the equations in `docs/backprop.md`, where
# everything is derived. (A dense layer is a convolution of images of one pixel.) Try without it
# first.

# %% [markdown]
# ## Part 1: batch normalization, one step at a time
#
# Take a batch of $m$ examples with $D$ features each: $x$ has the shape $[m, D]$. Batch norm treats
# each feature (each column) by itself; the sums run over the rows $i$ of the column, and
# $\varepsilon$ is a small constant:
#
# $$\text{mean} = \frac{1}{m} \sum_i x_i \tag{10}$$
# $$\text{variance} = \frac{1}{m} \sum_i (x_i - \text{mean})^2 \tag{11}$$
# $$\hat x_i = (x_i - \text{mean})\, r, \qquad r = \frac{1}{\sqrt{\text{variance} +
# \varepsilon}} \tag{12}$$
# $$y_i = \gamma\, \hat x_i + \beta \tag{13}$$
#
# These are four small steps, and each is easy to differentiate by itself. So that is what we do:
# one backward function for each, from the last step to the first, and then we put them together.

# %% [markdown]
# ### Step (13): scale and shift
#
# `gamma` and `beta` have one number for each column, and every row uses them.
#
# *Before you write: suppose one element of `beta` grows by 0.01. Which elements of $y$ change, and
# by how much?*


# %%
def scale_and_shift_forward(x_hat, gamma, beta):
    y = gamma * x_hat + beta  # (13)  [m, D]
    return y, (x_hat, gamma)


# %%
def scale_and_shift_backward(dy, cache):
    x_hat, gamma = cache
    dx_hat = None  # [m, D]
    dgamma = None  # [D]
    dbeta = None  # [D]
    return dx_hat, dgamma, dbeta


# %%
def scale_and_shift_inputs(rng):
    return rng.normal(size=(6, 4)), rng.uniform(0.5, 1.5, size=4), rng.normal(size=4)


check(scale_and_shift_forward, scale_and_shift_backward, scale_and_shift_inputs, "scale_and_shift")

# %% [markdown]
# ### Step (12): normalize
#
# For the moment, think of the mean and the variance as two *independent* inputs that happen to be
# given. (They are not independent of $x$, of course. That is taken care of later, and it is the
# advantage of working in steps.)
#
# *Before you write: what is the derivative of $(v + \varepsilon)^{-1/2}$ with respect to $v$?
# Express it by $r = (v + \varepsilon)^{-1/2}$ alone.*


# %%
def normalize_forward(x, mean, variance, epsilon=1e-3):
    r = 1 / np.sqrt(variance + epsilon)  # [D]
    x_hat = (x - mean) * r  # (12)  [m, D]
    return x_hat, (x, mean, r)


# %%
def normalize_backward(dx_hat, cache):
    x, mean, r = cache
    dx = None  # [m, D]
    dmean = None  # [D]
    dvariance = None  # [D]
    return dx, dmean, dvariance


# %%
def normalize_inputs(rng):
    return rng.normal(size=(6, 4)), rng.normal(size=4), rng.uniform(0.5, 2, size=4)


check(normalize_forward, normalize_backward, normalize_inputs, "normalize")

# %% [markdown]
# ### Steps (11) and (10): the variance and the mean
#
# Again, let the mean be an input of its own in (11): the check draws it at random. Both functions
# have an output with one number per column, so `dvariance` and `dmean`, which arrive from above,
# have the shape $[D]$, while $dx$ has the shape $[m, D]$. Step (11) has two inputs, so it also
# returns a `dmean` of its own.
#
# *When both are right: in the real layer, `mean` is the mean of $x$. What then is the sum of
# $x_i - \text{mean}$ over the batch, and so what is the `dmean` of step (11) there?*


# %%
def variance_forward(x, mean):
    variance = np.mean((x - mean) ** 2, axis=0)  # (11)  [D]
    return variance, (x, mean)


def mean_forward(x):
    return np.mean(x, axis=0), x.shape  # (10)  [D]


# %%
def variance_backward(dvariance, cache):
    x, mean = cache
    m = len(x)
    dx = None  # [m, D]
    dmean = None  # [D]
    return dx, dmean


# %%
def mean_backward(dmean, shape):
    m = shape[0]
    dx = None  # [m, D]; np.broadcast_to(row, shape) repeats a row
    return dx


# %%
def variance_inputs(rng):
    return rng.normal(size=(6, 4)), rng.normal(size=4)


check(variance_forward, variance_backward, variance_inputs, "variance")
check(mean_forward, mean_backward, lambda rng: (rng.normal(size=(6, 4)),), "mean")

# %% [markdown]
# ### All four together
#
# Here is the forward pass made of the four steps. Now the mean and the variance *do* depend on $x$,
# so one $x_i$ reaches the cost on three paths:
#
# ```text
#        +-------------------> normalize --> x_hat --> y
#        |                      ^     ^
#   x ---+--> mean ---+---------+     |
#        |            v               |
#        +-------> variance ----------+
# ```
#
# Count the arrows that leave `x`, and those that leave `mean`. An array that is used twice receives
# a gradient from each use, and they are added. Fill in the blank by calling your other three
# functions. (Give each result a name of its own: a second `dx = ...` overwrites the first.)


# %%
def batch_norm_forward(x, gamma, beta):
    mean, mean_cache = mean_forward(x)
    variance, variance_cache = variance_forward(x, mean)
    x_hat, normalize_cache = normalize_forward(x, mean, variance)
    y, scale_cache = scale_and_shift_forward(x_hat, gamma, beta)
    return y, (mean_cache, variance_cache, normalize_cache, scale_cache)


# %%
def batch_norm_backward(dy, cache):
    mean_cache, variance_cache, normalize_cache, scale_cache = cache
    dx_hat, dgamma, dbeta = scale_and_shift_backward(dy, scale_cache)
    # Go on backward, step by step, and add up what arrives at x.
    dx = None
    return dx, dgamma, dbeta


# %%
check(batch_norm_forward, batch_norm_backward, scale_and_shift_inputs, "batch_norm")

# %% [markdown]
# ### The same in one line
#
# If you put the steps into each other on paper, most of it cancels, and what remains is short. With
# $\text{mean}(\cdot)$ for the mean over the batch,
#
# $$dx = r \,\bigl(\, d\hat x \;-\; \ldots \;-\; \hat x \cdot \ldots \,\bigr) \tag{17}$$
#
# Each $\ldots$ is a mean over the batch. To find them, start from the three terms of $dx$ in
# `batch_norm_backward`, write every $x - \text{mean}$ as $\hat x / r$, and take $r$ out. Two facts
# help you to check your algebra: adding a constant to a whole column changes no output, so the
# elements of $dx$ in a column add up to 0; and stretching a column about its mean changes the
# output hardly at all, so $dx$ has hardly any component along $\hat x$: the sum of $dx\, \hat x$
# over a column is almost 0.
#
# Equations (14) to (16) are what you found in step (13).


# %%
def short_forward(x, gamma, beta, epsilon=1e-3):
    mean = np.mean(x, axis=0)
    r = 1 / np.sqrt(np.mean((x - mean) ** 2, axis=0) + epsilon)
    x_hat = (x - mean) * r
    return gamma * x_hat + beta, (x_hat, r, gamma)


# %%
def short_backward(dy, cache):
    x_hat, r, gamma = cache
    dbeta = None  # (14)
    dgamma = None  # (15)
    dx_hat = None  # (16)
    dx = None  # (17)
    return dx, dgamma, dbeta


# %%
check(short_forward, short_backward, scale_and_shift_inputs, "batch_norm")

# %% [markdown]
# That was the hard part. This line is what batch norm does to learning: before a gradient goes on
# to the layer below, its mean over the batch is taken away, and so is its component along
# $\hat x$. The images of a batch are coupled: what one of them receives depends on all others.
#
# ## Part 2: the other layers
#
# ### Convolution
#
# The $N$ images have $H \times W$ pixels and $C$ channels: $x$ is $[N, H, W, C]$. The weights are
# $[3, 3, C, O]$, and $y$ is $[N, H, W, O]$. The input is padded with a border of zeros, one pixel
# wide, which makes it $x_p$. The forward pass adds nine matrix products, one for each of the nine
# places $(a, b)$ of the kernel: pixel $(i, j)$ of the output sees pixel $(i + a, j + b)$ of the
# padded input.
#
# $$y[n,i,j,o] = \sum_{a,b,c} x_p[n, i + a, j + b, c]\; w[a,b,c,o] \tag{1}$$
#
# The backward pass can have the same shape: a loop over $(a, b)$, in which each place of the kernel
# contributes to `dw[a, b]` and to the part of `dx_padded` that it covers. The padding was constant,
# so it is cut off at the end. Write your terms in place of the two zeros.
#
# *Before you write: take one weight, $w[a,b,c,o]$. In which outputs does it occur, and what
# multiplies it there? Then the same for one pixel of $x_p$.*


# %%
def conv_forward(x, w):
    height, width = x.shape[1:3]
    x_padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    y = np.zeros((*x.shape[:3], w.shape[3]), np.result_type(x, w))
    for a in range(3):
        for b in range(3):
            y += x_padded[:, a : a + height, b : b + width] @ w[a, b]  # (1)
    return y, (x_padded, w)


# %%
def conv_backward(dy, cache):
    x_padded, w = cache
    height, width = dy.shape[1:3]
    dw = np.zeros(w.shape)
    dx_padded = np.zeros(x_padded.shape)
    for a in range(3):
        for b in range(3):
            covered = x_padded[:, a : a + height, b : b + width]  # [N, H, W, C]
            dw[a, b] = 0  # (2)  [C, O]; np.tensordot(u, v, ([0, 2], [0, 2])): over axes 0, 2
            dx_padded[:, a : a + height, b : b + width] += 0  # (3)  [N, H, W, C]
    return dx_padded[:, 1:-1, 1:-1], dw


# %%
def conv_inputs(rng):
    return rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(3, 3, 3, 2))


check(conv_forward, conv_backward, conv_inputs, "conv2d")

# %% [markdown]
# ### ELU
#
# The activation is $y = x$ for $x > 0$, and $y = e^x - 1$ otherwise. The cache holds $y$ alone, to
# save memory. That is enough: express the slope on each side by $y$.


# %%
def elu_forward(x):
    negative = np.where(x > 0, 0, x)
    y = np.where(x > 0, x, np.exp(negative) - 1)  # (4)
    return y, y


# %%
def elu_backward(dy, y):
    dx = None  # (5)
    return dx


# %%
check(elu_forward, elu_backward, lambda rng: (rng.normal(size=(5, 7)),), "elu")

# %% [markdown]
# ### Average pooling
#
# Each block of $2 \times 2$ pixels becomes one pixel, their mean, so $dy$ is
# $[N, H/2, W/2, C]$. *How much does one pixel of a block contribute to the mean?*


# %%
def pool_forward(x):
    n, height, width, channels = x.shape
    blocks = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    return blocks.mean(axis=(2, 4)), x.shape  # (6)


# %%
def pool_backward(dy, shape):
    dx = None  # (7)  [N, H, W, C]; np.repeat(z, 2, axis=1) doubles each row
    return dx


# %%
check(pool_forward, pool_backward, lambda rng: (rng.normal(size=(3, 4, 6, 2)),), "average_pool")

# %% [markdown]
# ### Softmax and cross-entropy
#
# The last layer turns the numbers of each image (its *logits*, one for each class) into
# probabilities, and the cost is the mean over the $N$ images of minus the logarithm of the
# probability of the right class. It starts the backward pass, so its $dy$ is a single number,
# `dcost`; in training it is 1, but the check draws another number, so do not leave it out.
#
# *Before you write: call the logits of one image $z$, write its cost as
# $-z_\text{label} + \log \sum_k e^{z_k}$, and differentiate that.*


# %%
def cost_forward(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)  # the same probabilities, no overflow
    exponentials = np.exp(shifted)
    p = exponentials / exponentials.sum(axis=1, keepdims=True)  # (22)
    cost = -np.mean(np.log(p[np.arange(len(labels)), labels]))  # (23)
    return cost, (p, labels)


# %%
def cost_backward(dcost, cache):
    p, labels = cache
    one_hot = np.eye(p.shape[1])[labels]  # 1 at the label, else 0
    dlogits = None  # (24)  [N, classes]
    return dlogits


# %%
def cost_inputs(rng):
    return rng.normal(size=(6, 4)), rng.integers(4, size=6)


check(cost_forward, cost_backward, cost_inputs, "softmax_cross_entropy")

# %% [markdown]
# ## Part 3: the whole network
#
# Convolution, ELU, batch norm, pooling, a second convolution whose channels are the ten classes,
# the mean over all its pixels, and the cost. Batch norm sees one row for each pixel of each image,
# so that it has one mean and one variance per channel.
#
# A network's backward pass has no mathematics of its own: the $dx$ of each layer is the $dy$ of the
# one before it. The only new line is given, the mean over the pixels. Fill in the rest, and mind
# the order. What forward has reshaped, backward must reshape back.
#
# The check takes some seconds. If it fails, read its table from the bottom, which is the order of
# the backward pass: the mistake is between the last gradient that passes and the first that fails.


# %%
def network_forward(x, w1, gamma, beta, w2, labels):
    caches = {}
    x, caches["conv1"] = conv_forward(x, w1)
    x, caches["elu"] = elu_forward(x)
    rows, caches["bn"] = short_forward(x.reshape(-1, x.shape[3]), gamma, beta)
    x, caches["pool"] = pool_forward(rows.reshape(x.shape))
    x, caches["conv2"] = conv_forward(x, w2)
    caches["shape"] = x.shape
    cost, caches["cost"] = cost_forward(x.mean(axis=(1, 2)), labels)
    return cost, caches


# %%
def network_backward(dcost, caches):
    n, height, width, classes = caches["shape"]
    dlogits = cost_backward(dcost, caches["cost"])  # [n, classes]
    per_pixel = dlogits[:, None, None, :] / (height * width)
    dx = np.broadcast_to(per_pixel, caches["shape"])  # (9)  so far: of what conv2 returned
    dw2 = None
    # Go on backward: conv2, pool, bn, elu, conv1.
    dgamma = None
    dbeta = None
    dw1 = None
    return dx, dw1, dgamma, dbeta, dw2


# %%
def weights(rng, channels):
    w1 = rng.normal(scale=0.3, size=(3, 3, 1, channels))
    w2 = rng.normal(scale=0.1, size=(3, 3, channels, 10))
    return w1, np.ones(channels), np.zeros(channels), w2


def network_inputs(rng):
    x, labels = rng.normal(size=(4, 4, 4, 1)), rng.integers(10, size=4)
    w1, gamma, beta, w2 = weights(rng, channels=3)
    return x, w1, gamma + 0.1, beta + 0.1, w2, labels


check(network_forward, network_backward, network_inputs, "network")

# %% [markdown]
# ## Does it learn?
#
# Right gradients deserve to be used. Here your network is trained on the 8 by 8 digits that come
# with bnstudy, by the simplest method there is: subtract a small multiple of the gradient. (While
# there are blanks above, nothing is trained.)

# %%
from bnstudy.data import digits

STEPS = 200
RATE = 0.5


def train(images, labels, steps, batch=50):
    parameters = weights(np.random.default_rng(0), channels=8)
    costs = []
    for step in range(steps):
        chosen = np.arange(step * batch, (step + 1) * batch) % len(labels)
        cost, caches = network_forward(images[chosen], *parameters, labels[chosen])
        gradients = network_backward(1.0, caches)[1:]
        parameters = [w - RATE * dw for w, dw in zip(parameters, gradients, strict=True)]
        costs.append(cost)
    return costs


images, labels, _, _ = digits.load()
images = images[:, 2::4, 2::4, :1] / 255 - 0.3  # 8 by 8 pixels, about -0.3 to 0.7
try:
    costs = train(images, labels, STEPS)
except TypeError:  # None is no gradient
    costs = [np.log(10)] * STEPS
    print("the blanks above are still empty; log(10) is the cost of guessing")
plt.figure(figsize=(6, 3))
plt.plot(costs)
plt.xlabel("step")
plt.ylabel("cost of the batch (nats)")
plt.show()
print(f"first ten steps {np.mean(costs[:10]):.2f}, last ten {np.mean(costs[-10:]):.2f}")

# %% [markdown]
# ## What next?
#
# - Put a mistake into your network on purpose: leave out the division by 4 in the pool. Does it
#   still learn? It may even learn faster: for all that lies below the pool, this mistake is a
#   learning rate four times as large. Most wrong gradients learn, somewhat. That is why they are
#   found so late, and why one checks. Lesson 6 finds three in published code.
# - The full network of the study has nine convolutions and is written exactly like this:
#   `src/bnstudy/manual/` has one file per layer, with the same equation numbers.
# - `bnstudy check --template batch_norm` prints a file with blanks for the command line, and
#   `bnstudy check FILE.py` checks layers of your own.
