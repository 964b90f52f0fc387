"""(FI1) and (FI2), computed: how far rounding may drive two trainings apart that add up the same.

`Apart` goes along with a training by `loop` and knows before each step by how much every number of another
one may differ that began with the same parameters. With u half the distance from 1 to the next number, a sum
of n products is off by at most γ(n)·Σ|terms| in any order, γ(n) = nu/(1 − nu) [Higham 2002, section 3.1].
What differs already is carried along, by |Σ a'b' − Σ ab| ≤ Σ (|a| + Δa)(|b| + Δb) − Σ |a||b|. A rectifier or
a maximum that may decide otherwise counts with all that it lets through.
"""

import numpy as np

from tinyzip.nn.layers import Flatten, MaxPool2d, ReLU
from tinyzip.nn.losses import log_softmax
from tinyzip.train.optim import SGD


def magnitudes(array):
    return np.abs(array, dtype=np.float64)


class Apart:
    """Objective and rule for a training by `loop`: those given, and a bound beside them.

    net        printed, of the layers above, Conv2d and Linear; its arrays are those that change
    shards     of which the other training makes a batch, at most
    objective  the labels' cross entropy, or by `teacher`, `soft` and `temperature` (K7) with (K3)
    teacher    an `Apart` of the teacher, whose `params` say how far the two teachers differ
    params     the bound for each array
    first      the arrays as they were
    """

    def __init__(self, net, rule, objective, shards=1, teacher=None, soft=0.0, temperature=1.0):
        self.net, self.rule, self.given, self.shards = net, rule, objective, shards
        self.teacher, self.soft, self.T = teacher, soft, temperature
        self.u = float(np.finfo(net.dtype).eps) / 2
        self.params = {name: np.zeros(array.shape) for name, array in net.params.items()}
        self.first = {name: array.copy() for name, array in net.params.items()}

    def objective(self, z, batch):
        loss, dz = self.given(z, batch)
        self.seen = batch.x.copy(), batch.labels, dz
        return loss, dz

    def init(self, params):
        self.t = 0
        zeros = {name: np.zeros(p.shape) for name, p in params.items()}
        self.off, self.size, self.square = dict(zeros), dict(zeros), dict(zeros)
        return self.rule.init(params)

    def step(self, params, grads, state, lr):
        off, before = self.gradients(), {name: magnitudes(p) for name, p in params.items()}
        self.rule.step(params, grads, state, lr)
        self.t += 1
        for name, g in grads.items():
            decay = self.rule.weight_decay if name.endswith(self.rule.decayed) else 0.0
            p = decay * before[name], decay * self.params[name]
            update = self.sgd if isinstance(self.rule, SGD) else self.adamw
            self.params[name] += lr * update(name, magnitudes(g), off[name], *p, state)
            self.params[name] += 6 * self.u * (before[name] + self.params[name])  # the last subtractions

    def sgd(self, name, g, off, decay, off_decay, state):
        """What is taken from p, (FI1). Each training rounds g and b three times, the step less than four."""
        mu, nesterov = self.rule.momentum, self.rule.nesterov
        self.size[name] = mu * self.size[name] + g + off + decay + off_decay
        self.off[name] = mu * self.off[name] + off + off_decay + 6 * self.u * self.size[name]
        return (1 + mu * nesterov) * (self.off[name] + 8 * self.u * self.size[name])

    def adamw(self, name, g, off, decay, off_decay, state):
        """What is taken from p, (FI2). Each training rounds m and v three times, the rest less than eight.

        |m̂| ≤ longest·√v̂ by Cauchy and Schwarz, whatever the gradients were.
        """
        b1, b2, t, u = self.rule.beta1, self.rule.beta2, self.t, self.u
        self.size[name] = b1 * self.size[name] + (1 - b1) * (g + off)
        self.off[name] = b1 * self.off[name] + (1 - b1) * off + 6 * u * self.size[name]
        self.square[name] = b2 * self.square[name] + (1 - b2) * off**2
        off_m, off_s = self.off[name] / (1 - b1**t), np.sqrt(self.square[name] / (1 - b2**t))
        m, v = (magnitudes(state[f"{name}.{part}"]) / (1 - b**t) for part, b in (("m", b1), ("v", b2)))
        s = np.sqrt(v)
        off_s += 4 * (t + 1) * u * (s + off_s)
        step = m / (s + self.rule.eps)
        i = np.arange(t)
        longest = np.sqrt(np.sum(((1 - b1) * b1**i / (1 - b1**t)) ** 2 / ((1 - b2) * b2**i / (1 - b2**t))))
        apart = (off_m + step * off_s) / (np.maximum(s - off_s, 0) + self.rule.eps)
        apart = np.minimum(apart, step + longest * (1 + 16 * (t + 1) * u))
        return apart + off_decay + 16 * u * (step + apart + decay)

    def product(self, n, near, far):
        """By how much a sum of n products may differ: of magnitudes as they are, and as they may be."""
        return far - near + n * self.u / (1 - n * self.u) * (near + far)

    def forward(self, x):
        """The logits, by how much they may differ, and of each layer what `gradients` wants to know."""
        off, walk = np.zeros(x.shape), []
        for name, layer in self.net.layers.items():
            p, before = self.net.parts[name], (x, off)
            x, cache = layer.forward(p, x)
            if p:
                near = {part: magnitudes(a) for part, a in p.items()}
                far = {part: a + self.params[f"{name}.{part}"] for part, a in near.items()}
                sizes, sizes_cache = layer.forward(near, magnitudes(before[0]))
                most, most_cache = layer.forward(far, magnitudes(before[0]) + off)
                off = self.product(p["w"][0].size + 1, sizes, most)
                walk.append((name, layer, *before, cache, near, sizes_cache, far, most_cache))
            else:
                off = off if isinstance(layer, ReLU) else layer.forward(p, off)[0]
                walk.append((name, layer, *before, cache))
        return x, off, walk

    def gradients(self):
        """By how much the gradient of each array may differ, at parameters that differ by `params`."""
        x, labels, g = self.seen
        z, off, walk = self.forward(x)
        off, found = self.loss(z, off, labels, x), {}
        for name, layer, x, off_x, cache, *sizes in reversed(walk):
            p = self.net.parts[name]
            if p:
                near, near_cache, far, far_cache = sizes
                before, dp = layer.backward(near, magnitudes(g), near_cache)
                most, far_dp = layer.backward(far, magnitudes(g) + off, far_cache)
                for part in p:
                    n = g[0].size + self.shards
                    found[f"{name}.{part}"] = self.product(n, dp[part], far_dp[part])
                off = self.product(p["w"].size // p["w"].shape[1], before, most)
            else:
                off = self.passed(layer, x, off_x, magnitudes(g) + off, off, cache)
            g = layer.backward(p, g, cache)[0]
        return found

    def passed(self, layer, x, off_x, most, off, cache):
        """By how much what a layer without arrays passes back may differ; `most` is what it may be given."""
        if isinstance(layer, ReLU):
            return np.where(np.abs(x) <= off_x, most, off * (x > 0))
        back = layer.backward({}, off, cache)[0]
        if isinstance(layer, Flatten):
            return back
        assert isinstance(layer, MaxPool2d) and layer.kernel == layer.stride
        (C, H, W, N), (h, w) = x.shape, layer.kernel
        cut = slice(None), slice(H // h * h), slice(W // w * w)
        parts = C, H // h, h, W // w, w, N
        low = (x - off_x)[cut].reshape(parts).max(axis=(2, 4), keepdims=True)
        wins = (x + off_x)[cut].reshape(parts) >= low
        several = wins & (wins.sum(axis=(2, 4), keepdims=True) > 1)
        chosen = np.where(several, most[:, :, None, :, None], back[cut].reshape(parts))
        back[cut] = chosen.reshape(back[cut].shape)
        return back

    def loss(self, z, off, labels, x):
        """By how much dz may differ."""
        targets = np.eye(len(z))[:, labels]
        p, off_p = self.softmax(z, off)
        size, off_dz = (1 - self.soft) * np.abs(p - targets), (1 - self.soft) * off_p
        if self.teacher is not None:
            t, off_t, _ = self.teacher.forward(x)
            (p, off_p), (q, off_q) = (self.softmax(a / self.T, b / self.T) for a, b in ((z, off), (t, off_t)))
            size += self.soft * self.T * np.abs(p - q)
            off_dz += self.soft * self.T * (off_p + off_q)
        return (off_dz + 20 * self.u * (size + off_dz)) / z.shape[1]  # ten roundings in each

    def softmax(self, z, off):
        """σ(z), and by how much it may differ: that of z + e is at most e^(2 max|e|) times that of z.

        Rounded, ln σ is off by u times: 2|z| for z/T, 3|ln σ| for z − max z twice and for taking off the
        sum's logarithm, K for that sum, 4 ln K for the logarithm, and 6 for two exponentials, at most.
        """
        K = len(z)
        log_p = log_softmax(z.astype(np.float64))
        sizes = 2 * np.abs(z).max(axis=0) + 3 * np.abs(log_p).max(axis=0)
        p, rounding = np.exp(log_p), self.u * (sizes + K + 4 * np.log(K) + 6)
        with np.errstate(over="ignore"):
            return p, np.minimum(p * np.expm1(2 * off.max(axis=0) + 2 * rounding), np.maximum(p, 1 - p))
