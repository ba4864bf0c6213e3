"""A saved model as an MLflow `pyfunc`: for `mlflow models serve`, and as a function of Spark.

MLflow runs this file anew where the model is loaded ("models from code"): nothing is pickled.
"""

from __future__ import annotations

import os
from typing import Any

import mlflow.models  # pyright: ignore[reportMissingImports]
import mlflow.pyfunc  # pyright: ignore[reportMissingImports]
import pandas as pd
import polars as pl
from mlflow.models import ModelSignature  # pyright: ignore[reportMissingImports]
from mlflow.types.schema import (  # pyright: ignore[reportMissingImports]
    ParamSchema,
    ParamSpec,
)

from conv4rec._version import __version__
from conv4rec.errors import DataError
from conv4rec.recommender import Conv4Rec


def save_mlflow_model(
    folder: str | os.PathLike[str], path: str | os.PathLike[str], **options: Any
) -> None:
    """Save a model of conv4rec as a model of MLflow.

    Args:
        folder: of the saved model. It is copied.
        path: folder to make.
        **options: passed to `mlflow.pyfunc.save_model`. To log to a run instead, call
            `mlflow.pyfunc.log_model` with `python_model=mlflow_model.__file__` and
            `artifacts={"model": folder}`.
    """
    Conv4Rec.load(folder)  # told here rather than where it is deployed
    mlflow.pyfunc.save_model(
        path=path,
        python_model=__file__,
        artifacts={"model": os.fspath(folder)},
        signature=ModelSignature(params=PARAMS),
        pip_requirements=[f"conv4rec=={__version__}"],
        **options,
    )


PARAMS = ParamSchema(
    [
        ParamSpec("k", "long", 10),
        ParamSpec("by", "string", "consume"),
        ParamSpec("exclude_seen", "boolean", True),
        ParamSpec("limit_exposure", "boolean", True),
    ]
)
"""The arguments of `Conv4Rec.recommend` that MLflow passes on."""


class Conv4RecPyfunc(mlflow.pyfunc.PythonModel):
    """One row in, one row out: predictions for pairs, or a list for each user.

    - Rows with user_id and item_id get the columns of `Conv4Rec.predict`.
    - Rows with user_id alone get `items` and `scores`, the list of this user, best first. Params
      are those in `PARAMS`.
    """

    model: Conv4Rec

    def load_context(self, context: Any) -> None:
        """Load the model from the artifacts."""
        self.model = Conv4Rec.load(context.artifacts["model"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer every row of a table.

        Raises:
            DataError: The table has no user_id.
            UnknownUserError: (or UnknownItemError) An id is not in the training data.
        """
        del context
        if "user_id" not in model_input.columns:
            raise DataError(f"the table needs user_id; it has {', '.join(model_input.columns)}")
        if "item_id" in model_input.columns:
            pairs = pl.from_pandas(model_input[["user_id", "item_id"]])
            return self.model.predict(pairs).to_pandas()
        users = model_input["user_id"].tolist()
        lists = self.model.recommend(users, **(params or {}))
        found = lists.group_by("user_id").agg("item_id", "score").rows()
        by_user = {user: (items, scores) for user, items, scores in found}
        rows = [by_user.get(user, ([], [])) for user in users]
        return pd.DataFrame(rows, columns=["items", "scores"], index=model_input.index)


mlflow.models.set_model(Conv4RecPyfunc())
