import type { Rules } from "#params";
import { bool, type Codec, object, optional, RpcError } from "#rpc";
import { CallTracer } from "./call-tracer.ts";
import { CountTracer, NgramTracer, PreimageTracer } from "./counting-tracers.ts";
import { TracerError } from "./errors.ts";
import { FlatCallTracer } from "./flat-call-tracer.ts";
import type { TraceBudget } from "./limits.ts";
import { MuxTracer } from "./mux-tracer.ts";
import { PrestateTracer } from "./prestate-tracer.ts";
import { ScriptTracer } from "./script-tracer.ts";
import type { Scripts } from "./scripts.ts";
import { FourByteTracer, NoopTracer } from "./small-tracers.ts";
import { type StructLogConfig, StructLogger } from "./struct-logger.ts";
import type { JsonTracer, TracerPlace } from "./tracer.ts";

export interface TracerEnv {
  readonly place: TracerPlace;
  readonly rules: Rules;
  readonly budget: TraceBudget;
  /** Where JavaScript tracers run; absent: not for this caller. */
  readonly scripts?: Scripts | undefined;
}

export interface TracerChoice extends StructLogConfig {
  /** A name of geth's, or JavaScript; absent or empty: struct logs. */
  readonly tracer?: string | undefined;
  /** Its own options, as JSON. */
  readonly tracerConfig?: unknown;
}

const callConfig = object({ onlyTopCall: optional(bool), withLog: optional(bool) });
const flatConfig = object({ convertParityErrors: optional(bool), includePrecompiles: optional(bool) });
const prestateConfig = object({
  diffMode: optional(bool),
  disableCode: optional(bool),
  disableStorage: optional(bool),
  includeEmpty: optional(bool),
});

/** @throws TRACER_BAD_CONFIG */
function read<T>(codec: Codec<T, never>, config: unknown): T {
  try {
    return codec.decode(config ?? {}, "tracerConfig");
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    throw TracerError("BAD_CONFIG", { reason: error.message }, { cause: error });
  }
}

type Make = (config: unknown, env: TracerEnv) => JsonTracer;

const TRACERS: ReadonlyMap<string, Make> = new Map<string, Make>([
  ["callTracer", (config, { budget }) => new CallTracer(read(callConfig, config), budget)],
  [
    "flatCallTracer",
    (config, { place, rules, budget }) => new FlatCallTracer(read(flatConfig, config), place, rules, budget),
  ],
  ["prestateTracer", makePrestate],
  ["4byteTracer", (_, { rules }) => new FourByteTracer(rules)],
  ["noopTracer", () => new NoopTracer()],
  ["muxTracer", makeMux],
  ["keccak256PreimageTracer", (_, { budget }) => new PreimageTracer(budget)],
  ["opcountTracer", () => new CountTracer()],
  ["unigramTracer", (_, { budget }) => new NgramTracer(1, budget)],
  ["bigramTracer", (_, { budget }) => new NgramTracer(2, budget)],
  ["trigramTracer", (_, { budget }) => new NgramTracer(3, budget)],
]);

function makePrestate(config: unknown, { budget }: TracerEnv): JsonTracer {
  const known = read(prestateConfig, config);
  if (known.diffMode === true && known.includeEmpty === true)
    throw TracerError("BAD_CONFIG", { reason: "cannot use diffMode with includeEmpty" });
  return new PrestateTracer(known, budget);
}

/** Most tracers that one run feeds. */
const MAX_PARTS = 16;

function makeMux(config: unknown, env: TracerEnv): JsonTracer {
  if (config === undefined || config === null) return new MuxTracer([]);
  if (typeof config !== "object" || Array.isArray(config))
    throw TracerError("BAD_CONFIG", { reason: "muxTracer wants {name of a tracer: its config, …}" });
  const rows = Object.entries(config);
  if (rows.length > MAX_PARTS)
    throw TracerError("BAD_CONFIG", { reason: `muxTracer feeds at most ${MAX_PARTS} tracers` });
  return new MuxTracer(
    rows.map(([name, own]: [string, unknown]) => {
      const make = TRACERS.get(name);
      if (make === undefined) throw TracerError("UNKNOWN", { name: name.slice(0, 32) });
      return [name, make(own, env)];
    }),
  );
}

/** A word is a name; anything else is taken for JavaScript, as geth does. */
const NAME = /^[A-Za-z0-9_]+$/;

/** The tracer that a request names. @throws TRACER_* */
export function makeTracer(choice: TracerChoice, env: TracerEnv): JsonTracer {
  const { tracer: name = "", tracerConfig } = choice;
  if (name === "") return new StructLogger(choice, env.budget);
  const make = TRACERS.get(name);
  if (make !== undefined) return make(tracerConfig, env);
  if (NAME.test(name)) throw TracerError("UNKNOWN", { name: name.slice(0, 32) });
  if (env.scripts === undefined) throw TracerError("SCRIPTS_OFF");
  const config = JSON.stringify(tracerConfig ?? {});
  return new ScriptTracer({ code: name, config }, env.place, env.rules, env.scripts);
}
