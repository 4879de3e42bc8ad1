"""How far are a verb's options handed through the code? Counted from the source alone, without running it.

    python tests/benchmarks/walks.py n2n_render adapt/adaptation.py:adapt:options train/training.py:train:options

The walk starts in the verb's function and follows every call inside the package that is given the options, an attribute of
theirs that is itself an options object, or an object that was built from them whole and therefore carries them
(`Tuning(config)`, `self.config = config`; so the methods of such an object count too). Objects that get single values
(`Descent(network, config.ema)`) end it, unless `--values` follows those too, from call to call but not through objects.
Each function is one stop, in the order of the first call; a return is a stop in a file that the walk had left before.
`--list` prints the stops.

What it cannot see: properties, functions kept in dictionaries, and types that only running the code would tell.
"""

import argparse
import ast
from dataclasses import dataclass, field
from pathlib import Path

CONTAINERS = {"list", "tuple", "sorted", "reversed", "enumerate", "zip", "iter", "next", "set", "dict", "replace", "copy"}
OPTIONS_NAMES = ("Options", "Config")
NOTHING: frozenset = frozenset()


@dataclass(frozen=True)
class Function:
    file: str
    node: ast.FunctionDef = field(compare=False, hash=False)
    owner: str = ""  # the class that it is a method of

    @property
    def name(self) -> str:
        return f"{self.owner}.{self.node.name}" if self.owner else self.node.name

    def __hash__(self):
        return hash((self.file, self.name))

    def __eq__(self, other):
        return isinstance(other, Function) and (self.file, self.name) == (other.file, other.name)


@dataclass(frozen=True)
class Class:
    file: str
    name: str
    node: ast.ClassDef = field(compare=False, hash=False, repr=False)

    def fields(self) -> dict[str, ast.expr]:
        return {
            item.target.id: item.annotation
            for item in self.node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        }


@dataclass(frozen=True)
class Carried:
    """The options (built False), or an instance that was built from them; kind None: of a class that is not known, or VALUE."""

    kind: Class | None
    built: bool


VALUE = Carried(None, False)  # a single value of the options, where those are followed too


@dataclass(frozen=True)
class Bound:
    """A method together with its object."""

    function: Function
    owner: Carried


class Package:
    """The names in every module of a package folder."""

    def __init__(self, root: Path):
        self.root = root
        self.trees = {str(path.relative_to(root)): ast.parse(path.read_text()) for path in sorted(root.rglob("*.py"))}
        self.names: dict[str, dict[str, object]] = {file: {} for file in self.trees}
        for file, tree in self.trees.items():
            for node in tree.body:
                if isinstance(node, ast.FunctionDef):
                    self.names[file][node.name] = Function(file, node)
                elif isinstance(node, ast.ClassDef):
                    self.names[file][node.name] = Class(file, node.name, node)

    def lookup(self, file: str, name: str, seen: tuple = ()):
        """What a module's name is: a Function, a Class, the path of a module, or None."""
        if name in self.names.get(file, {}):
            return self.names[file][name]
        for node in ast.walk(self.trees[file]):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name and (file, name) not in seen:
                        return self.imported(file, node, alias.name, (*seen, (file, name)))
        return None

    def imported(self, file: str, node: ast.ImportFrom, name: str, seen: tuple):
        if node.level:
            folder = Path(file).parents[node.level - 1]
        elif node.module and node.module.split(".")[0] == self.root.name:
            folder = Path(".")
        else:
            return None
        parts = (node.module or "").split(".") if node.module else []
        base = folder.joinpath(*(parts if node.level else parts[1:]))
        for module in (f"{base}.py", f"{base}/__init__.py"):
            module = module.removeprefix("./")
            if module in self.trees:
                found = self.lookup(module, name, seen)
                if found:
                    return found
        inner = f"{base / name}.py".removeprefix("./")
        return inner if inner in self.trees else None

    def method(self, kind: Class, name: str) -> Function | None:
        for item in kind.node.body:
            if isinstance(item, ast.FunctionDef) and item.name == name:
                return Function(kind.file, item, kind.name)
        for base in kind.node.bases:
            parent = self.lookup(kind.file, base.id) if isinstance(base, ast.Name) else None
            found = self.method(parent, name) if isinstance(parent, Class) else None
            if found:
                return found
        return None

    def named(self, file: str, annotation: ast.expr | None) -> Class | None:
        """The class that an annotation names, quoted or `X | None` too."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        if isinstance(annotation, ast.BinOp):
            return self.named(file, annotation.left) or self.named(file, annotation.right)
        found = self.lookup(file, annotation.id) if isinstance(annotation, ast.Name) else None
        return found if isinstance(found, Class) else None


class Walk:
    """Follows the options; run again until nothing new is known about what objects keep in their attributes."""

    def __init__(self, package: Package, values: bool = False):
        self.package, self.values = package, values
        self.kept: dict[tuple[Class, str], frozenset] = {}
        self.stops: list[Function] = []
        self.results: dict = {}

    def run(self, file: str, function: str, parameter: str) -> list[Function]:
        start = self.package.lookup(file, function)
        if not isinstance(start, Function):
            raise SystemExit(f"{file} has no function {function}")
        arguments = {argument.arg: argument for argument in _arguments(start.node)}
        if parameter not in arguments:
            raise SystemExit(f"{file}: {function} has no parameter {parameter}")
        given = frozenset([Carried(self.package.named(file, arguments[parameter].annotation), False)])
        while True:
            before, self.stops, self.results = dict(self.kept), [], {}
            self.enter(start, {parameter: given})
            if self.kept == before:
                return self.stops

    def enter(self, function: Function, given: dict[str, object]):
        """Walks through a function whose arguments carry something; what it returns does so too, perhaps."""
        key = function, tuple(sorted((name, repr(value)) for name, value in given.items()))
        if key not in self.results:
            if function not in self.stops:
                self.stops.append(function)
            self.results[key] = NOTHING
            self.results[key] = Body(self, function, given).returned()
        return self.results[key]

    def keep(self, kind: Class, attribute: str, value: frozenset):
        self.kept[kind, attribute] = self.kept.get((kind, attribute), NOTHING) | value


class Body:
    """One function, statement by statement. A value is a set of what it may carry, or a tuple of values."""

    def __init__(self, walk: Walk, function: Function, given: dict[str, object]):
        self.walk, self.package, self.function, self.file = walk, walk.package, function, function.file
        self.local: dict[str, object] = dict(given)
        self.out: object = NOTHING

    def returned(self):
        for statement in self.function.node.body:
            self.visit(statement)
        return self.out

    def visit(self, node: ast.AST):
        match node:
            case ast.Assign(targets=targets, value=value):
                found = self.value(value)
                for target in targets:
                    self.assign(target, found)
            case ast.AnnAssign(target=target, value=value) if value:
                self.assign(target, self.value(value))
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self.assign(target, flat(self.value(value)))
                self.visit_all(node.body + node.orelse)
            case ast.With(items=items, body=body):
                for item in items:
                    found = self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self.assign(item.optional_vars, found)
                self.visit_all(body)
            case ast.Return(value=value) if value:
                found = self.value(value)
                both_tuples = isinstance(self.out, tuple) and isinstance(found, tuple) and len(self.out) == len(found)
                if both_tuples:
                    self.out = tuple(flat(a) | flat(b) for a, b in zip(self.out, found, strict=True))
                else:
                    self.out = found if self.out == NOTHING else flat(self.out) | flat(found)
            case ast.expr():
                self.value(node)
            case ast.FunctionDef() | ast.ClassDef():  # it sees what is around it
                self.visit_all(node.body)
            case _:
                self.visit_all(list(ast.iter_child_nodes(node)))

    def visit_all(self, nodes):
        for node in nodes:
            self.visit(node)

    def assign(self, target: ast.AST, found):
        if isinstance(target, ast.Name):
            self.local[target.id] = found
        elif isinstance(target, ast.Tuple | ast.List):
            several = isinstance(found, tuple) and len(found) == len(target.elts)
            for index, item in enumerate(target.elts):
                self.assign(item, found[index] if several else flat(found))
        elif isinstance(target, ast.Starred):
            self.assign(target.value, flat(found))
        elif isinstance(target, ast.Attribute):
            for owner in flat(self.value(target.value)):
                if isinstance(owner, Carried) and owner.kind and owner.built and flat(found):
                    self.walk.keep(owner.kind, target.attr, flat(found))

    def value(self, node: ast.AST):
        match node:
            case ast.Name(id=name):
                return self.local.get(name, NOTHING)
            case ast.Attribute(value=inner, attr=attribute):
                return self.attribute(flat(self.value(inner)), attribute)
            case ast.Call():
                return self.call(node)
            case ast.NamedExpr(target=target, value=value):
                found = self.value(value)
                self.assign(target, found)
                return found
            case ast.Tuple(elts=items):
                return tuple(self.value(item) for item in items)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for part in node.generators:
                    self.assign(part.target, flat(self.value(part.iter)))
                    self.visit_all(part.ifs)
                return flat(self.value(node.value if isinstance(node, ast.DictComp) else node.elt))
            case ast.Yield(value=value) if value:
                self.out = flat(self.out) | flat(self.value(value))
                return NOTHING
            case ast.IfExp(test=test, body=body, orelse=other):
                self.value(test)
                return flat(self.value(body)) | flat(self.value(other))
            case ast.List() | ast.Dict() | ast.BoolOp() | ast.Subscript() | ast.Starred() | ast.Await() | ast.Set():
                return frozenset().union(*[flat(self.value(child)) for child in ast.iter_child_nodes(node)])
            case ast.Lambda(body=body):
                self.value(body)
                return NOTHING
            case _:
                self.visit_all(list(ast.iter_child_nodes(node)))
                return NOTHING

    def attribute(self, owners: frozenset, name: str) -> frozenset:
        found = set()
        for owner in owners:
            if not isinstance(owner, Carried) or owner.kind is None:
                continue
            method = self.package.method(owner.kind, name)
            if method:
                found.add(Bound(method, owner))
            found |= self.walk.kept.get((owner.kind, name), NOTHING)
            kind = self.package.named(owner.kind.file, owner.kind.fields().get(name))
            if not owner.built and kind and kind.name.endswith(OPTIONS_NAMES):
                found.add(Carried(kind, False))
            elif not owner.built and not method and self.walk.values:
                found.add(VALUE)
        return frozenset(found)

    def callee(self, node: ast.AST) -> list:
        """The functions, classes and bound methods that an expression may stand for."""
        found = [value for value in flat(self.value(node)) if isinstance(value, Bound | Class)]
        found += [
            Bound(method, value)
            for value in flat(self.value(node))
            if isinstance(value, Carried) and value.kind and value.built
            for method in [self.package.method(value.kind, "__call__")]
            if method
        ]
        if isinstance(node, ast.Name) and node.id not in self.local:
            found.append(self.package.lookup(self.file, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id not in self.local:
            outer = self.package.lookup(self.file, node.value.id)
            if isinstance(outer, str):
                found.append(self.package.lookup(outer, node.attr))
            elif isinstance(outer, Class):
                found.append(self.package.method(outer, node.attr))
        return [item for item in found if item is not None and not isinstance(item, str)]

    def call(self, node: ast.Call):
        targets, rest = self.callee(node.func), list(node.args)
        positional = [self.value(argument) for argument in rest]
        named = {keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg}
        if not targets and rest:  # partial(f, options), pool.submit(f, options), map(f, …)
            targets = [item for item in self.callee(rest[0]) if not isinstance(item, Class)]
            if targets:
                rest, positional = rest[1:], positional[1:]
        starred = next((index for index, argument in enumerate(rest) if isinstance(argument, ast.Starred)), len(rest))
        everything = frozenset().union(*map(flat, [*positional, *named.values()]))
        results = [self.hand_over(target, positional[:starred], named) for target in targets]
        if len(results) == 1:
            return results[0]
        if results:
            return frozenset().union(*map(flat, results))
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        return everything if called in CONTAINERS else NOTHING

    def hand_over(self, target, positional: list, named: dict):
        """Enters what is called, if something is carried into it."""
        if isinstance(target, Class):
            return self.build(target, positional, named)
        function, own = (target.function, target.owner) if isinstance(target, Bound) else (target, None)
        given: dict[str, object] = {}
        names = [argument.arg for argument in _arguments(function.node)]
        if function.owner and "staticmethod" not in _decorators(function.node):
            if "classmethod" in _decorators(function.node):
                kind = own.kind if own else self.package.lookup(function.file, function.owner)
                given[names[0]] = frozenset([kind])
            elif own:
                given[names[0]] = frozenset([own])
            names = names[1:] if own or "classmethod" in _decorators(function.node) else names
        given |= {name: value for name, value in zip(names, positional, strict=False) if flat(value)}
        given |= {name: value for name, value in named.items() if flat(value) and name in names}
        carries = any(isinstance(item, Carried | Bound) for value in given.values() for item in flat(value))
        return self.walk.enter(function, given) if carries else NOTHING

    def build(self, kind: Class, positional: list, named: dict):
        """An instance; it carries the options if something that carries them goes into it."""
        made, constructor = Carried(kind, True), self.package.method(kind, "__init__")
        given = {item for value in [*positional, *named.values()] for item in flat(value) if isinstance(item, Carried)}
        if not given - {VALUE}:
            if given and constructor:
                self.hand_over(constructor, [NOTHING, *positional], named)
            return NOTHING
        if constructor:
            self.hand_over(Bound(constructor, made), positional, named)
        else:
            given = {**dict(zip(kind.fields(), positional, strict=False)), **named}
            for name, value in given.items():
                if flat(value):
                    self.walk.keep(kind, name, flat(value))
        return frozenset([made])


def flat(value) -> frozenset:
    return frozenset().union(*map(flat, value)) if isinstance(value, tuple) else value


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _decorators(node: ast.FunctionDef) -> set[str]:
    return {item.id for item in node.decorator_list if isinstance(item, ast.Name)}


def returns(stops: list[Function]) -> int:
    """Stops in files that were left before."""
    left: set[str] = set()
    count = 0
    for before, after in zip(stops, stops[1:], strict=False):
        if before.file != after.file:
            left.add(before.file)
            count += after.file in left
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, help="folder of the package, of any checkout")
    parser.add_argument("starts", nargs="+", metavar="FILE:FUNCTION:PARAMETER")
    parser.add_argument("--values", action="store_true", help="follow single values of the options too")
    parser.add_argument("--list", action="store_true", help="print every stop")
    arguments = parser.parse_args()
    package = Package(arguments.package)
    for start in arguments.starts:
        file, function, parameter = start.split(":")
        stops = Walk(package, arguments.values).run(file, function, parameter)
        files = {stop.file for stop in stops}
        print(f"{start}: {len(stops)} stops in {len(files)} files, {returns(stops)} returns")
        for stop in stops if arguments.list else []:
            print(f"  {stop.file}: {stop.name}")


if __name__ == "__main__":
    main()
