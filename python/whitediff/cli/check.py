"""The command ``whitediff check``."""
import click
@click.command()
def check(): pass
