"""The house as data: who may import whom, and where alone a line may do what."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# they know nobody, and every room of the suite may use them
FREE = "protocols errors precision seeding timing words defaults"

# room -> what it may import besides itself and FREE: rooms, or single files of one
ROOMS = {
    "plugins": "",
    "records": "plugins",
    "samples": "records plugins features",
    "running": "samples records plugins features",
    "features": "",
    "likelihood": "",
    "comparing": "records",
    "tables": "records plugins comparing",
    **dict.fromkeys(
        ("testing", "auditing", "worlds", "theory"), "running samples records plugins comparing"
    ),
    "verifying": "running samples records plugins",
    "figures": "tables samples records",
    "report": "records plugins tables comparing auditing worlds theory figures verifying",
}
ROOMS["theory"] += " figures/panels"  # plain values that figures draw
ROOMS["front"] = "plugins records running comparing tables datasets/_files"
ROOMS["cli"] = " ".join([*ROOMS, "models datasets metrics"])

# room -> all that it may import of the project
STRICT = {
    **dict.fromkeys(FREE.split(), ""),
    "models": "protocols precision models",
    "datasets": "protocols errors records/files datasets "
    "worlds/enumerated worlds/fitting worlds/kept worlds/mixture worlds/streams worlds/truths",
    "metrics": "protocols precision errors features likelihood samples/neighbours metrics",
    "baselines": "protocols models/state",
}
ARROWS = {room: {room, *FREE.split(), *may.split()} for room, may in ROOMS.items()}
ARROWS |= {room: {*may.split()} for room, may in STRICT.items()}
BASELINES_MAY_USE = {"genbench", "torch", "numpy", "scipy", "sklearn"}  # and what Python brings


@dataclass(frozen=True)
class Act:
    """What a line may do only at home, or where an exception gives the reason.

    touches: full names, each with all below it; * is anything, so *.unlink is of any object.
    homes, exceptions: a folder, a file, or a file and what stands around the line in it.
    """

    touches: str = ""
    homes: str = ""
    exceptions: Mapping[str, str] = field(default_factory=dict)


# names of parts that are words of their own too: of rows in an audit, of arithmetic, of a need, of
# an observation, of a function of the front
WORDS = {"held_out", "precision", "density", "gaussian", "log_likelihood"}

FETCH = "genbench/datasets/_files.py"
CHILD = "a program of its own, which its parent speaks to by stdin, stdout and environment"
SELF_CHECK = "a generator of its own: the same numbers each time, whatever the run's seed"
FROZEN = "a generator of its own, whose frozen stream is what the dataset is"
SENT = "a worker has the environment of who started it"
GIT = "asks git, which has no other door"
COMMAND = "the command says how many threads there are"
RESULT = "whatever it catches is this run's result"

ACTS = {
    "speak": Act(
        "builtins.print *.print builtins.input builtins.exit builtins.quit builtins.SystemExit "
        "sys.exit sys.argv sys.stdin sys.stdout sys.stderr sys.__std* os._exit os.abort "
        "traceback.print* pprint typer click",
        "genbench/cli",
        {
            "genbench/datasets/_mat.py": CHILD,
            "genbench/features/_unpickle.py": CHILD,
            "genbench/running/worker.py:_die_with_parent": "only so can a thread end a process",
            "genbench/running/worker.py:refuse_import": "a worker ends before it does all again",
            "genbench/running/conditions.py": "hands the streams of a cell to its log, and back",
            "genbench/plugins/registry.py:load": "what a module prints while imported is no result",
            "genbench/running/progress.py:Watch._print": "on the console that the command hands it",
        },
    ),
    "write": Act(
        "shutil tempfile filelock os.open os.fdopen os.write os.replace os.rename* os.remove* "
        "os.unlink os.link os.symlink os.mkdir os.makedirs os.rmdir os.truncate os.chmod "
        "*.write_text *.write_bytes *.mkdir *.touch *.unlink *.rename *.rmdir *.symlink_to "
        "*.hardlink_to *.chmod *.dump *.save *.save_file *.savez* *.savetxt *.savefig *.imsave "
        "*.tofile *.mkstemp *.NamedTemporaryFile io.FileIO",
        "genbench/records/files.py",
        {
            "genbench/running/provenance.py:forget_peak": "a switch of the kernel, not a file",
            "genbench/verifying/verification.py": "a store for what is made again and thrown away",
            "genbench/figures/style.py:_bytes": "into memory; the one writer writes it",
            "genbench/figures/pages.py:animated": "into memory; the one writer writes it",
            "genbench/figures/strips.py:_png": "into memory; it stands in a page",
            "genbench/figures/style.py:_in_few_colours": "into memory; a figure is written by save",
            "genbench/datasets/_mat.py:main": "into memory; it goes to stdout",
            "genbench/features/_unpickle.py": "into memory; it goes to stdout",
            "genbench/features/integers.py": "into memory; the one writer writes it",
            "genbench/samples/pixels.py:grid": "into memory; the one writer writes it",
            "genbench/cli/model_file.py": "a distribution that lasts as long as the command",
            "genbench/cli/score_files.py:score_files": "a store of a score that nobody keeps",
        },
    ),
    "network": Act(
        "urllib* requests pooch socket ssl http* aiohttp ftplib torch.hub",
        FETCH,
    ),
    "environment": Act(
        "os.environ* os.getenv* os.putenv os.unsetenv",
        f"{FETCH} genbench/cli",
        {
            "genbench/datasets/_mat.py": CHILD,
            "genbench/records/git.py:git": "hands on all of it but what would steer git",
            "genbench/running/conditions.py": "sets what CUDA reads, and puts it back",
            "genbench/running/executors.py:Spawned._start": SENT,
            "genbench/running/worker.py:serve": SENT,
        },
    ),
    "process": Act(
        "subprocess multiprocessing concurrent.futures.ProcessPoolExecutor pty os.system os.popen "
        "os.fork* os.exec* os.spawn* os.posix_spawn* asyncio.create_subprocess*",
        "genbench/running/executors.py genbench/running/worker.py",
        {
            "genbench/records/git.py": GIT,
            "genbench/features/bringing.py": "a child unpickles, where nothing else can be hurt",
            "genbench/datasets/tfd.py": "scipy may die of a MATLAB file, so a child reads it",
        },
    ),
    "clock": Act(
        "time timeit datetime.datetime.*now datetime.datetime.today datetime.date.today",
        "genbench/timing.py",
        {
            "genbench/cli/watch.py": "how long it waits between two looks",
            "genbench/cli/audit_watch.py": "how long it will take yet: no number of a result",
            "genbench/cli/judge_watch.py": "how long it will take yet: no number of a result",
            "genbench/running/executors.py": "waits while a job that is done ends its own",
        },
    ),
    "seed": Act(
        "*.manual_seed* *.set_rng_state* torch.seed torch.random random.seed random.Random "
        "numpy.random.*seed numpy.random.set_state numpy.random.RandomState "
        "numpy.random.default_rng",
        "genbench/seeding.py",
        {
            "genbench/precision.py": SELF_CHECK,
            "genbench/metrics/parzen/certificate.py": SELF_CHECK,
            "genbench/metrics/parzen/pruning.py": SELF_CHECK,
            "genbench/datasets/mnist5k.py": FROZEN,
            "genbench/datasets/_toys.py": FROZEN,
            "genbench/datasets/linear_gaussian.py": FROZEN,
            "genbench/datasets/mnist_binary_drawn.py": FROZEN,
            "genbench/worlds/streams.py": FROZEN,
        },
    ),
    "device": Act(
        "torch.cuda.is_available torch.cuda.set_device torch.set_default_device torch.set_num_* "
        "torch.use_deterministic_algorithms torch.utils.deterministic",
        "genbench/running/runner.py genbench/running/conditions.py genbench/running/worker.py",
    ),
    "precision": Act(
        "torch.backends torch.*autocast torch.amp *.set_float32_matmul_precision "
        "torch.set_default_dtype",
        "genbench/precision.py",
        {
            "genbench/running/provenance.py:machine": "the name of the processor's instructions",
            "genbench/running/conditions.py": "what a cell may have changed, as it was before",
        },
    ),
    "load by name": Act(
        "importlib.import_module builtins.__import__ builtins.exec builtins.eval runpy",
        "genbench/__init__.py genbench/plugins/registry.py",
    ),
    "catch everything": Act(
        exceptions={
            "genbench/running/work.py": RESULT,
            "genbench/samples/judging.py:judge": "whatever a metric raises, it refuses the samples",
            "genbench/running/runner.py": RESULT,
            "genbench/running/data.py": "a stranger's dataset may raise anything",
            "genbench/running/drawing.py:_cost_of_a_code": "samples do not hang on codes",
            "genbench/plugins/registry.py": "a stranger's module may raise anything",
            "genbench/testing/claims.py:works": "a claim broken by what a stranger's part raises",
            "genbench/testing/datasets.py": "a fold that is refused by another error",
            "genbench/records/files.py:write_bytes": "takes its temporary file away, raises again",
            "genbench/errors.py:reason": "a stranger's exception may raise when it is shown",
            "genbench/running/failures.py:places": "and when it is looked at",
            "genbench/running/driving.py:work_on": "stops the workers, raises again",
            "genbench/running/executors.py:Serial.submit": "the future has it, as of any executor",
            "genbench/running/clusters.py:Cluster._pass_on": "the future has it, as above",
            "genbench/running/worker.py:serve": "a job ends itself, not who asked for it",
        },
    ),
    "import late": Act(
        homes="genbench/cli genbench/front.py genbench/datasets",  # --help and lists load no torch
        exceptions={
            "genbench/comparing/estimates.py:kendall": "only audits wait for scipy.stats",
            "genbench/comparing/estimates.py:t_interval": "only who shows intervals waits",
            "genbench/comparing/estimates.py:p_value": "only who has several seeds waits",
            "genbench/comparing/counts.py:clopper_pearson": "only judgements and audits count",
            "genbench/running/clusters.py:packages": "only who asks for Dask has it, and waits",
        },
    ),
    "import unclearly": Act(),
    "know by name": Act(
        homes="genbench/models genbench/datasets genbench/metrics genbench/features baselines",
        exceptions={
            "genbench/plugins/recipe.py:<module>": "the preset that adds nothing: PAPER to others",
            "genbench/testing/models.py:_smoke": "the shortest recipe, where there is one",
            "genbench/testing/densities.py:_plane": "the dataset whose plane is integrated over",
        },
    ),
}
