"""`feira documents`: what the shop trusts, by the ids that clients send."""

import json
import sys
from pathlib import Path
from typing import Any

import rich_click as click

from app.cli.group import feira
from app.platform.config import Settings


@feira.command()
@click.argument("places", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--manifest", is_flag=True, help="Print a manifest as Apollo's tools make it, with the texts.")
def documents(*, places: tuple[Path, ...], manifest: bool) -> None:
    """List the trusted documents: our clients', and those of the folders and manifests PLACES (or FEIRA_DOCUMENTS).

    Each is checked against the schema: exit code 1 with what is wrong when one would be left out.
    """
    from app.api.documents import APOLLO, trusted_documents
    from app.api.engine.documents import Documents
    from app.api.engine.limits import Limits
    from app.api.schema import schema
    from app.platform.logs import configure

    settings = Settings.from_environment()
    configure(settings.log_format)
    known = Documents(schema._schema, Limits(), production=settings.production)
    rows: list[dict[str, Any]] = []
    wrong = False
    for id_, document in trusted_documents(places or settings.documents).ids():
        found = known.get(document.text)
        if found.errors is not None:
            wrong = True
            click.echo(f"{document.name}: {found.errors[0]['message']}", err=True)
        elif not manifest:
            click.echo(f"{f'sha256:{id_}' if len(id_) == 64 else id_}  {document.name}")
        elif id_ == document.sha256:
            name, operation = next(iter(found.operations.items()))
            rows.append({"id": id_, "name": name, "type": operation.kind.value, "body": document.text})
    if manifest:
        listed = {"format": APOLLO, "version": 1, "operations": rows}
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
    if wrong:
        sys.exit(1)
