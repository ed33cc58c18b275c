"""``gpt2tui doctor``: the machine, and what is wrong with it for training."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gpt2tui.cli.run_argument import AsJson

_LEAST_FREE = 3_000_000_000
"""Three checkpoints of the smallest GPT-2 need more than this; below, a run is likely to meet a full disk."""

_LEAST_MEMORY = 4_000_000_000


def doctor(
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Look at machine, device, libraries, paths and terminal, and say what is wrong with them."""
    facts = _facts(device)
    if as_json:
        from gpt2tui.cli.output import print_json

        print_json(facts)
        return
    _print(facts)


def _facts(device_name: str) -> dict[str, Any]:
    import platform

    from gpt2tui.cli import machine
    from gpt2tui.errors import UsageError
    from gpt2tui.model.device import DEVICES, choose_device, choose_dtype
    from gpt2tui.runs.paths import Paths

    lacking = []
    try:
        device = choose_device(device_name)
    except UsageError as error:
        if device_name not in DEVICES:
            raise
        device = choose_device()
        lacking.append(str(error))
    dtype, reason = choose_dtype("auto", device)
    paths = Paths.from_environment()
    facts: dict[str, Any] = {
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": machine.processor(),
        "memory": machine.memory(),
        "device": device,
        "dtype": dtype,
        "dtype_reason": reason,
        "matrix_rate": machine.matrix_rates(device),
        "versions": machine.versions(),
        "paths": {name: machine.place(getattr(paths, name)) for name in ("data", "config", "cache")},
        "terminal": machine.terminal(),
    }
    facts["problems"] = lacking + problems(facts)
    return facts


def problems(facts: dict[str, Any]) -> list[str]:
    """What is wrong, and the way out, a line each."""
    from gpt2tui.cli.machine import missing_packages
    from gpt2tui.runs.paths import HOME_VARIABLE
    from gpt2tui.text import byte_size

    found = []
    rates, processor = facts["matrix_rate"], facts["processor"]
    if facts["dtype"] == "bfloat16" and rates["bfloat16"] < rates["float32"]:
        found.append("bfloat16 is chosen but slower than float32 here; train with --dtype float32")
    if facts["device"] == "cpu" and processor["threads"] > processor["cores"]:
        found.append(
            f"{processor['threads']} threads on {processor['cores']} usable cores slow each other down; "
            f"set OMP_NUM_THREADS={processor['cores']}"
        )
    if (free := facts["memory"]["available"]) < _LEAST_MEMORY:
        found.append(f"{byte_size(free)} of memory are free; the 124M wants about {byte_size(_LEAST_MEMORY)}")
    missing = missing_packages(facts["versions"])
    found += [f"{name} is not installed: pip install --force-reinstall gpt2tui" for name in missing]
    for name, place in facts["paths"].items():
        if place["problem"]:
            found.append(
                f"the {name} folder {place['path']} cannot be written ({place['problem']}); set {HOME_VARIABLE}"
            )
        elif name == "data" and place["free"] < _LEAST_FREE:
            found.append(
                f"{byte_size(place['free'])} are free in {place['path']}; a run of the 124M wants 3 GB or more"
            )
    if not facts["terminal"]["unicode"]:
        found.append("the terminal's encoding is not UTF-8, so pictures are drawn in ASCII; set LC_ALL=C.UTF-8")
    return found


def _print(facts: dict[str, Any]) -> None:
    from gpt2tui.cli.output import print_table, put
    from gpt2tui.text import byte_size, one_line

    processor, screen, rates = facts["processor"], facts["terminal"], facts["matrix_rate"]
    units = [name for name, key in (("AMX", "amx"), ("AVX512-BF16", "avx512_bf16")) if processor[key]]
    rows = [
        ("machine", facts["machine"]),
        ("processor", f"{processor['model']}, {processor['cores']} cores usable"),
        ("matrix units", f"{processor['capability']}" + "".join(f", {unit}" for unit in units)),
        ("threads", str(processor["threads"])),
        ("memory", f"{byte_size(facts['memory']['total'])}, {byte_size(facts['memory']['available'])} free"),
        ("device", facts["device"]),
        ("dtype", f"{facts['dtype']}: {facts['dtype_reason']}"),
        ("matrix rate", ", ".join(f"{name} {rate / 1e12:.2f} TFLOP/s" for name, rate in rates.items())),
        ("versions", ", ".join(f"{name} {version or '(none)'}" for name, version in facts["versions"].items())),
    ]
    for name, place in facts["paths"].items():
        state = place["problem"] or ("writable" if place["exists"] else "not there yet, can be made")
        rows.append((name, f"{one_line(place['path'])}: {state}, {byte_size(place['free'])} free"))
    size = f"{screen['width']} x {screen['height']}, " if screen["is_terminal"] else "not a terminal, "
    colour = "no colour" if screen["no_color"] or not screen["colour"] else f"colour {screen['colour']}"
    rows.append(("terminal", f"{size}{colour}, {'UTF-8' if screen['unicode'] else 'no UTF-8'}"))
    print_table(("what", "found"), rows)
    put()
    for problem in facts["problems"]:
        put(f"wrong: {problem}")
    if not facts["problems"]:
        put("nothing is wrong")
