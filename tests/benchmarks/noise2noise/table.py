"""Noise2Noise's systems beside the paper: every noise with noisy and with clean targets, at equal steps, in one table.

    python tests/benchmarks/noise2noise/pictures.py PICTURES
    python tests/benchmarks/noise2noise/table.py PICTURES --out FOLDER --steps 2000
    python tests/benchmarks/noise2noise/table.py PICTURES --out FOLDER --only impulse

One run after the other, as a user would start them: `prepare`, `train`, `evaluate`. What is finished is not done again, what
was interrupted goes on. FOLDER/table.md and FOLDER/table.json are written after every run. The network is the paper's U-Net.
"""

import datetime
import json
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click


@dataclass(frozen=True)
class Row:
    """One line of the table: a noise and a loss, trained twice.

    paper: decibels with clean and with noisy targets; rivals: what the paper says of others.
    """

    noise: str  # to train with
    test: str  # to judge with
    loss: str  # of the noisy targets
    paper: tuple[float | None, float | None]
    rivals: str = ""
    clean: bool = True  # whether clean targets are tried, too: once a noise

    @property
    def kind(self) -> str:
        return self.noise.partition(":")[0]

    def name(self, clean: bool = False) -> str:
        """Of a run, and in table.json. Not all of a kind are trained in the same range."""
        return f"{self.noise.replace(':', '-')}-{'clean' if clean else self.loss}"


ROWS = (
    Row("gaussian:0-50", "gaussian:25", "l2", (31.63, 31.61), "BM3D on Kodak 31.82"),
    Row("poisson:0-50", "poisson:30", "l2", (30.59, 30.57), "Anscombe 28.36"),
    Row("poisson:10-50", "poisson:30", "l2", (30.59, 30.57)),
    Row("bernoulli:0-0.95", "bernoulli:0.5", "masked_l2", (31.85, 32.02), "Deep Image Prior 30.14"),
    Row("brown:25", "brown:25", "l2", (None, None), "noisy targets end within 0.1 dB of clean ones"),
    Row("text:0-0.5", "text:0.25", "l1", (35.82, 35.75), "input 17.12"),
    Row("text:0-0.5", "text:0.25", "l2", (None, 26.89), clean=False),
    Row("impulse:0-0.95", "impulse:0.7", "annealed_l0", (28.86, 28.43), "input 8.89"),
    Row("impulse:0.7", "impulse:0.7", "annealed_l0", (None, 28.43), clean=False),
    Row("impulse:0.7", "impulse:0.7", "l1", (None, 16.36), clean=False),
    Row("impulse:0.7", "impulse:0.7", "l2", (None, 13.02), clean=False),
    Row("mri:0.1", "mri:0.1", "data_consistency", (31.77, 31.74), "input 20.03"),
)
PLANES = "axial,coronal,sagittal"  # of the heads to train on; the other is judged in axial slices
SLICES, TEST_SLICES = "40-139", "70-109"


@dataclass(frozen=True)
class Plan:
    """Where everything lies, and what all runs share."""

    pictures: Path
    out: Path
    steps: int
    mri_steps: int
    mri_size: int
    mri_batch: int
    widths: str
    precision: str
    batch: int
    crop: int

    def training_data(self, kind: str) -> Path:
        return self.out / "data" / ("heads" if kind == "mri" else "photographs")

    def test_data(self, kind: str) -> Path:
        return self.out / "data" / ("test-heads" if kind == "mri" else "test-photographs")

    def prepare(self) -> list[list[str]]:
        """Commands, for `prepare`."""
        volumes, size = self.pictures / "volumes", ["--size", str(self.mri_size)]
        train, test = self.training_data("photographs"), self.test_data("photographs")
        heads, test_heads = self.training_data("mri"), self.test_data("mri")
        return [
            ["prepare", str(self.pictures / "train"), "-o", str(train)],
            ["prepare", str(self.pictures / "test"), "-o", str(test)],
            ["prepare", str(volumes / "train"), "-o", str(heads), "--planes", PLANES, "--slices", SLICES, *size],
            ["prepare", str(volumes / "test"), "-o", str(test_heads), "--slices", TEST_SLICES, *size],
        ]

    def run(self, row: Row, clean: bool) -> Path:
        return self.out / "runs" / row.name(clean)

    def train(self, row: Row, clean: bool) -> list[str]:
        """The command; of a run that was interrupted, the one that goes on."""
        run, mri = self.run(row, clean), row.kind == "mri"
        if (run / "last.pt").exists():
            return ["train", "--resume", str(run)]
        loss = "l2" if clean and not mri else row.loss
        return [
            *("train", "--noise", row.noise, "--loss", loss, "--data", str(self.training_data(row.kind)), "--out", str(run)),
            *(
                "--steps",
                str(self.mri_steps if mri else self.steps),
                "--batch",
                str(self.mri_batch if mri else self.batch),
                "--widths",
                self.widths,
            ),
            *("--precision", self.precision, "--threads", "1", "--crop", str(self.mri_size if mri else self.crop)),
            *(("--target", "clean") if clean else ()),
        ]

    def evaluate(self, row: Row, clean: bool) -> list[str]:
        """last.pt: at equal steps, whatever was best on the way."""
        run = self.run(row, clean)
        scores, pictures = str(run / "scores.json"), str(run / "pictures")
        data = str(self.test_data(row.kind))
        return [
            *("evaluate", "--noise", row.test, "--data", data, "--model", str(run / "last.pt")),
            *("--json", scores, "--out", pictures, *(["--no-classical"] if clean or not row.clean else [])),
        ]


def call(command: list[str]) -> None:
    print("n2n-render", *command, flush=True)
    subprocess.run([sys.executable, "-m", "n2n_render", *command], check=True)


def result(run: Path) -> dict[str, float] | None:
    """What a finished run is worth: decibels by method, its steps and minutes. None: it is not finished."""
    if not (run / "scores.json").exists():
        return None
    means = json.loads((run / "scores.json").read_text())["mean"]
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    decibels = {name: values["psnr_db"] for name, values in means.items()}
    return {**decibels, "steps": last["step"], "minutes": last["seconds"] / 60}


def write(plan: Plan, rows: list[Row]) -> None:
    """FOLDER/table.md and table.json: whatever is known by now."""
    found = {
        row.name(): {
            **asdict(row),
            "noisy": result(plan.run(row, False)),
            "clean": result(plan.run(row, True)) if row.clean else None,
        }
        for row in rows
    }
    machine = {"cpu": cpu_name(), "date": datetime.date.today().isoformat(), "widths": plan.widths, "batch": plan.batch}
    (plan.out / "table.json").write_text(json.dumps({**machine, "rows": found}, indent=1))
    lines = [
        "| noise | test | loss | input | ours: noisy targets | ours: clean targets | without learning | minutes, steps "
        "| paper: noisy | paper: clean | paper: others |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [line(row, found[row.name()]) for row in rows]
    (plan.out / "table.md").write_text("\n".join(lines) + "\n")


def line(row: Row, found: dict) -> str:
    noisy, clean, given = found["noisy"] or {}, found["clean"] or {}, "zero-filled" if row.kind == "mri" else "noisy"
    others = [f"{name} {noisy[name]:.2f}" for name in noisy if name not in (given, "ours", "steps", "minutes")]
    spent = f"{noisy['minutes']:.1f}, {noisy['steps']}" if noisy else ""
    cells = [
        *(row.noise, row.test.partition(":")[2], row.loss, decibels(noisy.get(given)), decibels(noisy.get("ours"))),
        *(decibels(clean.get("ours")), ", ".join(others), spent, decibels(row.paper[1]), decibels(row.paper[0]), row.rivals),
    ]
    return f"| {' | '.join(cells)} |"


def decibels(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor()


@click.command()
@click.argument("pictures", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--steps", default=2000, help="Of every run but MRI's.")
@click.option("--mri-steps", default=600)
@click.option("--mri-size", default=192, help="Pixels: slices are cut to it. Paper: 255.")
@click.option("--mri-batch", default=2, help="Slices a step. Paper: 16.")
@click.option("--widths", default="48,96", help="Of the network.")
@click.option("--precision", default="bfloat16", help="The same for all runs; float32 on CPUs without it.")
@click.option("--batch", default=4)
@click.option("--crop", default=64)
@click.option("--only", multiple=True, type=click.Choice(sorted({row.kind for row in ROWS})), help="These noises alone.")
@click.option("--noisy-only", is_flag=True, help="No clean targets.")
@click.option("--plan", "plan_only", is_flag=True, help="Print the commands, and run nothing.")
def main(pictures, out, steps, mri_steps, mri_size, mri_batch, widths, precision, batch, crop, only, noisy_only, plan_only):
    plan = Plan(pictures, out, steps, mri_steps, mri_size, mri_batch, widths, precision, batch, crop)
    rows = [row for row in ROWS if not only or row.kind in only]
    runs = [(row, clean) for row in rows for clean in (False, True) if not clean or (row.clean and not noisy_only)]
    if plan_only:
        for command in [*plan.prepare(), *(of(*run) for run in runs for of in (plan.train, plan.evaluate))]:
            print("n2n-render", *command)
        return
    for command in plan.prepare():
        if not Path(command[command.index("-o") + 1]).exists():
            call(command)
    for row, clean in runs:
        if result(plan.run(row, clean)) is None:
            call(plan.train(row, clean))
            call(plan.evaluate(row, clean))
        write(plan, list(ROWS))


if __name__ == "__main__":
    main()
