import { Recoverable, type REPLServer, start } from "node:repl";
import { format, inspect } from "node:util";
import { createContext, type Script } from "node:vm";
import { knownMethods } from "./methods.ts";
import { parse } from "./parse.ts";

/** What the console needs of an RPC client: EIP-1193's `request`. */
export interface ConsoleClient {
  request(call: { method: string; params?: readonly unknown[] }): Promise<unknown>;
}

/** Scripts that a session runs: named files, and those a script names (`loadScript`, as in geth's console). */
export interface ScriptOptions {
  /** Run first, in order; a failing one ends the session. */
  readonly preload?: readonly string[] | undefined;
  /** The text of a script file. Without it there is no `loadScript`. */
  readonly readScript?: ((path: string) => Promise<string>) | undefined;
  /** Takes what `console.log` says, a line at a time. */
  readonly print?: ((line: string) => void) | undefined;
}

export interface ConsoleOptions extends ScriptOptions {
  readonly client: ConsoleClient;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Lines are kept here from one session to the next. */
  readonly historyFile?: string | undefined;
  /** Editing and colours; off for pipes. */
  readonly terminal: boolean;
}

type RpcFunction = ((...params: readonly unknown[]) => Promise<unknown>) & { readonly rpcMethod: string };

function isRpcFunction(value: unknown): value is RpcFunction {
  return typeof value === "function" && "rpcMethod" in value;
}

/** Methods of the server: its own list if it has one, else the known ones of the namespaces it serves. */
async function methodsOf(client: ConsoleClient): Promise<readonly string[]> {
  const listed = await client.request({ method: "rpc_methods" }).catch(() => undefined);
  if (Array.isArray(listed)) return listed.filter((name) => typeof name === "string");
  const modules = await client.request({ method: "rpc_modules" }).catch(() => ({}));
  const namespaces = new Set(Object.keys(typeof modules === "object" && modules !== null ? modules : {}));
  return knownMethods.filter((name) => namespaces.has(name.slice(0, name.indexOf("_"))));
}

/** `eth_getBalance` → `eth.getBalance(...)`, one object per namespace. */
function namespacesOf(
  client: ConsoleClient,
  methods: readonly string[],
): Record<string, Record<string, RpcFunction>> {
  const namespaces: Record<string, Record<string, RpcFunction>> = Object.create(null);
  for (const rpcMethod of methods) {
    const at = rpcMethod.indexOf("_");
    const namespace = rpcMethod.slice(0, at);
    const call = (...params: readonly unknown[]) => client.request({ method: rpcMethod, params });
    const group =
      namespaces[namespace] ?? (namespaces[namespace] = Object.create(null) as Record<string, RpcFunction>);
    group[rpcMethod.slice(at + 1)] = Object.assign(call, { rpcMethod });
  }
  return namespaces;
}

function isUnfinished(error: unknown): error is SyntaxError {
  return (
    error instanceof SyntaxError &&
    /^(Unexpected end of input|Unterminated template|missing \))/.test(error.message)
  );
}

/** Runs one line: awaits what it gives, and calls a method that was only named (`eth.blockNumber`, as in geth's console). */
async function run(script: Script, context: object): Promise<unknown> {
  const value: unknown = script.runInContext(context);
  return isRpcFunction(value) ? await value() : await value;
}

function write(value: unknown, colors: boolean): string {
  if (value instanceof Error) {
    const code = "code" in value && typeof value.code === "number" ? ` (${value.code})` : "";
    return `Error${code}: ${value.message}`;
  }
  return value === undefined ? "" : inspect(value, { colors, depth: 6, maxArrayLength: 200 });
}

function contextOf(client: ConsoleClient, methods: readonly string[]): object {
  return Object.assign(namespacesOf(client, methods), {
    rpc: (method: string, params: readonly unknown[] = []) => client.request({ method, params }),
  });
}

/** Gives a context `loadScript(path)`, and runs what is to be run first in it. @throws what a script throws */
async function prepare(context: object, { preload = [], readScript }: ScriptOptions): Promise<void> {
  if (readScript === undefined) return;
  const loadScript = async (path: string) => {
    await run(parse(await readScript(path)), context);
    return true;
  };
  Object.assign(context, { loadScript });
  for (const path of preload) await loadScript(path);
}

/** `console.log` and its kin, as lines. */
function consoleOf(print: (line: string) => void): object {
  const log = (...values: readonly unknown[]) => print(format(...values));
  return { log, info: log, warn: log, error: log, debug: log };
}

/** Runs one piece of code as if it had been typed, and gives what would have been printed. @throws what the code throws */
export async function evaluate(
  client: ConsoleClient,
  code: string,
  options: ScriptOptions = {},
): Promise<string> {
  const names = contextOf(client, await methodsOf(client));
  const { print } = options;
  const context = createContext(print === undefined ? names : { ...names, console: consoleOf(print) });
  await prepare(context, options);
  return write(await run(parse(code), context), false);
}

function setHistory(repl: REPLServer, file: string): Promise<void> {
  return new Promise((resolve) => repl.setupHistory(file, () => resolve()));
}

/**
 * An interactive console on an RPC client: `eth.getBalance("0x…", "latest")`, `rpc("ns_method", [params])`, `.help`.
 * Completion knows the server's methods. Resolves when the user leaves (`.exit`, Ctrl-D) or the input ends.
 */
export async function runConsole(options: ConsoleOptions): Promise<void> {
  const { client, input, output, terminal, historyFile } = options;
  const names = contextOf(client, await methodsOf(client));
  let running = Promise.resolve();
  let isOver = false;
  /** One line after the other, also when they come faster than they are answered (a pipe). */
  const answer = (give: () => Promise<unknown>, callback: (error: null, value: unknown) => void) => {
    running = running
      .then(give)
      .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
      .then((value) => {
        if (isOver)
          output.write(`${write(value, terminal)}\n`); // the input ended while this ran
        else callback(null, value);
      });
  };
  const repl = start({
    prompt: "> ",
    input,
    output,
    terminal,
    writer: (value) => write(value, terminal),
    eval: (code, context, _file, callback) => {
      if (code.trim() === "exit" || code.trim() === "exit;") {
        repl.close();
        return;
      }
      let script: Script;
      try {
        script = parse(code);
      } catch (error) {
        if (isUnfinished(error)) {
          callback(new Recoverable(error), undefined);
          return;
        }
        repl.clearBufferedCommand();
        answer(() => Promise.reject(error), callback);
        return;
      }
      repl.clearBufferedCommand(); // lines of a pipe do not wait for the answer to this one
      answer(() => run(script, context), callback);
    },
  });
  Object.assign(repl.context, names);
  try {
    await prepare(repl.context, options);
  } catch (error) {
    repl.close();
    throw error;
  }
  const closed = new Promise<void>((resolve) => {
    repl.once("exit", () => {
      isOver = true;
      resolve();
    });
  });
  if (historyFile !== undefined && terminal) await setHistory(repl, historyFile);
  await closed;
  await running;
}
