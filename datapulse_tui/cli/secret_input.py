"""Passwords and codes that a command asks for: typed without an echo, or read from stdin. Never from the command line,
where others can see them."""

from __future__ import annotations

import sys

import typer

from datapulse_tui.errors import Invalid

LONGEST_LINE = 4_096


def from_stdin(*what: str) -> list[str]:
    """A line of stdin for each of `what`, which names it in the error when it is missing. Raises Invalid."""
    lines = []
    for each in what:
        line = sys.stdin.readline(LONGEST_LINE).rstrip("\r\n")
        if not line:
            raise Invalid(f"There was no {each} on stdin. Nothing was changed.")
        lines.append(line)
    return lines


def asked(prompt: str, option: str, *, twice: bool = False) -> str:
    """What is typed at the terminal without an echo. Raises Invalid, naming the `option` that reads stdin, where there
    is no terminal."""
    if not sys.stdin.isatty():
        raise Invalid(
            f"There is no terminal to ask for the {prompt.lower()}. Nothing was changed.",
            hint=f"Give it with {option}.",
        )
    typed: str = typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
    return typed
