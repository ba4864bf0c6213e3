"""The log of the service: one JSON object a line on standard error."""

from __future__ import annotations

import json
import logging
import time
import traceback
from typing import Any


class JsonLines(logging.Formatter):
    """A line with time, level, message, and the facts that were logged with it.

    Of an exception it has the type and the places in the code, but not its message, which may
    hold ids or a history.
    """

    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["where"] = traceback.format_tb(record.exc_info[2])
        return json.dumps(line)


LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": JsonLines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "loggers": {
        "conv4rec": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}
"""For `logging.config.dictConfig`, in the supervisor and in every worker."""
