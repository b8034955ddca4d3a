# SPDX-License-Identifier: BSD-3-Clause
"""The part of libmpipe_python.so that is better said in Python: finding functions, reading their signatures,
fitting what they return to the types of outputs, and reading pipelines of pipefunc. It is compiled into the plugin, which imports it as `_mpipe`."""
import collections.abc
import contextlib
import dataclasses
import datetime
import hashlib
import importlib
import importlib.util
import inspect
import io
import json
import os
import pickle
import sys
import traceback
import types
import typing

import numpy as np

NUMBERS = ("float64", "float32", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool",
           "complex64", "complex128")
GENERATOR = -1  # in a list of slots: not an argument, but the generator of the element
MOST_FRAMES = 3
MOST_LETTERS = 2000
MOST_LOGGED = 16 << 20  # bytes of one process in the log of its rank


class Printed(io.TextIOBase):
    """What functions print: shown on standard error, as standard output is the program's, for its results, and kept
    line by line in the log of the rank, once that is known."""

    def __init__(self, shown):
        self.shown = shown
        self.file = None
        self.rank = 0
        self.begun = ""  # a line whose end was not printed yet
        self.room = MOST_LOGGED

    @property
    def encoding(self):
        return self.shown.encoding

    def writable(self):
        return True

    def isatty(self):
        return self.shown.isatty()

    def fileno(self):
        return self.shown.fileno()

    def flush(self):
        self.shown.flush()

    def write(self, text):
        self.shown.write(text)
        if self.file is not None:
            *lines, self.begun = (self.begun + text).split("\n")
            for line in lines:
                self.log("info", line)
            if len(self.begun) > MOST_LETTERS:
                self.log("info", self.begun)
                self.begun = ""
        return len(text)

    def open(self, folder, rank):
        """From now on the calls are of this run. Problems with logs are no reason to end one."""
        if self.file is not None:
            os.close(self.file)
        self.file, self.rank = None, rank
        with contextlib.suppress(OSError):
            os.makedirs(os.path.join(folder, "logs"), exist_ok=True)
            # A link in the place of the log could lead anywhere.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self.file = os.open(os.path.join(folder, "logs", f"rank-{rank:04}.log"), flags, 0o644)

    def log(self, level, line):
        """Appends a line by one call of the system, as the program does, whose lines stand between these."""
        if self.file is None or self.room <= 0:
            return
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").removesuffix("+00:00")
        text = f"{now}Z rank={self.rank} level={level} python: {line}\n".encode("utf-8", "backslashreplace")
        self.room -= len(text)
        if self.room <= 0:
            text = f"{now}Z rank={self.rank} level=warning python: more was printed, and is left out here\n".encode()
        with contextlib.suppress(OSError):
            os.write(self.file, text)


printed = Printed(sys.stderr)
sys.stdout = printed
log_to = printed.open


class Refused(Exception):
    """What the user wrote cannot be used; the text says why, and what to do."""


class Unfit(TypeError):
    """What a function returned does not fit its output."""


@dataclasses.dataclass
class Loaded:
    """A function that was found, and all that has to be known of it before it is called."""

    function: object
    names: list  # of the parameters that get arguments
    slots: list  # what is passed, in order: indices into names, or GENERATOR
    keywords: tuple  # names of the last of the slots, which are passed by them
    defaults: dict
    types: list  # of each output: its dtype, and whether each call returns an array ("array"), one value ("value"), or nobody knows ("")
    sources: list  # (name of a file, digest of its text): the code that the function consists of


def load(code, folder, parameters, outputs, dtypes, vectorize):
    module, function = find(code, folder)
    if not callable(function):
        raise Refused(f"it is {kind_of(function)}, which cannot be called. Name a function.")
    signature = signature_of(function)
    slots, keywords, names, defaults = plan_call(signature, parameters)
    if vectorize and GENERATOR in slots:
        raise Refused("it takes a numpy.random.Generator, which belongs to one element, and so cannot be vectorized. "
                      "Remove 'vectorize', or the generator.")
    returned = signature.return_annotation if signature else inspect.Signature.empty
    return Loaded(function, names, slots, keywords, defaults, output_types(returned, outputs, dtypes, vectorize),
                  sources_of(module, function))


# ---- where the function is

def find(code, folder):
    place, _, name = code.rpartition(":")
    if not place or not name:
        raise Refused("it has no name of a function in it. Write FILE.py:NAME or PACKAGE.MODULE:NAME.")
    module = module_of_file(os.path.join(folder, place)) if place.endswith(".py") else module_by_name(place, folder)
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [known for known, value in vars(found).items() if callable(value) and not known.startswith("_")] \
                if hasattr(found, "__dict__") else []
            raise Refused(f"there is no '{part}' in {place}{nearest(part, known)}. Correct the name.")
        found = getattr(found, part)
    # What the decorator of pipefunc makes stands for the function that it decorates.
    return module, found.func if is_pipefunc(found) else found


def is_pipefunc(value):
    return all(hasattr(value, name) for name in ("func", "output_name", "renames", "mapspec"))


def nearest(name, known):
    import difflib
    near = difflib.get_close_matches(name, known, 1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def module_by_name(name, folder):
    add_to_path(folder)
    return importlib.import_module(name)


def module_of_file(path):
    path = os.path.normpath(path)
    if not os.path.isfile(path):
        raise Refused(f"there is no file '{path}'. Paths are relative to the document.")
    add_to_path(os.path.dirname(path))
    stem = os.path.splitext(os.path.basename(path))[0]
    # By its plain name, as objects that are pickled name their class by it. Where a module of another file has that
    # name already, the file gets one that is the same on every rank.
    known = sys.modules.get(stem)
    if known is not None and not is_from(known, path):
        stem = f"{stem}_{hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:16]}"
        known = sys.modules.get(stem)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[stem]
        raise
    return module


def is_from(module, path):
    return os.path.realpath(getattr(module, "__file__", None) or "") == os.path.realpath(path)


def add_to_path(folder):
    if folder not in sys.path:
        sys.path.insert(0, folder)


def sources_of(module, function):
    """The module, the file in which the function is written, and what these import from their folders, named relative to
    these. What is installed counts only where the function itself is."""
    begin = [module, sys.modules.get(getattr(inspect.unwrap(function), "__module__", None) or "")]
    folders = {os.path.dirname(file_of(each)) for each in begin if file_of(each)}
    digests, todo = {}, list(begin)
    while todo:
        each = todo.pop()
        path = file_of(each)
        name = name_below(path, folders)
        if not name or name in digests:
            continue
        with open(path, "rb") as file:
            digests[name] = hashlib.sha256(file.read()).hexdigest()[:32]
        for value in list(vars(each).values()):
            if isinstance(value, types.ModuleType):
                todo.append(value)
            elif isinstance(value, (types.FunctionType, type)):
                todo.append(sys.modules.get(value.__module__))
    return sorted(digests.items())


def file_of(module):
    path = getattr(module, "__file__", None) or ""
    return path if os.path.isfile(path) else ""


def name_below(path, folders):
    """The path relative to one of the folders; empty for what is elsewhere, or installed below one of them."""
    for folder in sorted(folders):
        name = os.path.relpath(path, folder) if path else os.pardir
        if not name.startswith(os.pardir) and not {"site-packages", "dist-packages"} & set(name.split(os.sep)):
            return name
    return ""


# ---- what it takes

def signature_of(function):
    try:
        return inspect.signature(function, eval_str=True)
    except ValueError:
        return None  # a function in C may have none
    except Exception:  # annotations may be any expressions, which may raise anything: then they say nothing to us
        return inspect.signature(function)


def plan_call(signature, parameters):
    if signature is None:
        if not parameters:
            raise Refused("it does not tell the names of its parameters, as it is not written in Python. Add them in "
                          "their order (parameters: [x, y]).")
        return list(range(len(parameters))), (), parameters, {}
    known = {name: parameter for name, parameter in signature.parameters.items()
             if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)}
    generators = [name for name, parameter in known.items() if parameter.annotation is np.random.Generator]
    names = list(parameters) or [name for name in known if name not in generators]
    takes_any = any(each.kind == each.VAR_KEYWORD for each in signature.parameters.values())
    for name in names:
        if name in generators or (name not in known and not takes_any):
            raise Refused(f"it has no parameter '{name}' that could be given{nearest(name, list(known))}; its signature "
                          f"is {signature}. Correct the parameters.")
    missing = [name for name, parameter in known.items()
               if name not in names and name not in generators and parameter.default is parameter.empty]
    if missing:
        raise Refused(f"its parameter '{missing[0]}' has no default and is not among the parameters. Add it.")
    slots, keywords = place_arguments(known, names, generators)
    defaults = {name: known[name].default for name in names
                if name in known and known[name].default is not inspect.Parameter.empty}
    return slots, keywords, names, defaults


def place_arguments(known, names, generators):
    """By position as long as no parameter is left out, which is faster; the rest by name."""
    slots, keywords, by_position = [], [], True
    for name, parameter in known.items():
        if name not in names and name not in generators:
            by_position = False
            continue
        by_position = by_position and parameter.kind != parameter.KEYWORD_ONLY
        if not by_position and parameter.kind == parameter.POSITIONAL_ONLY:
            raise Refused(f"its parameter '{name}' is given by position only, but one before it is left out. "
                          "Give that one, too.")
        slots.append(GENERATOR if name in generators else names.index(name))
        if not by_position:
            keywords.append(name)
    for name in names:
        if name not in known:  # taken by **keywords
            slots.append(names.index(name))
            keywords.append(name)
    return slots, tuple(keywords)


# ---- what it returns

def output_types(returned, outputs, dtypes, vectorize):
    annotations = [returned]
    if len(outputs) > 1:
        parts = typing.get_args(returned)
        if typing.get_origin(returned) is tuple and len(parts) == len(outputs):
            annotations = parts
        elif typing.get_origin(returned) is dict:
            annotations = [parts[1]] * len(outputs)
        else:
            annotations = [None] * len(outputs)
    found = []
    for output, annotation in zip(outputs, annotations):
        dtype, form = type_of_annotation(annotation) or ("float64", "")
        if output in dtypes:
            dtype, form = dtypes[output], form if form == "array" else ""
        found.append((dtype, "value" if vectorize and form == "array" else form))
    return found


def type_of_annotation(annotation):
    """Its dtype, and "array" or "value"; None for what says nothing, as `Any`, or no annotation."""
    plain = {float: "float64", int: "int64", bool: "bool", complex: "complex128", str: "str"}
    if annotation in plain:
        return plain[annotation], "value"
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is np.ndarray or origin is np.ndarray:
        item = typing.get_args(parts[1]) if len(parts) == 2 else ()
        dtype = dtype_name(item[0]) if item else None
        return dtype or "float64", "array"
    if origin in (list, tuple, collections.abc.Sequence) and parts:
        item = type_of_annotation(parts[0])
        return (item[0], "array") if item and item[1] == "value" else None
    if not isinstance(annotation, type) or annotation in (inspect.Signature.empty, type(None)):
        return None
    if issubclass(annotation, np.generic):
        dtype = dtype_name(annotation)
        return (dtype, "value") if dtype else None
    return None if annotation in (list, tuple) else ("object", "value")


def dtype_name(scalar):
    try:
        name = np.dtype(scalar).name
    except TypeError:
        return None
    return name if name in NUMBERS else "str" if name.startswith("str") else None


def fit(value, dtype, output):
    """The numbers that a function returned for an output, as a dense array of this dtype."""
    array = np.asarray(value)
    wanted = np.dtype(dtype)
    if array.dtype == wanted and array.flags.c_contiguous and array.dtype.isnative:
        return array
    if array.dtype.kind not in "biufc":
        raise Unfit(f"the function returned {kind_of(value)} for '{output}', where {article(dtype)} was expected. Have it return numbers, or say what it "
                    "returns (dtype: object for any object, dtype: str for texts)")
    whole = wanted.kind in "biu"
    if not (np.can_cast(array.dtype, wanted, "same_kind") or (whole and array.dtype.kind in "biu")) and array.size:
        raise Unfit(f"the function returned {kind_of(value)} for '{output}', which cannot be {article(dtype)} without loss. Say its type (dtype: "
                    f"{array.dtype.name})")
    with np.errstate(over="ignore"):
        fitted = array.astype(wanted, order="C")
    if whole and not np.array_equal(fitted, array):
        raise Unfit(f"the function returned {kind_of(value)} for '{output}', with values that {article(dtype)} cannot hold")
    return fitted


def flatten(value, rank, output):
    """The shape and the items of nested lists, or of an array; `rank`: None, where the value itself tells."""
    if isinstance(value, np.ndarray) and (rank is None or value.ndim == rank):
        return value.shape, value.reshape(-1).tolist()
    nested = isinstance(value, (list, tuple, np.ndarray))
    if rank == 0 or (rank is None and not nested):
        return (), [value]
    if not nested:
        raise Unfit(f"the function returned {kind_of(value)} for '{output}', where a list or an array of rank {rank} was expected")
    parts = [flatten(item, None if rank is None else rank - 1, output) for item in value]
    shapes = {shape for shape, _ in parts}
    if len(shapes) > 1:
        raise Unfit(f"the function returned for '{output}' lists of different lengths, where all elements of an axis have one length")
    inner = shapes.pop() if shapes else (0,) * ((rank or 1) - 1)
    return (len(parts), *inner), [item for _, items in parts for item in items]


def repeat(column):
    """The one element of a column, twice."""
    return np.repeat(column, 2, axis=0)


def article(dtype):
    return ("an " if dtype[0] in "iou" and not dtype.startswith("uint") else "a ") + dtype


def kind_of(value):
    """`an array of int64 of shape (3,)`, `a value of type model.Grid`"""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    if value is None:
        return "None"
    return f"a value of type {name_of(type(value))}"


def name_of(kind):
    return kind.__qualname__ if kind.__module__ in ("builtins", "_mpipe") else f"{kind.__module__}.{kind.__qualname__}"


load_pickle = pickle.loads


def dump(value):
    return pickle.dumps(value, protocol=5)


# ---- the numbers of an element

def generator(seed, stream, element):
    """Draws what mpipe::Random draws in C++: its counter is one ahead of NumPy's."""
    counter = ((element << 64) - 1) % (1 << 256)
    return np.random.Generator(np.random.Philox(key=seed | stream << 64, counter=counter))


# ---- pipelines of pipefunc

def import_pipefunc(place, folder, target):
    """A document with the functions of a pipeline; `folder`: where `place` is meant, `target`: where the document will be."""
    _, pipeline = find(place, folder)
    functions = getattr(pipeline, "functions", None)
    if not isinstance(functions, list) or not functions or not all(is_pipefunc(each) for each in functions):
        raise Refused(f"it is {kind_of(pipeline)}, and no Pipeline of pipefunc with functions. Name such an object.")
    text = f"# From the pipeline {place} of pipefunc. Results are float64 where a function has no annotation that says\n" \
           "# otherwise, as `-> int` does, and no `dtype`.\nmpipe: 1\nfunctions:\n"
    made, needed = set(), {}
    for each in functions:
        entry = entry_of(each, target)
        text += "".join(("  - " if k == 0 else "    ") + line + "\n" for k, line in enumerate(entry))
        made.update(names_of(each.output_name))
        needed.update((name, None) for name in each.parameters if name not in each.defaults and name not in each.bound)
    needed = [name for name in needed if name not in made]
    return text + "inputs:  # add their values, as in x: [1, 2, 3] or x: {linspace: [0, 1, 11]}\n" + \
        "".join(f"  # {name}:\n" for name in needed)


def names_of(output_name):
    return [output_name] if isinstance(output_name, str) else list(output_name)


def entry_of(each, target):
    """The lines of one function."""
    names = names_of(each.output_name)
    lines = [f"output: {written(names[0] if len(names) == 1 else names)}", f"python: {written(place_of(each, target))}"]
    if each.mapspec is not None:
        lines.append(f"mapspec: {written(str(each.mapspec))}")
    renames = {own: name for own, name in each.renames.items() if own != name and name not in names}
    if renames:
        lines.append(f"renames: {written(renames)}")
    own = {renames.get(name, name): parameter.default for name, parameter in signature_of(each.func).parameters.items()}
    defaults = {name: value for name, value in each.defaults.items() if value is not own.get(name, inspect.Parameter.empty)}
    for key, values in (("defaults", defaults), ("bound", each.bound)):
        if values:
            lines.append(f"{key}: {written({name: plain(each, name, value) for name, value in values.items()})}")
    shape = getattr(each, "internal_shape", None)
    if shape is not None:
        lines.append(f"internal_shape: {written(list(shape) if isinstance(shape, tuple) else shape)}")
    picker = getattr(each, "output_picker", None)
    if picker is not None and "default" not in getattr(picker, "__name__", ""):
        lines.append("# It has an output_picker, which is not used: return a tuple, or a dict with the outputs as keys.")
    return lines


def place_of(each, target):
    function = each.func
    name, module = getattr(function, "__qualname__", "<"), getattr(function, "__module__", None)
    if "<" in name or module not in sys.modules:
        raise Refused(f"the function of '{each.output_name}' ({kind_of(function)}) has no name in a module by which it could be "
                      "found again, as a lambda, a function inside another one, and a nested pipeline have none. Give it one.")
    path = file_of(sys.modules[module])
    if "." in module or not path or {"site-packages", "dist-packages"} & set(path.split(os.sep)):
        return f"{module}:{name}"
    path = os.path.relpath(path, target)
    return f"{path if path.startswith(os.pardir) else os.path.join(os.curdir, path)}:{name}"


def plain(each, name, value):
    """A value as a document has it."""
    value = value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        value = None
    if value is None:
        raise Refused(f"the value of '{name}' of the function of '{each.output_name}' is no number, text or list of such, which a "
                      "document could have. Make it a default in its def.")
    return value


def written(value):
    return json.dumps(value, ensure_ascii=False)


# ---- what it raised

def describe(error):
    """The type of an exception, and its message with the last lines of its traceback."""
    try:
        message = str(error)
    except Exception as failed:  # __str__ is code of the user
        message = f"(its message cannot be shown: {type(failed).__name__})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if frame.filename != "_mpipe" and not frame.filename.startswith("<frozen")]
    lines = [f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}" + (f": {frame.line}" if frame.line else "")
             for frame in frames[-MOST_FRAMES:]]
    if isinstance(error, SyntaxError):
        lines = []  # the message has the place
    if isinstance(error, SystemExit):
        message = f"the function called sys.exit({message})"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        message += f" (caused by {name_of(type(cause))}: {str(cause)[:200]})"
    message = message[:MOST_LETTERS] or "no message"
    kind = "TypeError" if isinstance(error, Unfit) else name_of(type(error))
    message += f" [{'; '.join(lines)}]" if lines else ""
    printed.log("error", f"{kind}: {message}".replace("\n", "\\n"))
    return kind, message
