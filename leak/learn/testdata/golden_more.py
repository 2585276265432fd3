"""Makes golden_more.json: data, and what scikit-learn says about it.

Not run by the tests. To make it again: pip install scikit-learn, then
    python3 golden_more.py > golden_more.json
"""
import json
import numpy as np
import sklearn
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

rng = np.random.default_rng(21)


def regression(n):
    """A length that some columns tell, with noise."""
    x = np.round(rng.normal(size=(2 * n, 6)) * 100).astype(int)
    y = np.round(40 + 0.05 * x[:, 0] + 6 * (x[:, 1] > 30) + 0.0002 * x[:, 2] ** 2 + rng.normal(size=2 * n) * 3).astype(int)
    m = ExtraTreesRegressor(1000, min_samples_leaf=5, random_state=1).fit(x[:n], y[:n])
    said = m.predict(x[n:])
    mean = np.full(n, y[:n].mean())
    return {"x": x.tolist(), "y": y.tolist(), "train": n, "r2": 1 - ((y[n:] - said) ** 2).sum() / ((y[n:] - mean) ** 2).sum(), "r2_score": r2_score(y[n:], said)}


def calibration(n, classes):
    """Scores of a learner that is too sure."""
    y = rng.integers(0, classes, n)
    raw = rng.normal(size=(n, classes)) * 2
    raw[np.arange(n), y] += 1
    p = np.exp(3 * raw - (3 * raw).max(1, keepdims=True))
    p = np.round(p / p.sum(1, keepdims=True), 4)
    p = np.maximum(p, 0.001)
    p = p / p.sum(1, keepdims=True)
    out = {"y": y.tolist(), "scores": p.tolist(), "before": log_loss(y, p, labels=range(classes)) / np.log(2)}
    if classes == 2:
        logit = (np.log(p[:, 1]) - np.log(p[:, 0])).reshape(-1, 1)
        fold, loss = np.arange(n) % 2, 0.0
        for f in (0, 1):
            m = LogisticRegression(C=1e6, max_iter=1000).fit(logit[fold != f], y[fold != f])
            loss += log_loss(y[fold == f], m.predict_proba(logit[fold == f]), labels=[0, 1]) * (fold == f).sum() / n
        out["after"] = loss / np.log(2)
    return out


def runs(n, classes):
    """Sequences in which some classes say their words."""
    words = [[4, 5], [6, 11, 2], [8, 1, 4, 2], [3, 3, 9]]
    y = rng.integers(0, classes, 2 * n)
    docs = []
    for c in y:
        d = []
        while len(d) < 40:
            if rng.random() < 0.05:
                d += words[c if rng.random() < 0.5 else rng.integers(0, 4)]
            else:
                d.append(int(rng.geometric(0.25)))
        docs.append(d)
    text = [" ".join(["first"] + list(map(str, d)) + ["last"]) for d in docs]
    m = make_pipeline(TfidfVectorizer(ngram_range=(1, 4), sublinear_tf=True, min_df=2, token_pattern=r"\S+"), LinearSVC(C=1, tol=1e-5, max_iter=20000)).fit(text[:n], y[:n])
    f = m.decision_function(text[n:])
    auc = roc_auc_score(y[n:], f) if classes == 2 else float(np.mean([roc_auc_score(y[n:] == k, f[:, k]) for k in range(classes)]))
    out = {"docs": docs, "y": y.tolist(), "train": n, "classes": classes, "auc": auc}
    if classes == 2:
        out["margins"] = [round(float(v), 5) for v in f[:20]]
    return out


def rule(n):
    x = np.round(rng.normal(size=(2 * n, 5)) * 100).astype(int)
    y = ((x[:, 3] + rng.normal(size=2 * n) * 60) > 40).astype(int)
    m = DecisionTreeClassifier(criterion="entropy", max_depth=1).fit(x[:n], y[:n])
    return {"x": x.tolist(), "y": y.tolist(), "train": n, "column": int(m.tree_.feature[0]), "limit": float(m.tree_.threshold[0])}


print(json.dumps({
    "made_with": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
    "regression": regression(400),
    "calibration": [calibration(600, 2), calibration(600, 4)],
    "rule": rule(150),
    "runs": [runs(200, 2), runs(250, 3)],
}, separators=(",", ":")))
