"""``gpt2tui sample``: text from a trained model, streamed to stdout."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from gpt2tui.cli.output import print_json
from gpt2tui.cli.run_argument import AsJson
from gpt2tui.cli.text_output import TextOutput
from gpt2tui.cli.voice import Voice, load_voice, narrate
from gpt2tui.errors import UsageError
from gpt2tui.runs.sampling import SamplingSettings, typed_stop

if TYPE_CHECKING:
    from gpt2tui.generation.text import Piece


def sample(
    prompt: Annotated[str | None, typer.Argument(help="Text to continue; - reads stdin.", show_default=False)] = None,
    run: Annotated[str, typer.Option("--run", help="Id, name, prefix, latest, best or path.")] = "latest",
    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", help="best, last or a step; by default best, or last where it has learnt more."),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", "-n", help="Tokens to draw at most.")] = 120,
    temperature: Annotated[float, typer.Option("--temperature", "-t", help="0 takes the likeliest token.")] = 1.0,
    top_k: Annotated[int, typer.Option("--top-k", "-k", help="Draw from the k likeliest; 0 is off.")] = 50,
    top_p: Annotated[float, typer.Option("--top-p", help="Draw from the likeliest that make up p; 1 is off.")] = 1.0,
    min_p: Annotated[float, typer.Option("--min-p", help="Least share of the likeliest's chance; 0 is off.")] = 0.0,
    repetition_penalty: Annotated[
        float, typer.Option("--repetition-penalty", help="Above 1 repeats less; 1 is off.")
    ] = 1.0,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", help="End before this text, \\n a line break; repeatable.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The same seed gives the same text.")] = None,
    num_samples: Annotated[int, typer.Option("--num-samples", help="Samples, each printed when whole.")] = 1,
    echo: Annotated[bool, typer.Option("--echo/--no-echo", help="Print the prompt before its continuation.")] = True,
    device: Annotated[str, typer.Option("--device", help="auto, cuda, mps or cpu.")] = "auto",
    dtype: Annotated[str, typer.Option("--dtype", help="auto, float32, bfloat16, float16 or int8.")] = "auto",
    draft: Annotated[
        bool, typer.Option("--draft/--no-draft", help="Guess tokens from the run's text, which is faster.")
    ] = True,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Print a sample when it is whole.")] = False,
    as_json: AsJson = False,
) -> None:
    """Continue PROMPT with a trained model. Without one, on a terminal: a prompt loop."""
    started = time.perf_counter()
    settings = SamplingSettings(
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=tuple(typed_stop(text) for text in stop or ()),
        seed=seed,
    )
    problems = settings.problems()
    if num_samples < 1:
        problems.append(f"num-samples must be at least 1, not {num_samples}")
    if problems:
        raise UsageError("; ".join(problems))
    is_live = num_samples == 1 and not no_stream
    output = TextOutput(sys.stdout)
    text = _prompt_text(prompt, can_ask=output.is_terminal and not as_json)
    voice = load_voice(
        run,
        checkpoint,
        device=device,
        dtype=dtype,
        settings=settings,
        samples=num_samples,
        draft=draft,
        is_introduced=not as_json,
    )
    try:
        if text is None:
            _prompt_loop(voice, output, echo=echo, is_live=is_live)
        elif as_json:
            print_json(voice.answer(text, lambda piece: None, started=started))
        else:
            voice.answer(text, _Printer(output, text if echo else "", is_live=is_live).take, started=started)
    finally:  # also when Ctrl-C stops the stream
        output.end_line()


class _Printer:
    """Prints samples behind their prompt: one piece by piece, or each when it is whole, an empty line between.

    The prompt is printed with the first piece, so that what is narrated until then has lines of its own.
    """

    def __init__(self, output: TextOutput, echo: str, *, is_live: bool) -> None:
        self._output = output
        self._echo = echo
        self._is_live = is_live
        self._texts: dict[int, str] = {}
        self._separator = ""

    def take(self, piece: Piece) -> None:
        """Take the next piece of a sample."""
        text = self._texts.pop(piece.sample, self._echo) + piece.text
        if self._is_live or piece.finish:
            self._output.write(self._separator + text)
            text = ""
        self._texts[piece.sample] = text
        if piece.finish:
            self._output.end_line()
            self._separator = "\n"


def _prompt_text(prompt: str | None, *, can_ask: bool) -> str | None:
    """The prompt, from stdin for ``-``; None when a person is to be asked for it.

    Raises:
        UsageError: there is none and nobody to ask, or stdin is not UTF-8.
    """
    if prompt is None:
        if can_ask and sys.stdin.isatty():
            return None
        raise UsageError("no prompt: give one after sample, or - to read it from stdin")
    if prompt == "-":
        try:
            return sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(f"the prompt on stdin is not UTF-8: byte {error.start + 1} cannot be decoded") from None
    return _whole_characters(prompt)


def _whole_characters(text: str) -> str:
    """The text with bytes that the terminal or shell could not decode replaced by U+FFFD."""
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def _prompt_loop(voice: Voice, output: TextOutput, *, echo: bool, is_live: bool) -> None:
    """Ask and answer until Ctrl-D. Ctrl-C drops the line, or stops the stream."""
    with suppress(ImportError):
        import readline  # noqa: F401  lets input() edit and recall
    narrate("ctrl+d leaves, ctrl+c stops a text")
    while True:
        try:
            text = _whole_characters(input("Prompt> "))
            voice.answer(
                text,
                _Printer(output, text if echo else "", is_live=is_live).take,
                started=time.perf_counter(),
            )
        except EOFError:
            output.write("\n")
            return
        except KeyboardInterrupt:
            output.write("\n")
