# %% [markdown]
# One solution for each blank of lesson 2. There are others.


# %%
def scale_and_shift_backward(dy, cache):
    x_hat, gamma = cache
    dx_hat = gamma * dy  # (16)
    dgamma = np.sum(dy * x_hat, axis=0)  # (15)
    dbeta = np.sum(dy, axis=0)  # (14)
    return dx_hat, dgamma, dbeta


# %%
def normalize_backward(dx_hat, cache):
    x, mean, r = cache
    dx = r * dx_hat
    dmean = -r * np.sum(dx_hat, axis=0)
    dvariance = -0.5 * r**3 * np.sum(dx_hat * (x - mean), axis=0)  # (17a)
    return dx, dmean, dvariance


# %%
def variance_backward(dvariance, cache):
    x, mean = cache
    m = len(x)
    dx = 2 / m * (x - mean) * dvariance
    dmean = -2 / m * np.sum(x - mean, axis=0) * dvariance  # 0 where mean is that of x
    return dx, dmean


# %%
def mean_backward(dmean, shape):
    m = shape[0]
    dx = np.broadcast_to(dmean / m, shape)
    return dx


# %%
def batch_norm_backward(dy, cache):
    mean_cache, variance_cache, normalize_cache, scale_cache = cache
    dx_hat, dgamma, dbeta = scale_and_shift_backward(dy, scale_cache)
    dx_direct, dmean_1, dvariance = normalize_backward(dx_hat, normalize_cache)
    dx_variance, dmean_2 = variance_backward(dvariance, variance_cache)
    dx_mean = mean_backward(dmean_1 + dmean_2, mean_cache)  # (17b)
    dx = dx_direct + dx_variance + dx_mean  # (17c)
    return dx, dgamma, dbeta


# %%
def short_backward(dy, cache):
    x_hat, r, gamma = cache
    dbeta = np.sum(dy, axis=0)  # (14)
    dgamma = np.sum(dy * x_hat, axis=0)  # (15)
    dx_hat = gamma * dy  # (16)
    dx = r * (dx_hat - np.mean(dx_hat, axis=0) - x_hat * np.mean(dx_hat * x_hat, axis=0))  # (17)
    return dx, dgamma, dbeta


# %%
def conv_backward(dy, cache):
    x_padded, w = cache
    height, width = dy.shape[1:3]
    dw = np.zeros(w.shape)
    dx_padded = np.zeros(x_padded.shape)
    for a in range(3):
        for b in range(3):
            covered = x_padded[:, a : a + height, b : b + width]  # [N, H, W, C]
            dw[a, b] = np.tensordot(covered, dy, ([0, 1, 2], [0, 1, 2]))  # (2)
            dx_padded[:, a : a + height, b : b + width] += dy @ w[a, b].T  # (3)
    return dx_padded[:, 1:-1, 1:-1], dw


# %%
def elu_backward(dy, y):
    dx = dy * np.where(y > 0, 1, y + 1)  # (5)
    return dx


# %%
def pool_backward(dy, shape):
    dx = np.repeat(np.repeat(dy, 2, axis=1), 2, axis=2) / 4  # (7)
    return dx


# %%
def cost_backward(dcost, cache):
    p, labels = cache
    one_hot = np.eye(p.shape[1])[labels]  # 1 at the label, else 0
    dlogits = dcost * (p - one_hot) / len(labels)  # (24)
    return dlogits


# %%
def network_backward(dcost, caches):
    n, height, width, classes = caches["shape"]
    dlogits = cost_backward(dcost, caches["cost"])  # [n, classes]
    per_pixel = dlogits[:, None, None, :] / (height * width)
    dx = np.broadcast_to(per_pixel, caches["shape"])  # (9)
    dx, dw2 = conv_backward(dx, caches["conv2"])
    dx = pool_backward(dx, caches["pool"])
    rows, dgamma, dbeta = short_backward(dx.reshape(-1, dx.shape[3]), caches["bn"])
    dx = elu_backward(rows.reshape(dx.shape), caches["elu"])
    dx, dw1 = conv_backward(dx, caches["conv1"])
    return dx, dw1, dgamma, dbeta, dw2
