import { Script } from "node:vm";

const QUOTES: ReadonlySet<string> = new Set(["'", '"', "`"]);
const OPENING: ReadonlySet<string> = new Set(["(", "[", "{"]);
const CLOSING: ReadonlySet<string> = new Set([")", "]", "}"]);
const DECLARATION = /^\s*(?:var|let|const)\s+(?=[\w$[{])/;
const compile = (code: string) => new Script(code, { filename: "console" });

/** Where a string, template or comment that begins at `at` ends; `at` itself if none does. */
function skip(code: string, at: number): number {
  const first = code[at] ?? "";
  const isLine = code.startsWith("//", at);
  if (isLine || code.startsWith("/*", at)) {
    const end = code.indexOf(isLine ? "\n" : "*/", at + 2);
    return end < 0 ? code.length : isLine ? end : end + 2;
  }
  if (!QUOTES.has(first)) return at;
  let i = at + 1;
  while (i < code.length && code[i] !== first) i += code[i] === "\\" ? 2 : 1;
  return i + 1;
}

/** Statements of the top level, divided at these characters. What is inside brackets, strings and comments is passed over. */
function statementsOf(code: string, ends: string): string[] {
  const statements: string[] = [];
  let depth = 0;
  let start = 0;
  let i = 0;
  while (i < code.length) {
    const after = skip(code, i);
    if (after > i) {
      i = after;
      continue;
    }
    const char = code[i] ?? "";
    if (OPENING.has(char)) depth++;
    else if (CLOSING.has(char)) depth--;
    else if (depth === 0 && ends.includes(char)) {
      statements.push(code.slice(start, i));
      start = i + 1;
    }
    i++;
  }
  return [...statements, code.slice(start)].filter((one) => one.trim() !== "");
}

/** An async function of these statements which gives the last one's value. Declared names become globals, which stay. */
function* wrapped(code: string): Iterable<string> {
  yield `(async () => (${code}\n))()`;
  for (const ends of [";", ";\n"]) {
    const statements = statementsOf(code, ends).map((one) =>
      DECLARATION.test(one) ? `void (${one.replace(DECLARATION, "")}\n)` : one,
    );
    const last = statements.pop() ?? "";
    const before = statements.map((one) => `${one}\n;`).join("");
    yield `(async () => {${before}return (${last}\n)})()`;
    yield `(async () => {${before}${last}\n})()`;
  }
}

function attempt(code: string): Script | SyntaxError {
  try {
    return compile(code);
  } catch (error) {
    if (error instanceof SyntaxError) return error;
    throw error;
  }
}

/**
 * Code as it is typed: a script, or with `await` at its top level an async function of the same meaning, in which
 * `var x = await …` makes an x that the next line knows.
 * @throws SyntaxError
 */
export function parse(code: string): Script {
  const plain = attempt(code);
  if (!(plain instanceof SyntaxError)) return plain;
  if (!/\bawait\b/.test(code)) throw plain;
  for (const one of wrapped(code)) {
    const script = attempt(one);
    if (!(script instanceof SyntaxError)) return script;
  }
  // inside an async function it says what else is wrong: most of all, that there is more to come
  const inside = attempt(`async () => {${code}`);
  throw inside instanceof SyntaxError ? inside : plain;
}
