"""The command that all others belong to."""

import rich_click as click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="feira")
def feira() -> None:
    """A headless commerce backend: one catalog, one price, one stock, one cart, for site, app and till."""
