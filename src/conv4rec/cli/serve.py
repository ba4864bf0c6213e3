"""The command `serve`: saved models as an HTTP service."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from conv4rec.cli import options
from conv4rec.cli.console import say
from conv4rec.errors import DataError, MissingExtraError, SavedModelError, SettingError

NEEDED = ("fastapi", "uvicorn", "prometheus_client")


def serve(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL...", help="Folders of saved models.")
    ] = None,
    precomputed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LISTS.parquet",
            help="Instead of models: lists that recommend --all --out wrote (repeatable).",
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen at; 0 for any that is free.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen at; any but this machine's own needs a key.")
    ] = "127.0.0.1",
    api_key_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="API keys, one a line: clients send one as X-API-Key."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; each answers one at a time.")] = 1,
    threads: Annotated[
        int, typer.Option(help="Threads of a worker: an answer gains little by more than one.")
    ] = 1,
    max_waiting: Annotated[
        int, typer.Option(help="Questions that may wait in a worker; more are answered 503.")
    ] = 32,
    watch: Annotated[
        float, typer.Option(metavar="SECONDS", help="How often to look for newer models; 0: never.")
    ] = 2.0,
    titles: options.Titles = None,
) -> None:
    """Serve saved models over HTTP, each by the name of its folder.

    Newer models saved in the same folders are taken into service without a pause. SIGHUP does
    that at once, SIGTERM stops. With --precomputed, lists made beforehand are served, each file
    by its name; that loads no model and no torch.

    \b
    Example:
      conv4rec serve my-model
      conv4rec serve my-model other-model --workers 4 --titles items.csv
      conv4rec serve my-model --host 0.0.0.0 --api-key-file keys.txt
      conv4rec recommend my-model --all -k 50 --out lists.parquet
      conv4rec serve --precomputed lists.parquet
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise MissingExtraError(
            f"serving needs {' and '.join(missing)}: pip install 'conv4rec[serve]'"
        )
    from conv4rec.cli.parsing import is_file_name
    from conv4rec.serve.settings import ServeSettings, named_folders, named_lists, read_keys
    from conv4rec.serve.supervisor import listen, supervise

    if bool(models) == bool(precomputed):
        raise SettingError("say what to serve: folders of models, or --precomputed LISTS.parquet")
    if precomputed and titles is not None:
        raise SettingError(
            "--titles is for models; lists have their own: conv4rec recommend ... --titles FILE"
        )
    if titles is not None and is_file_name(titles) and not Path(titles).is_file():
        raise DataError(f"there is no file {titles}")
    served = named_lists(precomputed) if precomputed else named_folders(models or [])
    settings = ServeSettings(
        served, titles, host, port, read_keys(api_key_file), workers,
        max_waiting, watch, threads, bool(precomputed),
    )  # fmt: skip
    listening = listen(settings)
    address = f"[{host}]" if ":" in host else host
    place = f"http://{address}:{listening.getsockname()[1]}"
    say(f"Serving {', '.join(settings.models)} at {place} (how to ask: {place}/docs)")
    if not supervise(settings, listening):
        what = "a table of lists" if precomputed else "a model"
        raise SavedModelError(f"{what} could not be loaded: the log above says which and why")
