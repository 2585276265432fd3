"""Makes golden.json: data, and what scikit-learn and SciPy say about it.

Not run by the tests. To make it again: pip install scikit-learn, then
    python3 golden.py > golden.json
"""
import json
import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(20)


def data(n, classes):
    """Traces as numbers: sums, interactions and noise, in hundredths."""
    y = rng.integers(0, classes, n)
    x = rng.normal(size=(n, 8))
    x[:, 0] += 0.5 * y
    x[:, 1] *= 1 + 0.4 * y
    x[:, 2] += np.where((y == 1) == (x[:, 3] > 0), 0.8, -0.8)
    x[:, 4] = np.exp(x[:, 4] + 0.3 * (y == classes - 1))
    return np.round(x * 100).astype(int), y


def rates(y, s, at):
    fpr, tpr, _ = roc_curve(y, s, drop_intermediate=False)
    last = np.searchsorted(fpr, at, side="right") - 1
    if last + 1 == len(fpr):
        return float(tpr[last])
    return float(tpr[last] + (at - fpr[last]) * (tpr[last + 1] - tpr[last]) / (fpr[last + 1] - fpr[last]))


def case(n, test, classes):
    x, y = data(n + test, classes)
    xt, yt, xs, ys = x[:n], y[:n], x[n:], y[n:]
    scale = StandardScaler().fit(xt)
    said = {
        "boost": HistGradientBoostingClassifier(max_iter=100, max_bins=64, early_stopping=False).fit(xt, yt).predict_proba(xs),
        "forest": ExtraTreesClassifier(1000, random_state=1).fit(xt, yt).predict_proba(xs),
        "neighbours": KNeighborsClassifier(15, weights="distance").fit(scale.transform(xt), yt).predict_proba(scale.transform(xs)),
    }
    out = {"classes": classes, "train": [xt.tolist(), yt.tolist()], "test": [xs.tolist(), ys.tolist()], "said": {}}
    for name, p in said.items():
        o = {}
        if classes == 2:
            s = np.round(p[:, 1], 2)  # coarse, so that there are ties
            o["scores"] = [round(float(v), 2) for v in s]
            o["auc"] = roc_auc_score(ys, p[:, 1])
            o["score_auc"] = roc_auc_score(ys, s)
            o["score_precision"] = average_precision_score(ys, s)
            o["score_tpr"] = [rates(ys, s, f) for f in (0.01, 0.1)]
        else:
            o["auc"] = roc_auc_score(ys, p, multi_class="ovr", average="macro")
        out["said"][name] = o
    return out


def interval(k, n, level):
    ci = stats.binomtest(k, n).proportion_ci(level, "exact")
    return {"k": k, "n": n, "level": level, "low": ci.low, "high": ci.high}


def samples(n, m, shift):
    a, b = np.round(rng.normal(size=n), 6), np.round(rng.normal(size=m) + shift, 6)
    r = stats.ks_2samp(a, b, method="exact")
    return {"a": a.tolist(), "b": b.tolist(), "distance": r.statistic, "p": r.pvalue}


def intervals():
    return [interval(*k) for k in ((0, 10, .95), (3, 10, .95), (10, 10, .95), (16, 1600, .9), (1, 400, .99), (0, 580908, .95), (812, 1600, .95))]


print(json.dumps({
    "made_with": {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
    "binary": case(500, 1200, 2),
    "several": case(600, 1200, 3),
    "binomial": intervals(),
    "smirnov": [samples(8, 8, 0), samples(12, 30, .7), samples(40, 25, .3), samples(100, 101, .2)],
}, separators=(",", ":")))
