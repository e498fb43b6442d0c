"""Estimators for scikit-learn on one fitted joint density: rows scored, drawn, completed, predicted."""

from made.sklearn.classifier import MADEClassifier
from made.sklearn.density import MADEDensity
from made.sklearn.imputer import MADEImputer
from made.sklearn.outlier_detector import MADEOutlierDetector
from made.sklearn.regressor import MADERegressor

__all__ = ["MADEClassifier", "MADEDensity", "MADEImputer", "MADEOutlierDetector", "MADERegressor"]
