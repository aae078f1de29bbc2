"""`feira token`: make and revoke the secrets that stand for callers."""

from datetime import timedelta
from typing import TYPE_CHECKING

import rich_click as click

from app.cli.group import feira
from app.cli.running import on_database, operator

if TYPE_CHECKING:
    from app.platform.db import Tx

STAFF_ROLES = ("owner", "manager", "cashier", "catalog", "service", "readonly")


@feira.group()
def token() -> None:
    """Tokens: the secrets that stand for staff, devices and API clients."""


@token.command()
@click.option("--kind", type=click.Choice(["staff", "device", "client"]), required=True)
@click.option("--role", type=click.Choice(STAFF_ROLES), help="Of staff; they have it everywhere when they are new.")
@click.option("--email", help="Of staff: those who have it, or new ones. Left out: ROLE@feira.invalid.")
@click.option("--register", help="The code of the register that the device stands at.")
@click.option("--channel", help="The code of the channel that the client sells in.")
@click.option("--name", help="Of who is new; of the device or client that is there (left out: the code).")
@click.option(
    "--trusted-documents-only/--any-documents",
    "trusted_only",
    default=None,
    help="Of the client, from now on: whether it may send no other documents than `feira documents` lists.",
)
@click.option("--expires-days", type=click.IntRange(1, 36_500), help="Left out: it does not expire.")
def create(
    *,
    kind: str,
    role: str | None,
    email: str | None,
    register: str | None,
    channel: str | None,
    name: str | None,
    trusted_only: bool | None,
    expires_days: int | None,
) -> None:
    """Make a token and print it, and nothing else; who it is to stand for is found, or made."""
    code = {"staff": role, "device": register, "client": channel}[kind]
    if code is None or sum(given is not None for given in (role, register, channel)) > 1:
        raise click.UsageError("--kind staff goes with --role, device with --register, client with --channel.")
    if trusted_only is not None and kind != "client":
        raise click.UsageError("--trusted-documents-only and --any-documents go with --kind client.")

    async def make(tx: "Tx") -> str:
        from app.identity import bearers, tokens

        actor = await operator(tx)
        if kind == "staff":
            bearer = await bearers.staff_bearer(tx, actor, role=code, email=email, name=name)
        elif kind == "device":
            bearer = await bearers.device_bearer(tx, actor, register_code=code, name=name)
        else:
            bearer = await bearers.client_bearer(
                tx, actor, channel_code=code, name=name, trusted_documents_only=trusted_only
            )
        expires_at = None if expires_days is None else actor.now + timedelta(days=expires_days)
        return (await tokens.create(tx, actor, bearer=bearer, label="feira token create", expires_at=expires_at)).secret

    click.echo(on_database(lambda database, _, __: database.run(make)))


@token.command()
@click.option("--demo", is_flag=True, required=True, help="All that came with the demo shop.")
def revoke(*, demo: bool) -> None:
    """Revoke tokens. Those of the demo shop keep FEIRA_ENV=production from starting."""

    async def end(tx: "Tx") -> int:
        from app.identity import tokens
        from app.platform.clock import now

        return await tokens.revoke_demo(tx, now()) if demo else 0

    click.echo(f"{on_database(lambda database, _, __: database.run(end))} tokens revoked")
