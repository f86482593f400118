"""Small changes of source files, as faults would be: for Python by its syntax, for C++ by tokens.

Operators are swapped, numbers and truth values changed, conditions and results turned round, calls
left out. Comments, strings, annotations and what puts messages together stay.
"""

import ast
import copy
import re

SWAPPED = {"Lt": "LtE", "Gt": "GtE", "Eq": "NotEq", "Is": "IsNot", "In": "NotIn"}
SWAPPED |= {"Add": "Sub", "Mult": "Div", "And": "Or", "min": "max", "minimum": "maximum"}
SWAPPED |= {new: old for old, new in SWAPPED.items()} | {"FloorDiv": "Mult"}
RETURNED = {"bool": "not ({})", "int": "({}) + 1", "float": "2.0 * ({})"}
CPP_SWAPPED = {"<": "<=", ">": ">=", "==": "!=", "+": "-", "*": "/", "&&": "||", "+=": "-="}
CPP_SWAPPED |= {"*=": "/=", "std::min(": "std::max(", "true": "false"}
CPP_SWAPPED |= {new: old for old, new in CPP_SWAPPED.items()}
# What is no code: comments, strings, characters, preprocessor lines; exceptions, static assertions.
HIDDEN = (
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'|^ *#(?:\\\n|[^\n])*""",
    r"\b(?:throw|static_assert)\b[^;]*;",
)
OPERATOR = r"(?<= )(?:[<>=!]=|[-+*]=|/=|[-+*/<>]|&&|\|\|)(?=\s)"
FUNCTION_OR_TRUTH = r"\b(?:std::(?:min|max)\(|true\b|false\b)"
NUMBER = r"(?<![\w.'])\d[\d']*(\.\d*)?(e-?\d+)?(?![\w.'])"
CALL = r"(?<=[;{}])\s*(?!(?:return|if|for|while|switch)\b)[\w.:>\[\]-]+(?=\()"


def changed_number(value, rng):
    """A neighbour of an integer; half or twice another number."""
    if isinstance(value, int):
        return value + rng.choice((-1, 1))
    return value * rng.choice((0.5, 2.0)) if value else 1.0


def swapped(node, rng):
    """Source of a node with another operator; none if nothing can stand for its operator."""
    new = copy.deepcopy(node)
    holder, key = vars(new), "op"
    if isinstance(new, ast.Compare):
        holder, key = new.ops, rng.randrange(len(new.ops))
    name = SWAPPED.get(type(holder[key]).__name__)
    if name:
        holder[key] = getattr(ast, name)()
        return ast.unparse(new)


def python_changes(node, returns, rng):
    """What may be changed of a node itself: pairs of a node and a source to replace it."""
    match node:
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield node, repr(changed_number(value, rng))
        case ast.UnaryOp(op=ast.Not()):
            yield node, ast.unparse(node.operand)
        case ast.Compare() | ast.BinOp() | ast.BoolOp() | ast.AugAssign():
            yield node, swapped(node, rng)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in SWAPPED:
            yield node.func, ast.unparse(node.func).removesuffix(name) + SWAPPED[name]
        case ast.Expr(value=ast.Call()) if "log" not in ast.unparse(node.value.func):
            yield node, "pass"
        case ast.Return(value=ast.expr()):
            tweak = RETURNED.get(returns, "2 * ({})" if "Array" in returns else "")
            yield node.value, tweak.format(ast.unparse(node.value))
        case ast.If() | ast.While() | ast.IfExp():
            yield node.test, f"not ({ast.unparse(node.test)})"


def of_python(text, rng):
    """Changes of a Python file, whose bytes are characters: start, end, old source, new source."""
    lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def visit(node, returns=""):
        if isinstance(node, ast.Raise | ast.JoinedStr):  # messages
            return
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.FunctionDef):
            returns = ast.unparse(node.returns) if node.returns else ""
        for part, new in python_changes(node, returns, rng):
            start = lines[part.lineno - 1] + part.col_offset
            end = lines[part.end_lineno - 1] + part.end_col_offset
            if new:
                new = f"({new})" if isinstance(part, ast.expr) else new
                yield start, end, new.encode().decode("latin-1")
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from visit(child, returns)

    yield from visit(ast.parse(text.encode("latin-1")))


def of_cpp(text, rng):
    """Changes of a C++ file: start, end, new source."""
    for pattern in HIDDEN:
        hide = re.compile(pattern, re.M | re.S)
        text = hide.sub(lambda match: re.sub(r"[^\n]", "\x01", match[0]), text)
    for match in re.finditer(f"{OPERATOR}|{FUNCTION_OR_TRUTH}", text):
        around = text[: match.start()].rstrip()[-1:] + text[match.end() :].lstrip()[:1]
        if "\x01" not in around:  # a message is put together
            yield *match.span(), CPP_SWAPPED[match[0]]
    for match in re.finditer(NUMBER, text):
        digits = match[0].replace("'", "")
        value = float(digits) if match[1] or match[2] else int(digits)
        yield *match.span(), repr(changed_number(value, rng))
    for match in re.finditer(r"(?<=[ (])!(?=[\w(])", text):
        yield *match.span(), ""
    for match in re.finditer(r"\breturn ([^;{}\x01]+);", text):
        yield *match.span(1), rng.choice(("!({})", "({}) + 1")).format(match[1])
    for match in re.finditer(CALL, text):
        depth, end = 1, match.end() + 1
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if text[end : end + 1] == ";":
            yield match.end() - len(match[0].lstrip()), end, ""
