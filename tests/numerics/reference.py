"""log p in float64, written out anew: numpy and scipy alone, from the weights and the columns of a model.

Of the model it takes weights, masks, columns and encoded rows, and none of its arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

import made
from made.variables.normal_score import SKEWED_TAIL, TAIL_SHAPE

ACTIVATIONS = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}
EPS, N_BUMPS = 1e-3, 8
LARGEST = np.finfo(float).max
LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


def log_phi(z):
    return -0.5 * z * z - LOG_SQRT_2PI


def log_span(middle, width):
    """Return log of Phi(middle + width / 2) - Phi(middle - width / 2), with all digits in both tails."""
    middle = -abs(middle)
    with np.errstate(all="ignore"):
        a, b = special.log_ndtr(middle - width / 2), special.log_ndtr(middle + width / 2)
        wide = b + np.log(-np.expm1(a - b))
        narrow = log_phi(middle) + np.log(width) + np.log1p((middle**2 - 1) * width**2 / 24)
    return np.where(np.maximum(1, abs(middle)) * width < 1e-4, narrow, wide)


def score(column, x):
    """Return z and log dz/dx of values of a numeric column."""
    spline, shape = column.spline, SKEWED_TAIL if column.spline.scale > 0 else TAIL_SHAPE
    offset = np.clip(x - spline.centre, -LARGEST, LARGEST)
    if spline.scale > 0:
        with np.errstate(all="ignore"):
            near = np.arcsinh(offset / spline.scale)
            far = np.sign(offset) * (np.log(2.0) + np.log(abs(offset)) - math.log(spline.scale))
            t = np.where(abs(offset) / spline.scale < 1e100, near, far)
        with np.errstate(over="ignore"):
            log_t = -np.log(np.minimum(np.hypot(spline.scale, offset), LARGEST))
    else:
        t, log_t = offset, np.zeros_like(offset)
    knots, scores, slopes = (np.array(own) for own in (spline.knots, spline.scores, spline.slopes))
    right = np.clip(np.searchsorted(knots, t), 1, len(knots) - 1)
    t0, t1, z0, z1, d0, d1 = (own[i] for own in (knots, scores, slopes) for i in (right - 1, right))
    secant = (z1 - z0) / (t1 - t0)
    d0, d1 = d0 / secant, d1 / secant
    u = (np.clip(t, t0, t1) - t0) / (t1 - t0)
    below = 1 + (d0 + d1 - 2) * u * (1 - u)
    z = z0 + (z1 - z0) * (u**2 + d0 * u * (1 - u)) / below
    slope = np.log(secant) + np.log((d1 * u**2 + 2 * u * (1 - u) + d0 * (1 - u) ** 2) / below**2)
    for end, sign in ((0, -1.0), (-1, 1.0)):
        mass = special.log_ndtr(-sign * scores[end])
        rate = math.exp(log_phi(scores[end]) + math.log(slopes[end]) - mass)
        beyond = np.maximum(sign * (t - knots[end]), 0)
        with np.errstate(over="ignore"):
            excess = np.minimum(rate * beyond, LARGEST)
        decay = np.log1p(shape * excess)
        log_mass = mass - decay / shape
        tail = -sign * special.ndtri_exp(log_mass)
        is_there = sign * (t - knots[end]) > 0
        z = np.where(is_there, tail, z)
        slope = np.where(is_there, log_mass + math.log(rate) - decay - log_phi(tail), slope)
    return z, slope + log_t


class Column:
    """Entries of a numeric column: z, the width of their cells in z, log of density or mass under G."""

    def __init__(self, column, bodies):
        values = column.floats_of(bodies)
        self.z, log_slope = score(column, values)
        self.width = None
        if column.step is None:
            self.log_marginal = log_phi(self.z) + log_slope
            return
        low, high = (score(column, values + by)[0] for by in (-column.step / 2, column.step / 2))
        narrow = high - low < 1e-5
        self.width = np.where(narrow, np.exp(log_slope) * column.step, high - low)
        self.z = np.where(narrow, self.z, (low + high) / 2)
        self.log_marginal = log_span(self.z, self.width)


def mixture(outputs):
    """Return log weights, positions and widths that outputs (n, 15) stand for."""
    logits, positions, sharpness = outputs.reshape(len(outputs), 3, 5).swapaxes(0, 1)
    inner = np.clip(positions, -6, 6)
    widths = 1e-4 + (3 - 1e-4) * special.expit(sharpness - math.log(2))
    return special.log_softmax(logits, axis=1), inner + 4 * np.tanh((positions - inner) / 4), widths


def log_ratio(outputs, z, width=None):
    """Return log of the density, or mass, relative to that of the marginal."""
    log_w, mu, sigma = mixture(outputs)
    z = np.clip(z, -37, 37)  # beyond, the ratio is that there: the mass is 1e-300
    if width is None:
        each = log_phi((z[:, None] - mu) / sigma) - np.log(sigma)
        own = log_phi(z)
    else:
        each = log_span((z[:, None] - mu) / sigma, width[:, None] / sigma)
        own = log_span(z, width)
    ratio = special.logsumexp(log_w + each, axis=1) - own
    return np.logaddexp(ratio + math.log1p(-EPS), math.log(EPS))


class Reference:
    """The density of a model: ``log_prob(rows)`` and, under one mask, ``log_probs(rows, mask)``."""

    def __init__(self, model):
        self.model, self.network = model, model.network
        shares = (np.arange(1000) + 0.5) / 1000
        bumps = self._bumps(shares)
        self._mean, self._deviation = bumps.mean(axis=0), bumps.std(axis=0, ddof=1)

    def log_prob(self, rows, masks=None):
        masks = range(self.model.n_masks) if masks is None else masks
        each = [self.log_probs(rows, k).sum(axis=1) for k in masks]
        return special.logsumexp(each, axis=0) - math.log(len(each))

    def log_probs(self, rows, mask=0):
        """Return log p of each entry, (n, D)."""
        outputs = self.outputs(rows, mask)
        return self._log_probs(self.model.variables, outputs, rows.codes.numpy().astype(int), rows.bodies)

    def outputs(self, rows, mask=0):
        model, net = self.model, self.network
        own = model.mask(0 if model.has_one_mask else mask)
        x = self._features(model.variables, rows.codes.numpy().astype(int), rows.bodies)
        context = self._context(rows)
        h = x if context is None or not model.hidden else np.hstack([x, context])
        for i in range(len(model.hidden)):
            new = ACTIVATIONS[net.activation](
                h @ self._weight(net.weights[i], own.layers[i]) + self._of(net.biases[i])
            )
            h = h + new if net.residual[i] else new
        out = h @ self._weight(net.weights[-1], own.layers[-1]) + self._of(net.biases[-1])
        if net.direct is not None:
            out += x @ self._weight(net.direct, own.direct)
        if context is not None and net.context is not None:
            out += context @ self._of(net.context).T
        return out

    def _of(self, parameter):
        return parameter.detach().double().numpy()

    def _weight(self, weight, mask):
        return (self._of(weight) * mask).T

    def _context(self, rows):
        context = self.model.context
        if rows.context is None:
            return None
        if context.variables is None:
            return rows.context.double().numpy()
        own = context.decoded(rows.context)
        return self._features(context.variables, own.codes.numpy().astype(int), own.bodies)

    def _bumps(self, shares):
        return np.exp(-0.5 * (shares[..., None] * N_BUMPS - np.arange(N_BUMPS) - 0.5) ** 2)

    def _features(self, variables, codes, bodies):
        parts, number = [], 0
        for d, block in variables.columns():
            code = codes[:, d]
            if isinstance(block, made.Numeric):
                own = Column(block, bodies.numpy()[:, number])
                number += 1
                shown = code != (-1 if block.missing_code is None else block.missing_code)
                bumps = (self._bumps(special.ndtr(own.z)) - self._mean) / self._deviation
                parts.append(np.clip(own.z, -4, 4)[:, None] * shown[:, None])
                parts.append(bumps * shown[:, None])
                parts += [(code == atom)[:, None].astype(float) for atom in range(1, block.n_values)]
            elif isinstance(block, made.Bernoulli):
                parts.append(code[:, None].astype(float))
            elif block.feature_table is None:
                parts.append((code[:, None] == np.arange(block.n_values)).astype(float))
            elif block.coding == "scaled":
                parts.append(code[:, None] / max(block.n_values - 1, 1))
            else:
                parts.append(block.feature_table.double().numpy()[code])
        return np.concatenate(parts, axis=1)

    def _log_probs(self, variables, outputs, codes, bodies):
        found, begin, number = np.empty(codes.shape), 0, 0
        for d, block in variables.columns():
            own, code = outputs[:, begin : begin + block.output_size], codes[:, d]
            begin += block.output_size
            if isinstance(block, made.Numeric):
                found[:, d] = self._of_number(block, own, code, bodies.numpy()[:, number])
                number += 1
            elif isinstance(block, made.Bernoulli):
                found[:, d] = -np.logaddexp(0, np.where(code == 1, -own[:, 0], own[:, 0]))
            else:
                log_p = special.log_softmax(own, axis=1)
                found[:, d] = np.take_along_axis(log_p, code[:, None], axis=1)[:, 0]
                found[:, d] += 0 if block.unseen is None else math.log1p(-block.unseen)
        return found

    def cdfs(self, rows, slack=0.0):
        """Return the CDF of each entry given those before it just below it and at it, (n, D) each.

        Samples take the body of a number before its atoms. Normal scores may be off by `slack`; a point of a
        grid that is a spike too lies in both, and the ends are those of either.
        """
        outputs, codes = self.outputs(rows), rows.codes.numpy().astype(int)
        low, high, begin, number = np.empty(codes.shape), np.empty(codes.shape), 0, 0
        for d, block in self.model.variables.columns():
            own, code = outputs[:, begin : begin + block.output_size], codes[:, d]
            begin += block.output_size
            if isinstance(block, made.Numeric):
                bodies = rows.bodies.numpy()[:, number]
                low[:, d], high[:, d] = self._cdf_of_number(block, own, code, bodies, slack)
                number += 1
                continue
            if isinstance(block, made.Bernoulli):
                own = np.hstack([np.zeros_like(own), own])
            low[:, d], high[:, d] = self._cdf_of_code(special.softmax(own, axis=1), code)
        return low, high

    def _cdf_of_code(self, p, code):
        ends = np.cumsum(np.hstack([np.zeros((len(p), 1)), p]), axis=1)
        return (np.take_along_axis(ends, (code + by)[:, None], axis=1)[:, 0] for by in (0, 1))

    def _cdf_of_number(self, block, outputs, code, bodies, slack):
        entry, n = Column(block, bodies), block.n_class_outputs
        half = (0 if entry.width is None else entry.width / 2) + slack
        log_w, mu, sigma = mixture(outputs[:, n:])

        def cdf(z):
            each = np.exp(log_w) * special.ndtr((z[:, None] - mu) / sigma)
            return EPS * special.ndtr(z) + (1 - EPS) * each.sum(axis=1)

        below, at = cdf(entry.z - half), cdf(entry.z + half)
        # The largest number there is stands for all beyond.
        most = LARGEST if block.step is None else 9.2e18 * block.step
        below = np.where(block.floats_of(bodies) <= -most, 0, below)
        at = np.where(block.floats_of(bodies) >= most, 1, at)
        if not n:
            return below, at
        p = np.exp(special.log_softmax(self._class_logits(block, outputs), axis=1))
        low, high = self._cdf_of_code(p, code)
        is_body = code == 0
        both = (code > 0) & (code != block.missing_code) & (block.step is not None)
        low = np.where(is_body | both, below * p[:, 0], low)
        return low, np.where(is_body, at * p[:, 0], high)

    def _of_number(self, block, outputs, code, bodies):
        entry, n = Column(block, bodies), block.n_class_outputs
        body = entry.log_marginal + log_ratio(outputs[:, n:], entry.z, entry.width)
        if not n:
            return body
        log_p = special.log_softmax(self._class_logits(block, outputs), axis=1)
        atom = np.take_along_axis(log_p, code[:, None], axis=1)[:, 0]
        if block.step is not None:
            is_spike = (code > 0) & (code != block.missing_code)
            atom = np.where(is_spike, np.logaddexp(atom, log_p[:, 0] + body), atom)
        return np.where(code == 0, atom + body, atom)

    def _class_logits(self, block, outputs):
        n = block.n_class_outputs
        logits = outputs[:, :n].copy()
        for s, spike in enumerate(block.spike_bodies):
            at = Column(block, np.array([spike])).z
            if abs(at[0]) < 2:
                logits[:, 1 + s] += log_ratio(outputs[:, n:], np.broadcast_to(at, len(outputs)))
        return logits
