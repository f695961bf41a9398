"""python -m cds_service.documenting docs"""

from pathlib import Path

import click

from cds_service.documenting.pages import renew


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Write the parts that are made from the program into the pages of FOLDER anew."""
    renew(folder)


if __name__ == "__main__":
    main()
