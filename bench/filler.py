"""Random material for generated rollouts: texts, ids, times and sizes.

Belongs here: everything that is drawn from a random source and knows nothing of rollout lines,
ready to be pasted into JSON (texts are already escaped). Does not belong here: the shape of any
line (`modern.py`, `old.py`), or which thread gets how much of what (`generate.py`).

All texts are cut from a few megabytes that are made once, so a 100 KB tool output costs one
slice.
"""

from __future__ import annotations

import base64
import random
import time
from bisect import bisect_left
from itertools import accumulate

DAY_MS = 86_400_000

_CLOCK = [b"%02d:%02d:%02d" % (s // 3600, s // 60 % 60, s % 60) for s in range(86_400)]
_MILLIS = [b".%03dZ" % ms for ms in range(1000)]
_DAYS: dict[int, bytes] = {}

# (as JSON text, as JSON text inside a JSON string)
COMMANDS = [
    (command, command.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))
    for command in (
        b"ls -la",
        b"git status --short",
        b"git diff --stat HEAD~1",
        b"sed -n 1,200p src/loader.py",
        b"sed -n 200,420p src/pipeline/stages.rs",
        b"rg -n \\\"fn parse_line\\\" crates/ -g '*.rs'",
        b'rg --files -g \\"!target\\" | head -100',
        b"pytest -q tests/test_loader.py -x",
        b"cargo test -p rollout --quiet",
        b"npm run build -- --mode production",
        b"cat package.json",
        b"python -m compileall src && python -m pytest",
        b"find . -name '*.sql' -newer Makefile | sort",
        b"make lint",
        b'grep -rn \\"TODO\\" src | wc -l',
        b"docker compose logs --tail 200 api",
    )
]

_WORDS = """
    the a of and to in that it is for was on are as with they be at one have this from or had by but
    some what there we can out other were all your when up use word how said an each which do their
    time if will way about many then them would write like so these her long make thing see him two
    has look more day could go come did loader batch column parquet query cache index token session
    parser offset buffer thread worker commit branch window schema record response stream handler
    request timeout retry backoff fixture assertion migration config module import function argument
    return value error exception trace pipeline stage metric counter histogram café naïve façade
    über größe señor 東京 データ → ✓ … € µs
""".split()  # noqa: SIM905
_DIRS = ("src", "tests", "crates/core", "app/models", "lib", "scripts", "docs", "pkg/api")
_EXTENSIONS = ("py", "rs", "ts", "sql", "md", "toml", "go")


def stamp(ms: int) -> bytes:
    """A time as the CLI writes it: UTC, milliseconds, Z."""
    day, rest = divmod(ms, DAY_MS)
    second, millis = divmod(rest, 1000)
    head = _DAYS.get(day)
    if head is None:
        head = _DAYS[day] = time.strftime("%Y-%m-%dT", time.gmtime(day * 86_400)).encode()
    return head + _CLOCK[second] + _MILLIS[millis]


class Texts:
    """Escaped texts of about a wanted size, cut at line ends out of a buffer made once."""

    def __init__(self, lines: list[bytes], rng: random.Random, size: int) -> None:
        picked: list[bytes] = []
        total = 0
        while total < size:
            line = lines[int(rng.random() * len(lines))]
            picked.append(line)
            total += len(line)
        self._buffer = b"".join(picked)
        self._cuts = [0, *accumulate(map(len, picked))]
        self._mean = total / len(picked)

    def cut(self, rng: random.Random, size: int) -> bytes:
        cuts = self._cuts
        count = max(1, round(size / self._mean))
        first = int(rng.random() * (len(cuts) - count - 1))
        if count < 20:
            return self._buffer[cuts[first] : cuts[first + count]]
        last = bisect_left(cuts, cuts[first] + size, first + 1)
        return self._buffer[cuts[first] : cuts[min(last, len(cuts) - 1)]]


class Filler:
    """Texts, ids and sizes; one per corpus."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"filler-{seed}")
        self.prose = Texts([_prose_line(rng) for _ in range(3000)], rng, 2_000_000)
        self.output = Texts([_output_line(rng) for _ in range(6000)], rng, 6_000_000)
        self.titles = [b"**%b**" % _words(rng, 2, 5).title().encode() for _ in range(300)]
        self.prompts = [_words(rng, 4, 30).encode() for _ in range(3000)]
        self._manuals: dict[tuple[str, int], bytes] = {}
        self._cipher = base64.urlsafe_b64encode(rng.randbytes(1_500_000))

    def manual(self, name: str, size: int) -> bytes:
        """A long text that is the same wherever it is named: say, the instructions of a model."""
        text = self._manuals.get((name, size))
        if text is None:
            text = self._manuals[name, size] = self.prose.cut(random.Random(name), size)
        return text

    def cipher(self, rng: random.Random, size: int) -> bytes:
        """An encrypted_content; any slice of base64 will do."""
        start = int(rng.random() * (len(self._cipher) - size))
        return b"gAAAAAB" + self._cipher[start : start + size]

    def title(self, rng: random.Random) -> bytes:
        return self.titles[int(rng.random() * 300)]

    def prompt(self, rng: random.Random) -> bytes:
        """What a user types. Numbered: two equal prompts would make two threads look alike."""
        return b"%b (#%d)" % (self.prompts[int(rng.random() * 3000)], rng.getrandbits(40))


def uuid7(ms: int, rng: random.Random) -> bytes:
    bits = rng.getrandbits(74)
    return b"%08x-%04x-7%03x-%04x-%012x" % (
        ms >> 16,
        ms & 0xFFFF,
        bits >> 62,
        0x8000 | bits >> 48 & 0x3FFF,
        bits & 0xFFFFFFFFFFFF,
    )


def hex32(rng: random.Random) -> bytes:
    return b"%032x" % rng.getrandbits(128)


def hex24(rng: random.Random) -> bytes:
    return b"%024x" % rng.getrandbits(96)


def output_size(rng: random.Random, limit: int) -> int:
    """Bytes of one tool output: half of them short, a file or a log the usual long one.

    The CLI cuts an output at some 40 KB (10,000 tokens); a few kinds go beyond that.
    """
    draw = rng.random()
    if draw < 0.42:
        low, high = 40, 800
    elif draw < 0.70:
        low, high = 800, 4_000
    elif draw < 0.91:
        low, high = 4_000, 16_000
    elif draw < 0.995:
        low, high = 16_000, 40_000
    else:
        low, high = 40_000, 200_000
    return max(40, min(limit, low + int(rng.random() * (high - low))))


def _words(rng: random.Random, low: int, high: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(rng.randint(low, high)))


def _path(rng: random.Random) -> str:
    name = f"{rng.choice(_WORDS[60:130])}_{rng.choice(_WORDS[60:130])}"
    return f"{rng.choice(_DIRS)}/{name}.{rng.choice(_EXTENSIONS)}"


def _escaped(text: str) -> bytes:
    """JSON text as the CLI escapes it: control characters and quotes only, UTF-8 as it is."""
    for plain, escape in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("\n", "\\n"),
        ("\t", "\\t"),
        ("\x1b", "\\u001b"),
    ):
        text = text.replace(plain, escape)
    return text.encode()


def _prose_line(rng: random.Random) -> bytes:
    draw = rng.random()
    if draw < 0.2:
        text = f"- `{_path(rng)}`: {_words(rng, 3, 12)}\n"
    elif draw < 0.25:
        text = f'He said "{_words(rng, 2, 6)}".\n\n'
    else:
        text = f"{_words(rng, 6, 18).capitalize()}.\n"
    return _escaped(text)


def _output_line(rng: random.Random) -> bytes:
    draw = rng.random()
    if draw < 0.30:
        indent = " " * rng.choice((0, 4, 4, 8))
        text = f"{indent}{_words(rng, 1, 3)} = {_words(rng, 1, 4)}({rng.randint(0, 999)})\n"
    elif draw < 0.50:
        place = f"{_path(rng)}:{rng.randint(1, 900)}"
        text = f'{place}:\tassert x["{_words(rng, 1, 2)}"] == {rng.random():.4f}\n'
    elif draw < 0.65:
        text = f"-rw-r--r-- 1 dev dev {rng.randint(100, 90000):>7} Nov 21 11:35 {_path(rng)}\n"
    elif draw < 0.75:
        text = f"\x1b[32mPASS\x1b[0m {_path(rng)}::{_words(rng, 1, 3)} [{rng.randint(1, 99)}%]\n"
    elif draw < 0.85:
        text = f'{{"id": {rng.getrandbits(30)}, "name": "{_words(rng, 1, 2)}", "ok": true}}\n'
    elif draw < 0.90:
        text = f"C:\\work\\{_words(rng, 1, 1)}\\{rng.getrandbits(24):x}\n"
    elif draw < 0.95:
        text = "\n"
    else:
        text = f"{_words(rng, 4, 16)}\n"
    return _escaped(text)
