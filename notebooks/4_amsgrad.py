# %% [markdown]
# # Lesson 4: AMSGrad, and its four definitions
#
# Adam is the optimizer that most people use without thinking about it. In 2018, Reddi, Kale and
# Kumar showed a problem with a single unknown on which it walks to the *worst* point and stays
# there, and proposed a change of one line: AMSGrad. In this lesson you watch both, and find that
# four programs that all say "AMSGrad" do four different things.
#
# You need NumPy and square roots. Running everything takes well under a minute.

# %% [markdown]
# ## Adam, in six lines
#
# Adam keeps two moving averages: $m$ of the gradient $g$, and $v$ of its square. It steps along
# $m$, divided by $\sqrt v$: where gradients are large, steps are not. Both averages start from 0,
# and are corrected for that: $m$ is divided by $c_1 = 1 - \beta_1^t$ and $v$ by
# $c_2 = 1 - \beta_2^t$ after $t$ steps, where $\beta_1$ and $\beta_2$ are the weights of the old
# values (lesson 3 explains why).
#
# AMSGrad changes the denominator. It remembers the largest $v$ so far, so that what $m$ is divided
# by can only grow. With the weight $w$, the learning rate $\alpha$ and a tiny $\varepsilon$:
#
# $$v_{\max} = \max(v_{\max},\, v), \qquad w \leftarrow w - \alpha\, \frac{m}{\sqrt{v_{\max}} +
# \varepsilon}$$

# %%
import matplotlib.pyplot as plt
import numpy as np


def adam(state, g, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """Return the step that Adam takes at a learning rate of 1, and the new state."""
    t, m, v = state
    t, m, v = t + 1, beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
    c_1, c_2 = 1 - beta_1**t, 1 - beta_2**t
    return (m / c_1) / ((v / c_2) ** 0.5 + epsilon), (t, m, v)


def amsgrad(state, g, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """Return the step of AMSGrad, as its paper has it: without the corrections."""
    t, m, v, v_max = state
    t, m, v = t + 1, beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
    v_max = max(v_max, v)  # the only new line
    return m / (v_max**0.5 + epsilon), (t, m, v, v_max)


# %% [markdown]
# ## Reddi's problem
#
# There is one unknown, $x$ between -1 and 1. Of every 101 steps, one has the cost $1010\,x$, and
# the other hundred have $-10\,x$.
#
# *Before you go on: add up the cost of 101 steps. Which $x$ is best? Now imagine that you are Adam.
# A gradient of 1010 arrives, and then a hundred of -10. Which direction gets the larger steps?*

# %%
STEPS = 101 * 5000


def descend(rule, state, alpha=2.0):
    """Return x after every period of 101 steps; the learning rate is alpha / sqrt(t)."""
    x, xs = 0.0, []
    for t in range(1, STEPS + 1):
        g = 1010.0 if t % 101 == 1 else -10.0
        step, state = rule(state, g, beta_2=0.99)
        x = min(max(x - alpha / t**0.5 * step, -1.0), 1.0)  # stay between -1 and 1
        if t % 101 == 0:
            xs.append(x)
    return xs


paths = {"Adam": descend(adam, (0, 0.0, 0.0)), "AMSGrad": descend(amsgrad, (0, 0.0, 0.0, 0.0))}
plt.figure(figsize=(6, 3))
for name, xs in paths.items():
    print(f"{name} ends at {xs[-1]:.3f}")
    plt.plot(np.arange(1, len(xs) + 1) * 101, xs, label=name)
plt.axhline(-1, color="black", linewidth=0.8, linestyle=":", label="best")
plt.xscale("log")
plt.xlabel("step")
plt.ylabel("x")
plt.legend(fontsize=8)
plt.show()

# %% [markdown]
# The costs of 101 steps add up to $1010 x - 1000 x = 10 x$, so $x = -1$ is best. Adam ends at
# $+1$, the worst point.
#
# Why? The large gradient points the right way. But it enters its own denominator at once, so its
# steps are short. Then, with $\beta_2 = 0.99$, it is forgotten little by little
# ($0.99^{100} = 0.37$), so that the steps of the small gradients, which point the wrong way,
# grow longer and longer. There are a hundred of those. AMSGrad does not forget: in its
# denominator, the 1010 stays.
#
# A fair warning: this problem was made for Adam to fail on. It says nothing about how often that
# happens when networks are trained.

# %% [markdown]
# ## Four definitions with one name
#
# The paper's Algorithm 2 has no bias correction. Programmers like Adam's corrections, so they put
# them back, each in a different place:
#
# - `paper`, Reddi et al., Algorithm 2: maximum of $v$; step $m / (\sqrt{v_{\max}} + \varepsilon)$.
# - `keras`: maximum of $v$; step
#   $\frac{\sqrt{c_2}}{c_1}\, m / (\sqrt{v_{\max}} + \varepsilon)$.
# - `optax`: maximum of $v / c_2$; step $(m / c_1) / (\sqrt{v_{\max}} + \varepsilon)$.
# - `as_posted`, the author of the blog post that bnstudy reproduces: all of $v_{\max}$ is replaced
#   by $v$ if the **sum** of $v$ is larger than that of $v_{\max}$; then the step of `paper`.
#
# They are all in `bnstudy.manual.amsgrad`. PyTorch is a fifth: Keras's maximum, with epsilon in
# another place.

# %%
from bnstudy.backend.startup import import_tensorflow

import_tensorflow()  # takes seconds; without its messages
import tensorflow as tf

from bnstudy.manual import amsgrad as library


def lengths(gradients, variant, beta_2=0.999):
    """Return how far each step goes at a learning rate of 1, [steps, weights]."""
    w = tf.zeros(gradients.shape[1], tf.float64)
    state, steps = library.init(w), []
    for g in gradients:
        new_w, state = library.update(w, tf.constant(g), state, 1.0, beta_2=beta_2, variant=variant)
        steps.append((w - new_w).numpy())
        w = new_w
    return np.array(steps)


# %% [markdown]
# ### A constant gradient
#
# The gradient is 1, a hundred times.
#
# *Guess: how long is the first step of each, as a multiple of the learning rate? With Adam it would
# be 1.*

# %%
ones = np.ones((100, 1))
for variant in library.VARIANTS:
    steps = lengths(ones, variant)[:, 0]
    print(f"{variant:<10} first step {steps[0]:.2f}, hundredth {steps[-1]:.2f}")

first, _ = amsgrad((0, 0.0, 0.0, 0.0), 1.0)
print(f"our own `amsgrad` above: first step {first:.2f}")

# %% [markdown]
# The paper's first step is $0.1 / \sqrt{0.001} = 3.16$ learning rates: both averages start too
# small, but the root of $v$ more so than $m$. A learning rate that was tuned for one definition is
# too large for another.

# %% [markdown]
# ### One large gradient, then small ones
#
# The first gradient is 1, the next 99 are 0.1. The point of AMSGrad is to remember the 1.

# %%
burst = np.where(np.arange(100) < 1, 1.0, 0.1)[:, None]
hundredth = {variant: lengths(burst, variant)[-1, 0] for variant in library.VARIANTS}
for variant, step in hundredth.items():
    print(f"{variant:<10} hundredth step {step:.3f}")
print(f"Keras's is {hundredth['keras'] / hundredth['optax']:.1f} times optax's")

# %% [markdown]
# optax corrects *before* it takes the maximum, so it keeps the corrected first value, $v = 1$, and
# its steps stay at a tenth. Keras takes the maximum of the uncorrected $v$, which began at 0.001,
# and later values soon exceed that: nothing is remembered.

# %% [markdown]
# ### Two weights
#
# The author of the post compared *sums*: if the sum of $v$ over a whole tensor has grown, all of
# $v_{\max}$ is replaced. With one weight that is the paper's rule. With two it is not. The gradient
# of the first weight falls from 1 to 0.01 at step 21; that of the second rises from 0.01 to 10.

# %%
early = np.arange(100) < 20
pair = np.stack([np.where(early, 1.0, 0.01), np.where(early, 0.01, 10.0)], axis=1)
plt.figure(figsize=(6, 3))
for variant in ("paper", "as_posted"):
    plt.plot(lengths(pair, variant, beta_2=0.9)[:, 0], label=variant)
plt.yscale("log")
plt.xlabel("step")
plt.ylabel("step of the first weight")
plt.legend()
plt.show()

# %% [markdown]
# After step 21, the paper's rule makes the first weight crawl: its old, large $v$ is remembered. In
# the author's version the second weight has made the sum grow, so the first weight's large $v$ is
# lost, and its steps are dozens of times as long. The step length grows back, which is precisely
# what AMSGrad was invented to prevent.
#
# ## What next?
#
# - Change `beta_2` in `descend` to 0.9999. Does Adam still fail? How long must its memory be,
#   compared with the 101 steps of a period?
# - Add `keras`, `optax` and `as_posted` to the figure of Reddi's problem. (`bnstudy question 5` has
#   done it: all four variants find the best point.)
# - `docs/definitions.md` lists the other definitions that differ between libraries, each with a
#   number that shows the effect.
